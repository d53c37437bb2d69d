//go:build e2e && linux

package setup

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatCannotRunIsMissing(t *testing.T) {
	config := newTestConfig(t)
	got := emulateOne(t, config, "windows/amd64")
	want := Emulation{
		OS: "windows", Architecture: "amd64", Platforms: parsePlatforms(t, "windows/amd64"), Way: WayMissing,
		Problem: "programs for windows/amd64 cannot run here and no emulator is known for them",
		Hint:    "build on the build platform (FROM --platform=$BUILDPLATFORM) and copy the results",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestABrokenEmulatorIsToldAndRemoved(t *testing.T) {
	host, _ := architectureOf(runtime.GOARCH)
	guest, _ := architectureOf("loong64")
	wrong, err := os.ReadFile(realEmulator(t, "mips"))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, content, cause, hint string }{
		{
			"it exits with 1", string(host.program(1)),
			"does not run loong64 programs (exit status 1 instead of ", "replace it by qemu-loongarch64",
		},
		{
			"it exits with 0", string(host.program(0)),
			"does not run loong64 programs (exit status 0 instead of ", "replace it by qemu-loongarch64",
		},
		{
			"it is for another architecture", string(wrong),
			"is for another architecture than loong64 (exit status 255 instead of ", "replace it by qemu-loongarch64",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := newTestConfig(t)
			folder := t.TempDir()
			writeFiles(t, folder, map[string]string{guest.emulators()[0]: test.content})
			config.SearchPath = []string{folder}
			got := emulateOne(t, config, "linux/loong64")
			path := filepath.Join(folder, guest.emulators()[0])
			want := "nothing on this machine runs loong64 programs (exec format error); " + path +
				" was registered and removed again: the emulator " + path + " of the handler multiarch-" + config.Run + "-loong64 " + test.cause
			if got.Way != WayMissing || !strings.HasPrefix(got.Problem, want) || got.Hint != test.hint {
				t.Errorf("got %+v, want problem %s..., hint %s", got, want, test.hint)
			}
			if left := ownEntries(t, config); left != nil {
				t.Errorf("got %q left, want it removed", left)
			}
		})
	}
}

func TestAMissingEmulatorIsTold(t *testing.T) {
	config := newTestConfig(t)
	config.SearchPath = []string{t.TempDir()}
	got := emulateOne(t, config, "linux/loong64")
	want := "nothing on this machine runs loong64 programs (exec format error); " +
		"no emulator qemu-loongarch64-static or qemu-loongarch64 is in " + config.SearchPath[0]
	if got.Way != WayMissing || got.Problem != want || !strings.HasPrefix(got.Hint, "install QEMU's static emulators") {
		t.Errorf("got %+v, want problem %s", got, want)
	}
}

func TestAHandlerWithoutFIsTold(t *testing.T) {
	config := newTestConfig(t)
	real := realEmulator(t, "mips64")
	name := fmt.Sprintf("lab-open-%d-mips64", os.Getpid())
	registerFor(t, name, "mips64", real, "OC")
	nowhere := config
	nowhere.SearchPath = []string{t.TempDir()}
	got := emulateOne(t, nowhere, "linux/mips64")
	want := "the handler " + name + " has no flag F, so that containers look for its emulator " + real +
		" among their own files and do not find it; no emulator "
	if got.Way != WayMissing || !strings.HasPrefix(got.Problem, want) {
		t.Errorf("got %+v, want problem %s...", got, want)
	}
	if got := emulateOne(t, config, "linux/mips64"); got.Way != WayRegistered {
		t.Errorf("got %+v, want our own handler over the one without F", got)
	}
	guest, _ := architectureOf("mips64")
	kept, err := readEntry(binfmtRoot, name)
	if want := guest.handler(name, real, "OC"); err != nil || kept.difference(want) != "" {
		t.Errorf("got %+v, %v, want it untouched", kept, err)
	}
}

func TestADisabledHandlerIsTold(t *testing.T) {
	config := newTestConfig(t)
	name := fmt.Sprintf("lab-off-%d-ppc64", os.Getpid())
	registerFor(t, name, "ppc64", realEmulator(t, "ppc64"), "PCF")
	if err := os.WriteFile(filepath.Join(binfmtRoot, name), []byte("0"), 0o600); err != nil {
		t.Fatal(err)
	}
	config.SearchPath = []string{t.TempDir()}
	got := emulateOne(t, config, "linux/ppc64")
	if want := "the handler " + name + " for ppc64 programs is disabled; "; got.Way != WayMissing || !strings.HasPrefix(got.Problem, want) {
		t.Errorf("got %+v, want problem %s...", got, want)
	}
	if want := "; or enable it: echo 1 | sudo tee " + filepath.Join(binfmtRoot, name); !strings.HasSuffix(got.Hint, want) {
		t.Errorf("got hint %s, want ...%s", got.Hint, want)
	}
}

// The kernel asks the handler of the other run, which works; ours would be believed if only programs were executed.
func TestABrokenEmulatorIsFoundBehindAHandlerOfAnotherRun(t *testing.T) {
	config := newTestConfig(t)
	guest, _ := architectureOf("loong64")
	host, _ := architectureOf(runtime.GOARCH)
	p := newTestProber(t)
	folder := t.TempDir()
	writeFiles(t, folder, map[string]string{"false": string(host.program(1))})
	entry := guest.handler(handlerName(config.Run, guest.name), filepath.Join(folder, "false"), "PCF")
	registerFor(t, entry.name, guest.name, entry.interpreter, entry.flags)
	registerFor(t, handlerName(config.Run+"-other", guest.name), guest.name, realEmulator(t, guest.name), "PCF")
	entry.flags = "POCF"
	m := &emulator{config: config, prober: p}
	got, err := m.prove(t.Context(), guest, entry)
	if want := "does not run loong64 programs"; err != nil || got == nil || !strings.Contains(got.problem, want) {
		t.Errorf("got %+v, %v, want %s", got, err, want)
	}
}

// An emulator that only the machine finds must not pass for one that containers find, however the probe is executed.
func TestEveryCageSeesThatFIsNotThere(t *testing.T) {
	config := newTestConfig(t)
	guest, _ := architectureOf("mips64")
	real := realEmulator(t, "mips64")
	open := fmt.Sprintf("lab-cage-%d-mips64", os.Getpid())
	registerFor(t, open, "mips64", real, "OC")
	runs := map[cage]bool{}
	look := func() map[cage]bool {
		for _, cage := range []cage{cageRoot, cageUser, cageNone} {
			p := newTestProber(t)
			p.cage = cage
			m := &emulator{config: config, prober: p}
			seen, err := m.look(t.Context(), guest)
			if err != nil {
				t.Fatal(err)
			}
			runs[cage] = seen.runs
		}
		return maps.Clone(runs)
	}
	if diff := cmp.Diff(map[cage]bool{cageRoot: false, cageUser: false, cageNone: false}, look()); diff != "" {
		t.Errorf("without F: %s", diff)
	}
	registerFor(t, strings.Replace(open, "cage", "fixed", 1), "mips64", real, "PCF")
	if diff := cmp.Diff(map[cage]bool{cageRoot: true, cageUser: true, cageNone: true}, look()); diff != "" {
		t.Errorf("with F: %s", diff)
	}
}

// A handler that catches the machine's own programs is not tried on a machine that others use: their program is gone
// instead, which looks the same.
func TestAHandlerAfterWhichNothingRunsIsRemoved(t *testing.T) {
	config := newTestConfig(t)
	guest, _ := architectureOf("mips64")
	p := newTestProber(t)
	if err := os.Remove(filepath.Join(p.folder, p.host.name, probeName)); err != nil {
		t.Fatal(err)
	}
	m := &emulator{config: config, prober: p}
	real := realEmulator(t, "mips64")
	_, got, err := m.register(t.Context(), Emulation{}, guest, supply{path: real})
	want := real + " was registered and removed again: programs of the machine itself no longer ran: "
	if err != nil || got == nil || !strings.HasPrefix(got.problem, want) {
		t.Errorf("got %+v, %v, want %s...", got, err, want)
	}
	if left := ownEntries(t, config); left != nil {
		t.Errorf("got %q left, want it removed", left)
	}
}

// insideVariable tells the test below that it is the child.
const insideVariable = "MULTIARCH_TEST_INSIDE"

// Somebody who is not root, and root of a rootless container, see what is there and cannot add to it.
func TestWithoutPrivileges(t *testing.T) {
	if inside := os.Getenv(insideVariable); inside != "" {
		withoutPrivileges(t, inside)
		return
	}
	config := newTestConfig(t)
	registerFor(t, fmt.Sprintf("lab-shared-%d-mips64le", os.Getpid()), "mips64le", realEmulator(t, "mips64le"), "PCF")
	nobody := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 65534, Size: 1}}
	for name, attributes := range map[string]*syscall.SysProcAttr{
		"user": {Credential: &syscall.Credential{Uid: 65534, Gid: 65534, NoSetGroups: true}},
		"container": {
			Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS, UidMappings: nobody, GidMappings: nobody,
			Credential: &syscall.Credential{NoSetGroups: true},
		},
	} {
		cmd := exec.CommandContext(t.Context(), copyOfThisTest(t), "-test.run=^TestWithoutPrivileges$")
		cmd.Env = []string{insideVariable + "=" + name + " " + config.Run, "PATH=" + strings.Join(config.SearchPath, ":")}
		cmd.Dir = "/"
		cmd.SysProcAttr = attributes
		if output, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, output)
		}
	}
}

// copyOfThisTest is this program where every user can execute it.
func copyOfThisTest(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "setup-test-") //nolint:usetesting // t.TempDir is closed to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	writeFiles(t, folder, map[string]string{"test": string(program)})
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(folder, "test")
}

func withoutPrivileges(t *testing.T, inside string) {
	t.Helper()
	inside, run, _ := strings.Cut(inside, " ")
	config := EmulationConfig{Run: run, SearchPath: searchPath()}
	if got := emulateOne(t, config, "linux/"+runtime.GOARCH); got.Way != WayNative {
		t.Errorf("got %+v, want it native", got)
	}
	got := emulateOne(t, config, "linux/mips64le")
	if got.Way != WayPresent || !strings.HasPrefix(got.Handler, "lab-") {
		t.Errorf("got %+v, want the handler of others", got)
	}
	got = emulateOne(t, config, "linux/loong64")
	want := "nothing on this machine runs loong64 programs (exec format error); only root may register an emulator (permission denied)"
	if got.Way != WayMissing || got.Problem != want || got.Hint != here().privilege() {
		t.Errorf("got %+v, want problem %s", got, want)
	}
	config.Root = t.TempDir()
	got = emulateOne(t, config, "linux/loong64")
	want = map[string]string{
		"user": "nothing on this machine runs loong64 programs (exec format error); binfmt_misc is not mounted on " + config.Root +
			" and mounting it gave: operation not permitted",
		"container": "nothing on this machine runs loong64 programs (exec format error); binfmt_misc is not mounted on " + config.Root +
			", and this process is in a user namespace (a rootless container), which cannot change the machine's list",
	}[inside]
	if got.Way != WayMissing || got.Problem != want || got.Hint == "" {
		t.Errorf("got %+v, want problem %s", got, want)
	}
	if got := emulateOne(t, config, "linux/mips64le"); got.Way != WayPresent || got.Handler != "" {
		t.Errorf("without a list: got %+v, want a handler that nobody can name", got)
	}
}
