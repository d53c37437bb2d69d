//go:build e2e

package e2e

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/org/multiarch-action/internal/setup"
)

// These tests share the kernel's list of handlers with whatever else goes on. What they keep or break is of architectures that
// nobody builds for.

const binfmt = "/proc/sys/fs/binfmt_misc"

// setupOutput is what setup --json prints.
type setupOutput struct {
	Supported     []string
	Emulators     []string
	Architectures []setup.Emulation
	Builder       struct{ Name, Address, Version, Run string }
}

func (o setupOutput) architecture(t *testing.T, name string) setup.Emulation {
	t.Helper()
	for _, e := range o.Architectures {
		if e.Architecture == name {
			return e
		}
	}
	t.Fatalf("nothing is said of %s", name)
	return setup.Emulation{}
}

func decodeSetup(t *testing.T, r result) setupOutput {
	t.Helper()
	var out setupOutput
	if err := json.Unmarshal([]byte(r.stdout), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// setsUp is a set-up that does not find the lab's emulators by itself. Handlers of its that stay are removed after the test.
func setsUp(t *testing.T, platforms []string, args ...string) invocation {
	t.Helper()
	for _, p := range platforms {
		removeHandler(t, "multiarch-kept-"+strings.TrimPrefix(p, "linux/"))
		t.Cleanup(func() { removeHandler(t, "multiarch-kept-"+strings.TrimPrefix(p, "linux/")) })
	}
	return invocation{
		args: append([]string{"setup", "--platform", strings.Join(platforms, ","), "--buildkitd-config", w.lab["LAB_BUILDKITD_CONFIG"]}, args...),
		env:  []string{"PATH=/nowhere", "XDG_CACHE_HOME=" + t.TempDir()},
	}
}

func removeHandler(t *testing.T, name string) {
	t.Helper()
	file, err := os.OpenFile(filepath.Join(binfmt, name), os.O_WRONLY, 0)
	if os.IsNotExist(err) {
		return
	}
	if err == nil {
		_, err = file.WriteString("-1")
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		t.Error(err)
	}
}

// emulatorFile is one of the lab's.
func emulatorFile(qemu string) string {
	return filepath.Join(w.lab["LAB_QEMU_DIR"], "qemu-"+qemu+"-static")
}

// pushEmulators stores an image with some of the lab's emulators as tonistiigi/binfmt has them, and returns its name in the lab's
// registry, with its digest.
func pushEmulators(t *testing.T, names ...string) string {
	t.Helper()
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	for _, qemu := range names {
		content, err := os.ReadFile(emulatorFile(qemu))
		if err == nil {
			err = writer.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "usr/bin/qemu-" + qemu, Mode: 0o755, Size: int64(len(content))})
		}
		if err == nil {
			_, err = writer.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		t.Fatal(err)
	}
	index := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{
		Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: runtime.GOARCH}},
	})
	digest, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	repository := w.lab["LAB_REGISTRY"] + "/emulation/binfmt@" + digest.String()
	reference, err := name.ParseReference(repository)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(reference, index); err != nil {
		t.Fatal(err)
	}
	return repository
}

func TestEmulatorsAreTakenFromAnImage(t *testing.T) {
	image := pushEmulators(t, "mips64", "loongarch64")
	// By the name that a mirror has it under, as the default image is found behind one.
	mirrored := strings.TrimPrefix(image, w.lab["LAB_REGISTRY"]+"/")
	for _, name := range []string{image, mirrored} {
		i := setsUp(t, []string{"linux/mips64"}, "--no-builder", "--json", "--binfmt-image", name)
		r := i.run(t)
		r.wantCode(t, 0)
		got := decodeSetup(t, r).architecture(t, "mips64")
		if got.Way != setup.WayRegistered || got.Origin != name || got.Version == "" || got.Container {
			t.Errorf("got %+v, want it registered from %s", got, name)
		}
	}
}

func TestAnArchitectureThatTheImageLacksFails(t *testing.T) {
	image := pushEmulators(t, "mips64")
	r := setsUp(t, []string{"linux/mips64", "linux/ppc64"}, "--no-builder", "--json", "--binfmt-image", image).run(t)
	r.wantCode(t, 1)
	r.wantStderr(t, "ppc64: nothing on this machine runs ppc64 programs", "the image "+image+" has no qemu-ppc64", "name an image that has it by --binfmt-image")
	if got := decodeSetup(t, r); got.architecture(t, "mips64").Way != setup.WayRegistered || !slices.Equal(got.Supported, []string{"linux/mips64"}) {
		t.Errorf("got %+v, want mips64 supported", got)
	}
}

// registerFor puts somebody else's handler into the kernel.
func registerFor(t *testing.T, name, magic, emulator, flags string) {
	t.Helper()
	mask := `\xff\xff\xff\xff\xff\xff\xff\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff`
	if strings.HasSuffix(magic, `\x01`) { // little
		mask = `\xff\xff\xff\xff\xff\xff\xff\x00\x00\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff`
	}
	line := fmt.Sprintf(":%s:M:0:%s:%s:%s:%s", name, magic, mask, emulator, flags)
	if err := os.WriteFile(filepath.Join(binfmt, "register"), []byte(line), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeHandler(t, name) })
}

const (
	magicPPC64   = `\x7fELF\x02\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x15`
	magicMIPS64  = `\x7fELF\x02\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x08`
	magicLoong64 = `\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x02\x01`
)

func TestASetUpFailsAndNamesWhatDoesNotRun(t *testing.T) {
	platforms := []string{"linux/loong64", "linux/mips64", "linux/ppc64"}
	falseProgram, gone := filepath.Join(t.TempDir(), "false"), filepath.Join(t.TempDir(), "qemu-mips64")
	must(t, "cp", "/bin/false", falseProgram)
	must(t, "cp", emulatorFile("mips64"), gone)
	suffix := fmt.Sprint(os.Getpid())
	prefix := "lab-broken-" + suffix
	nowhere := setsUp(t, platforms, "--no-builder", "--binfmt-image", "none")
	registerFor(t, prefix+"-loong64", magicLoong64, falseProgram, "OCF")
	registerFor(t, prefix+"-mips64", magicMIPS64, gone, "OC")
	registerFor(t, prefix+"-ppc64", magicPPC64, emulatorFile("ppc64"), "OC")
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	r := nowhere.run(t)
	r.wantCode(t, 1)
	r.wantStderr(
		t, "set-up: programs of 3 of 3 architectures cannot be relied on to run",
		"loong64: the emulator "+falseProgram+" of the handler "+prefix+"-loong64 is dynamically linked",
		"mips64: the emulator "+gone+" of the handler "+prefix+"-mips64 is gone",
		"ppc64: the handler "+prefix+"-ppc64 has no flag F",
		"install QEMU's static emulators",
	)

	// With emulators at hand the same set-up works: its own handlers take precedence.
	nowhere.env = []string{"PATH=" + w.lab["LAB_QEMU_DIR"]}
	r = nowhere.run(t)
	r.wantCode(t, 0)
	for _, p := range platforms {
		if !strings.Contains(r.stdout, p) || strings.Contains(r.stdout, "does not run") {
			t.Errorf("stdout does not say that %s runs", p)
		}
	}
}

func TestAStaleKeptHandlerIsReplaced(t *testing.T) {
	i := setsUp(t, []string{"linux/loong64"}, "--no-builder", "--json")
	i.env = []string{"PATH=" + w.lab["LAB_QEMU_DIR"]}
	stale := filepath.Join(t.TempDir(), "qemu-loongarch64")
	must(t, "cp", "/bin/false", stale)
	registerFor(t, "multiarch-kept-loong64", magicLoong64, stale, "OCF")
	r := i.run(t)
	r.wantCode(t, 0)
	got := decodeSetup(t, r).architecture(t, "loong64")
	if got.Way != setup.WayRegistered || got.Handler != "multiarch-kept-loong64" || got.Emulator != emulatorFile("loongarch64") {
		t.Errorf("got %+v, want it replaced", got)
	}
	// And is there for the next one.
	r = i.run(t)
	r.wantCode(t, 0)
	if got := decodeSetup(t, r).architecture(t, "loong64"); got.Way != setup.WayPresent || got.Handler != "multiarch-kept-loong64" {
		t.Errorf("got %+v, want it present", got)
	}
}

// static is the program as it is released, which can run in a container of any kind. Ordinary users may execute it.
var static = sync.OnceValues(func() (string, error) {
	dir := filepath.Dir(w.program)
	program := filepath.Join(dir, "static")
	cmd := exec.Command("go", "build", "-o", program, ".")
	cmd.Dir = w.root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the static program: %w\n%s", err, text)
	}
	return program, os.Chmod(dir, 0o755)
})

// runAsUser starts the program as somebody who is not root and may use the Docker Engine.
func runAsUser(t *testing.T, i invocation) result {
	t.Helper()
	program, err := static()
	if err != nil {
		t.Fatal(err)
	}
	socket, err := os.Stat("/var/run/docker.sock")
	if err != nil {
		t.Fatal(err)
	}
	home := i.tmp
	if home == "" {
		home = userHome(t)
	}
	cmd, _ := i.command(t.Context(), t)
	cmd.Path, cmd.Dir = program, "/"
	reportFile := filepath.Join(home, "report.json")
	if at := slices.Index(cmd.Args, "--report"); at > 0 {
		cmd.Args[at+1] = reportFile
	}
	cmd.Env = append(cmd.Env, "HOME="+home, "TMPDIR="+home, "XDG_CACHE_HOME="+home)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{
		Uid: nobody, Gid: nobody, Groups: []uint32{socket.Sys().(*syscall.Stat_t).Gid},
	}}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	r := result{stdout: stdout.String(), stderr: stderr.String()}
	r.finish(t, err, reportFile)
	return r
}

const nobody = 65534

// userHome makes a folder that is the user's own. What else the tests' folders hold must be readable.
func userHome(t *testing.T) string {
	t.Helper()
	home, err := os.MkdirTemp("", "e2e-user-") //nolint:usetesting // t.TempDir is closed to other users
	if err == nil {
		t.Cleanup(func() { _ = os.RemoveAll(home) })
		err = os.Chown(home, nobody, nobody)
	}
	if err != nil {
		t.Fatal(err)
	}
	return home
}

// labConfig is the lab's configuration of the builder, as text.
func labConfig(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(w.lab["LAB_BUILDKITD_CONFIG"])
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestAnOrdinaryUserRegistersThroughAContainer(t *testing.T) {
	image := pushEmulators(t, "mips64")
	i := setsUp(t, []string{"linux/loong64", "linux/mips64", "linux/386"}, "--no-builder", "--json", "--binfmt-image", image)
	i.env = []string{"PATH=" + w.lab["LAB_QEMU_DIR"]}
	i.args = slices.DeleteFunc(i.args, func(arg string) bool { return arg == "--buildkitd-config" || arg == w.lab["LAB_BUILDKITD_CONFIG"] })
	r := runAsUser(t, i)
	r.wantCode(t, 0)
	got := decodeSetup(t, r)
	for _, name := range []string{"loong64", "mips64"} {
		e := got.architecture(t, name)
		if e.Way != setup.WayRegistered || !e.Container || e.Handler != "multiarch-kept-"+name || e.Version == "" || e.Problem != "" {
			t.Errorf("got %+v, want it registered through a container", e)
		}
		if !slices.Contains(got.Emulators, e.Handler) {
			t.Errorf("the handlers %q lack %s", got.Emulators, e.Handler)
		}
	}
	if diff := cmp.Diff([]string{"linux/loong64", "linux/mips64", "linux/386"}, got.Supported); diff != "" {
		t.Error(diff)
	}
	if left := must(t, "docker", "ps", "-aq", "--filter", "name=helper"); left != "" {
		t.Errorf("containers are left: %s", left)
	}
}

// A build of an ordinary user registers, builds and takes everything away again.
func TestAnOrdinaryUserLeavesNothing(t *testing.T) {
	open, err := os.MkdirTemp("", "e2e-context-") //nolint:usetesting // t.TempDir is closed to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(open) })
	if err := os.WriteFile(filepath.Join(open, "Dockerfile"), []byte("FROM scratch\nCOPY Dockerfile /\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o755); err != nil {
		t.Fatal(err)
	}
	i := invocation{args: []string{
		"build", "--platform", "linux/loong64", "--binfmt", "always", "--verify", "off", "--progress", "plain",
		"--buildkitd-config-inline", labConfig(t), open,
	}}
	r := runAsUser(t, i)
	r.wantCode(t, 0)
	if p := r.platform(t, "linux/loong64"); p.Way != "registered" || !strings.HasSuffix(p.Emulator, ", through a privileged container") {
		t.Errorf("got %+v, want it registered through a container", p)
	}
	wantNothingLeft(t, r.report.Run)
}

// What a killed run of the user registered through a container, the next one removes through a container.
func TestAnOrdinaryUserSweepsHandlers(t *testing.T) {
	const killed = "0e2e0e2e0e2e"
	home := userHome(t)
	left, image := filepath.Join(home, "multiarch-action-"+killed), filepath.Join(home, "context")
	for _, dir := range []string{left, image} {
		if err := errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, nobody, nobody)); err != nil {
			t.Fatal(err)
		}
	}
	for file, content := range map[string]string{
		filepath.Join(image, "Dockerfile"): "FROM scratch\nCOPY Dockerfile /\n", filepath.Join(left, "lock"): "", // a lock that nobody holds
	} {
		if err := errors.Join(os.WriteFile(file, []byte(content), 0o600), os.Chown(file, nobody, nobody)); err != nil {
			t.Fatal(err)
		}
	}
	// By an extension that no file has, so that it serves nobody.
	handler := "multiarch-" + killed + "-loong64"
	if err := os.WriteFile("/proc/sys/fs/binfmt_misc/register", []byte(":"+handler+":E::e2e-never::/bin/false:"), 0o200); err != nil {
		t.Fatal(err)
	}
	r := runAsUser(t, invocation{args: []string{"build", "--platform", "linux/amd64", "--progress", "plain", image}, tmp: home})
	if _, err := os.Stat("/proc/sys/fs/binfmt_misc/" + handler); err == nil {
		t.Errorf("the handler %s is still there", handler)
		_ = os.WriteFile("/proc/sys/fs/binfmt_misc/"+handler, []byte("-1"), 0o200)
	}
	r.wantStderr(t, "swept what runs that were killed have left: run "+killed+": handler "+handler+", folder "+left)
}

func TestASetUpBuilderIsUsedAndRemoved(t *testing.T) {
	i := setsUp(t, []string{"linux/386"}, "--json", "--name", "e2e-setup-"+fmt.Sprint(os.Getpid()))
	i.tmp = shortTemp(t)
	r := i.run(t)
	r.wantCode(t, 0)
	got := decodeSetup(t, r)
	b := got.Builder
	t.Cleanup(func() { _, _ = output("", "docker", "rm", "-fv", b.Name) })
	if b.Name == "" || b.Address != "docker-container://"+b.Name || b.Version == "" || b.Run == "" || got.architecture(t, "386").Way != setup.WayNative {
		t.Fatalf("got %+v, want a builder and 386 native", got)
	}
	again := i.run(t)
	again.wantCode(t, 0)
	again.wantStderr(t, "builder "+b.Name+" runs already and is used as it is")
	if diff := cmp.Diff(b, decodeSetup(t, again).Builder); diff != "" {
		t.Errorf("the builder of the second set-up (-want +got):\n%s", diff)
	}
	build := invocation{args: []string{
		"build", "--builder", b.Name, "--platform", "linux/386", "--progress", "plain", folder(t, map[string]string{"Dockerfile": "FROM busybox\nRUN true\n"}),
	}}
	build.run(t).wantCode(t, 0)
	if running := must(t, "docker", "ps", "-q", "--filter", "name="+b.Name); running == "" {
		t.Error("the builder is gone after the build")
	}
	cleanup := invocation{args: []string{"cleanup", "--name", b.Name}, tmp: i.tmp}
	cleanup.run(t).wantCode(t, 0)
	wantNothingLeft(t, b.Run)
	wantEmpty(t, i.tmp)
}

// The lab's builder brings no emulators, so it gets one under the name that BuildKit looks for.
func TestTheBuildersOwnEmulatorsAreTheLastWay(t *testing.T) {
	source := "e2e-builtin-" + fmt.Sprint(os.Getpid())
	image := source + ":1"
	must(t, "docker", "create", "--name", source, w.lab["LAB_BUILDKIT_IMAGE"])
	t.Cleanup(func() {
		_, _ = output("", "docker", "rm", "-fv", source)
		_, _ = output("", "docker", "rmi", "-f", image)
	})
	must(t, "docker", "cp", emulatorFile("loongarch64"), source+":/usr/bin/buildkit-qemu-loong64")
	must(t, "docker", "commit", source, image)
	args := []string{"--binfmt", "never", "--json", "--buildkit-image"}
	i := setsUp(t, []string{"linux/loong64"}, append(args, image)...)
	i.tmp = shortTemp(t)
	r := i.run(t)
	r.wantCode(t, 0)
	got := decodeSetup(t, r)
	t.Cleanup(func() { must(t, w.program, "cleanup", "--name", got.Builder.Name) })
	e := got.architecture(t, "loong64")
	if e.Way != setup.WayBuiltin || !strings.Contains(e.Problem, "without chroot") || len(got.Supported) != 0 {
		t.Errorf("got %+v, want the builder's own emulator with its limits", got)
	}
	r.wantStderr(t, "loong64: the builder's own QEMU; the builder emulates them for build steps only")

	without := setsUp(t, []string{"linux/loong64"}, append(args, w.lab["LAB_BUILDKIT_IMAGE"], "--name", source+"-without")...)
	r = without.run(t)
	r.wantCode(t, 1)
	r.wantStderr(t, "registering emulators is switched off")
	if left := must(t, "docker", "ps", "-aq", "--filter", "name="+source+"-without"); left != "" {
		t.Errorf("the builder of the set-up that failed is left: %s", left)
	}
}
