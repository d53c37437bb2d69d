//go:build e2e

package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/stream"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/report"
)

// released is the program as users get it, built once. With the race detector unpacking takes ten times as long, and several times
// as much memory.
var released = sync.OnceValues(func() (string, error) {
	program := filepath.Join(filepath.Dir(w.program), "released")
	_, err := output(w.root, "env", "CGO_ENABLED=0", "go", "build", "-o", program, ".")
	return program, err
})

// verified verifies images that have to be good, and returns the result and how much memory that took at most.
func verified(t *testing.T, images ...string) (result report.Verification, memory int64) {
	t.Helper()
	program, err := released()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, append([]string{"verify", "--json"}, images...)...)
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	memory = memoryOf(t, cmd)
	if err := json.Unmarshal(stdout.Bytes(), &result); err != nil {
		t.Fatal(err)
	}
	return result, memory
}

// memoryOf runs a program that has to succeed, and returns the most memory that it had, in bytes.
func memoryOf(t *testing.T, cmd *exec.Cmd) int64 {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	peak := make(chan int64, 1)
	ended := make(chan struct{})
	go func() { peak <- watchMemory(cmd.Process.Pid, ended) }()
	err := cmd.Wait()
	close(ended)
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	return <-peak
}

// watchMemory returns the most memory that a process had until it ended, in bytes. What the kernel tells the parent of it at the end
// (getrusage) is at least what the parent itself had when it started the process.
func watchMemory(pid int, ended <-chan struct{}) (peak int64) {
	for {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if _, rest, found := strings.Cut(string(status), "VmHWM:"); err == nil && found {
			var kilobytes int64
			_, _ = fmt.Sscan(rest, &kilobytes)
			peak = max(peak, kilobytes<<10)
		}
		select {
		case <-ended:
			return peak
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// labWarnings is what verification says of the lab's images, by image and check, and why that is true. They are made as those that
// millions use, and are good: whatever else is said is a false alarm, or a reason to make the image better.
var labWarnings = map[string]map[string]string{
	"library/busybox": {"index/variant-order": "arm/v7 is in front of arm/v6 in it, and old clients take the first entry of an architecture"},
}

func TestVerifyFindsNoErrorInTheBaseImages(t *testing.T) {
	t.Parallel()
	registry, err := name.NewRegistry(w.lab["LAB_REGISTRY"])
	if err != nil {
		t.Fatal(err)
	}
	repositories, err := remote.Catalog(t.Context(), registry)
	if err != nil {
		t.Fatal(err)
	}
	var images []string
	for _, repository := range repositories { // others are pushed by tests
		if owner, _, _ := strings.Cut(repository, "/"); owner == "library" || owner == "docker" || owner == "tonistiigi" {
			images = append(images, registry.Name()+"/"+repository+map[string]string{"library/debian": ":bookworm-slim", "docker/buildkit-syft-scanner": ":stable-1"}[repository])
		}
	}
	if len(images) < 5 {
		t.Fatalf("the registry has only %q of the lab", images)
	}
	archive := filepath.Join(t.TempDir(), "builder.tar") // the engine has an image that the registry has not
	if text, err := exec.CommandContext(t.Context(), "docker", "save", "-o", archive, w.lab["LAB_BUILDKIT_IMAGE"]).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	got, memory := verified(t, append(images, archive)...)
	t.Logf("verifying them took %.1f MiB of memory at most", float64(memory)/(1<<20))
	if memory == 0 || memory > maxMemory {
		t.Errorf("it is not between 0 and %d MiB", maxMemory>>20)
	}
	for _, image := range got.Images {
		repository := strings.TrimPrefix(image.Reference, registry.Name()+"/")
		for _, f := range image.All() {
			if labWarnings[repository][f.Check] == "" || f.Severity == plan.SeverityError {
				t.Errorf("%s: %s %s %s: %s", image.Reference, f.Severity, f.Check, f.Path, f.Found)
			}
		}
		for check := range labWarnings[repository] {
			if !slices.ContainsFunc(image.All(), func(f plan.Finding) bool { return f.Check == check }) {
				t.Errorf("%s: %s is not said any more", image.Reference, check)
			}
		}
		for _, p := range image.Platforms {
			if p.Verdict != report.VerdictGood || p.Layers == 0 || p.Size == 0 {
				t.Errorf("%s: %+v", image.Reference, p)
			}
		}
	}
}

func TestVerifyWithAPassword(t *testing.T) {
	t.Parallel()
	_, env := secured(t, w.lab["LAB_TLS_USER"], w.lab["LAB_TLS_PASSWORD"])
	ref := strings.Replace(tag(t), w.lab["LAB_REGISTRY"], w.lab["LAB_TLS_REGISTRY"], 1)
	withEnv(t, env, w.crane, "copy", w.lab["LAB_REGISTRY"]+"/library/busybox", ref)
	known := invocation{args: []string{"verify", "--platform", "linux/amd64", ref}, env: env}.run(t)
	known.wantCode(t, 0)
	unknown := invocation{args: []string{"verify", ref}, env: []string{"DOCKER_CONFIG=" + t.TempDir(), env[1]}}.run(t)
	unknown.wantCode(t, 1)
	unknown.wantStderr(t, "image "+ref+": reading: ", "hint: log in with an account that may read there")
	if password := w.lab["LAB_TLS_PASSWORD"]; strings.Contains(known.stderr+known.stdout+unknown.stderr, password) {
		t.Error("the password was printed")
	}
}

// What the builder made is judged the same from the registry, from a layout and from an archive.
func TestVerifySaysTheSameFromEverySource(t *testing.T) {
	t.Parallel()
	ref, dir := tag(t), t.TempDir()
	must(t, w.crane, "copy", w.lab["LAB_REGISTRY"]+"/library/debian:bookworm-slim", ref)
	must(t, w.crane, "pull", "--format=oci", ref, filepath.Join(dir, "layout"))
	must(t, "tar", "-C", filepath.Join(dir, "layout"), "-cf", filepath.Join(dir, "layout.tar"), ".")
	var want []report.VerifiedPlatform
	for _, place := range []string{ref, filepath.Join(dir, "layout"), filepath.Join(dir, "layout.tar")} {
		got, _ := verified(t, place)
		if want == nil {
			want = got.Images[0].Platforms
		}
		if fmt.Sprint(got.Images[0].Platforms) != fmt.Sprint(want) || len(want) != 3 {
			t.Errorf("%s: got %v, want %v", place, got.Images[0].Platforms, want)
		}
	}
}

// maxMemory is how much memory the verification of any image may take.
const maxMemory = 100 << 20

func TestVerifyOfALargeImageNeedsLittleMemory(t *testing.T) {
	t.Parallel()
	ref := tag(t)
	pushLarge(t, ref, 4, 250<<20)
	_, memory := verified(t, ref)
	t.Logf("verifying 1 GB took %.1f MiB of memory at most", float64(memory)/(1<<20))
	if memory == 0 || memory > maxMemory {
		t.Errorf("it is not between 0 and %d MiB", maxMemory>>20)
	}
}

// pushLarge pushes an image of random data: files of 50 MB, and many small ones.
func pushLarge(t *testing.T, ref string, layers int, size int64) {
	t.Helper()
	parsed, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	img := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for i := range layers {
		r, w := io.Pipe()
		go func() { _ = w.CloseWithError(writeLarge(w, uint64(i), size)) }()
		layer := stream.NewLayer(r, stream.WithMediaType(types.OCILayer), stream.WithCompressionLevel(gzip.BestSpeed))
		if err := remote.WriteLayer(parsed.Context(), layer); err != nil {
			t.Fatal(err)
		}
		if img, err = mutate.AppendLayers(img, layer); err != nil {
			t.Fatal(err)
		}
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", "amd64"
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	index := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), mutate.IndexAddendum{
		Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}},
	})
	if err := remote.WriteIndex(parsed, index); err != nil {
		t.Fatal(err)
	}
}

func writeLarge(to io.Writer, seed uint64, size int64) error {
	w := tar.NewWriter(to)
	var key [32]byte
	key[0] = byte(seed)
	noise := rand.NewChaCha8(key)
	for i := 0; size > 0; i++ {
		length := min(size, 50<<20)
		if i%2 == 0 {
			length = min(length, 20<<10)
		}
		name, head := fmt.Sprintf("data/%d/%d", seed, i), ""
		if i%4 == 1 { // half of the large ones seem to be programs
			head = "\x7fELF\x02\x01\x01"
		}
		err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o755, Size: length})
		_, err2 := io.WriteString(w, head)
		_, err3 := io.CopyN(w, noise, length-int64(len(head)))
		if err := errors.Join(err, err2, err3); err != nil {
			return err
		}
		size -= length
	}
	return w.Close()
}

// manyWrongFiles has a wrong program, as wrongProgram, and so many libraries that a program of ours looks at them on the builder.
const manyWrongFiles = `FROM --platform=$BUILDPLATFORM busybox AS tools
RUN mkdir /libraries; for i in 0 1 2 3 4 5 6 7 8 9; do cp /bin/busybox /libraries/lib$i.so; ln -s ../../../../../bin/busybox /libraries/out$i; done
FROM scratch
COPY --from=tools /bin/busybox /bin/app
COPY --from=tools /libraries /usr/lib
LABEL built=now
ENTRYPOINT ["/bin/app"]
`

// What a build finds through the builder's API, a program of ours finds on the builder, and verify in the registry. The program of most
// tests is linked dynamically for the race detector, so that it cannot run on the builder.
func TestVerifyFindsWhatTheBuildFound(t *testing.T) {
	t.Parallel()
	ref := tag(t)
	dir := folder(t, map[string]string{"Dockerfile": manyWrongFiles})
	platforms := []string{"linux/amd64", "linux/arm64", "linux/s390x"}
	program, err := released()
	if err != nil {
		t.Fatal(err)
	}
	there := builds(dir, platforms, "--verify", "full")
	there.program = program
	inspected := there.run(t)
	inspected.wantCode(t, 3)
	const slow = "all files are read through the builder's API"
	if !strings.Contains(inspected.stderr, "look at ") || strings.Contains(inspected.stderr, slow) {
		t.Error("no program looked at the files on the builder")
	}
	built := builds(dir, platforms, "-t", ref, "--push", "--verify", "full").run(t)
	built.wantCode(t, 3)
	built.wantStderr(t, slow, "it is dynamically linked")
	builds(dir, platforms, "-t", ref, "--push", "--verify", "off").run(t).wantCode(t, 0)
	r := invocation{args: []string{"verify", "--json", ref}}.run(t)
	r.wantCode(t, 3)
	var got report.Verification
	if err := json.Unmarshal([]byte(r.stdout), &got); err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, p := range got.Images[0].Platforms {
		want := built.platform(t, p.Platform).Findings
		place := cmpopts.IgnoreFields(plan.Finding{}, "Layer") // a build knows the line of the Dockerfile, and an image the layer
		if diff := cmp.Diff(want, p.Findings, place); diff != "" {
			t.Errorf("%s: the findings differ (-build +verify):\n%s", p.Platform, diff)
		}
		if diff := cmp.Diff(want, inspected.platform(t, p.Platform).Findings); diff != "" {
			t.Errorf("%s: the findings differ (-through the API +on the builder):\n%s", p.Platform, diff)
		}
		found += len(want)
	}
	if found < 4 {
		t.Errorf("only %d findings", found)
	}
}
