//go:build e2e

package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/org/multiarch-action/internal/report"
)

// machines is what `uname -m` prints in an image of each platform under the lab's kernel and QEMU. linux/386 runs natively on an
// amd64 kernel, which does not hide itself; QEMU's default CPU for arm is a v7 or newer.
var machines = map[string]string{
	"linux/amd64": "x86_64", "linux/arm64": "aarch64", "linux/arm/v7": "armv7l", "linux/arm/v6": "armv6l",
	"linux/386": "x86_64", "linux/ppc64le": "ppc64le", "linux/s390x": "s390x", "linux/riscv64": "riscv64",
}

// It keeps the emulators, so that docker can run the images, and other tests must not come to rely on them: it runs alone.
func TestHelloIsProvedAndPublishedForEightPlatforms(t *testing.T) { //nolint:paralleltest // see above
	ref := tag(t)
	t.Cleanup(func() { must(t, w.program, "cleanup", "--run", "kept") })
	r := builds("../examples/hello", eight, "-t", ref, "--push", "--test", "uname -m", "--keep-handlers").run(t)
	r.wantCode(t, 0)
	if got, want := strings.TrimSpace(r.stdout), ref+"@"+digestOf(t, ref); got != want {
		t.Errorf("stdout = %q, want %q", got, want)
	}
	if r.report.Outcome != report.Published || r.report.Digest != digestOf(t, ref) {
		t.Errorf("outcome = %s of %s", r.report.Outcome, r.report.Digest)
	}
	must(t, w.crane, "validate", "--remote", ref)
	if diff := cmp.Diff(eight, peerPlatforms(t, ref)); diff != "" {
		t.Errorf("platforms of the index as a peer sees them (-want +got):\n%s", diff)
	}
	repository := strings.TrimSuffix(ref, ":1")
	for _, name := range eight {
		p := r.platform(t, name)
		if p.Status != report.StatusPushed || p.SmokeTest == nil || len(p.SmokeTest.Output) != 1 {
			t.Errorf("%s: status %s, smoke test %+v", name, p.Status, p.SmokeTest)
			continue
		}
		want := machines[name]
		if got := p.SmokeTest.Output[0]; got != want {
			t.Errorf("%s: the smoke test printed %q, want %q", name, got, want)
		}
		if name == "linux/arm/v6" { // by itself QEMU shows a newer processor, under which version 7 runs too
			want = "armv7l"
		}
		image := repository + "@" + p.Digest
		got := strings.TrimSpace(must(t, "docker", "run", "--rm", "--pull", "always", "--platform", name, image, "uname", "-m"))
		must(t, "docker", "image", "rm", image)
		if got != want {
			t.Errorf("docker run by the digest of %s printed %q, want %q", name, got, want)
		}
	}
}

// peerPlatforms asks another program which platforms an index has images for.
func peerPlatforms(t *testing.T, ref string) []string {
	t.Helper()
	var index v1.IndexManifest
	if err := json.Unmarshal([]byte(must(t, w.buildx, "imagetools", "inspect", "--raw", ref)), &index); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range index.Manifests {
		if m.Annotations["vnd.docker.reference.type"] != "attestation-manifest" {
			out = append(out, m.Platform.String())
		}
	}
	return out
}

// wrongProgram copies a program of the build platform into every image.
const wrongProgram = `FROM --platform=$BUILDPLATFORM busybox AS tools
FROM scratch
COPY --from=tools /bin/busybox /bin/app
ENTRYPOINT ["/bin/app"]
`

func TestProgramOfAnotherArchitectureIsRejectedAndNoTagMoves(t *testing.T) {
	t.Parallel()
	ref := tag(t)
	builds("../examples/hello", []string{"linux/amd64", "linux/arm64"}, "-t", ref, "--push").run(t).wantCode(t, 0)
	before := digestOf(t, ref)
	r := builds(folder(t, map[string]string{"Dockerfile": wrongProgram}), eight, "-t", ref, "--push").run(t)
	r.wantCode(t, 3)
	if after := digestOf(t, ref); after != before || before == "" {
		t.Errorf("the tag points at %s, before the run at %s", after, before)
	}
	if r.stdout != "" {
		t.Errorf("stdout = %q, want nothing", r.stdout)
	}
	arm := r.platform(t, "linux/arm64")
	if len(arm.Findings) != 1 {
		t.Fatalf("findings of linux/arm64: %+v", arm.Findings)
	}
	finding := arm.Findings[0]
	if finding.Path != "/bin/app" || !strings.Contains(finding.Expected, "arm64") || !strings.Contains(finding.Found, "amd64") {
		t.Errorf("finding = %+v", finding)
	}
	r.wantStderr(t, "error: linux/arm64 [program/arch] /bin/app", "no tag was moved")
	wantNothingLeft(t, r.report.Run)
}

func TestOneFailingPlatformLeavesTheOthersBuilt(t *testing.T) {
	t.Parallel()
	ref := tag(t)
	r := builds(folder(t, map[string]string{"Dockerfile": `FROM busybox
ARG TARGETARCH
RUN echo "begin" && \
    if [ "$TARGETARCH" = s390x ]; then echo "not on a big-endian machine"; exit 7; fi
CMD ["cat"]
`}), eight, "-t", ref, "--push").run(t)
	r.wantCode(t, 1)
	for _, name := range eight {
		want := report.StatusPushed
		if name == "linux/s390x" {
			want = report.StatusFailed
		}
		if got := r.platform(t, name).Status; got != want {
			t.Errorf("status of %s = %s, want %s", name, got, want)
		}
	}
	failure := r.platform(t, "linux/s390x").Failure
	want := &report.Failure{
		Step: "[linux/s390x 2/2] " + failure.Step[len("[linux/s390x 2/2] "):], File: "Dockerfile", Line: 3, ExitCode: 7,
		Excerpt: []string{`RUN echo "begin" && \`, `    if [ "$TARGETARCH" = s390x ]; then echo "not on a big-endian machine"; exit 7; fi`},
		Output:  []string{"begin", "not on a big-endian machine"}, Error: failure.Error,
	}
	if diff := cmp.Diff(want, failure); diff != "" {
		t.Errorf("failure of linux/s390x (-want +got):\n%s", diff)
	}
	r.wantStderr(t, "linux/s390x failed at Dockerfile:3", "  | not on a big-endian machine", "7 of 8 platforms are good; no tag was moved")
	if got := digestOf(t, ref); got != "" {
		t.Errorf("the tag was moved to %s", got)
	}
	repository := strings.TrimSuffix(ref, ":1")
	must(t, w.crane, "validate", "--remote", repository+"@"+r.platform(t, "linux/arm64").Digest)
	wantNothingLeft(t, r.report.Run)
}

func TestBaseImageWithoutAPlatformFailsOnlyThatPlatform(t *testing.T) {
	t.Parallel()
	r := builds("../examples/hello", []string{"linux/amd64", "linux/mips64le"}, "-t", tag(t), "--push", "--preflight=off").run(t)
	r.wantCode(t, 1)
	if got := r.platform(t, "linux/amd64").Status; got != report.StatusPushed {
		t.Errorf("status of linux/amd64 = %s", got)
	}
	failure := r.platform(t, "linux/mips64le").Failure
	if failure == nil || !strings.Contains(failure.Cause, "not published for linux/mips64le") {
		t.Errorf("failure of linux/mips64le = %+v", failure)
	}
	wantNothingLeft(t, r.report.Run)
}

func TestFailureWithoutAPushIsAFailureToo(t *testing.T) {
	t.Parallel()
	r := builds(folder(t, map[string]string{"Dockerfile": "FROM busybox\nRUN exit 3\n"}), []string{"linux/amd64", "linux/arm64"}).run(t)
	r.wantCode(t, 1)
	if r.report.Outcome != report.Failed || r.platform(t, "linux/arm64").Failure == nil {
		t.Errorf("outcome = %s, linux/arm64 = %+v", r.report.Outcome, r.platform(t, "linux/arm64"))
	}
	wantNothingLeft(t, r.report.Run)
}

func TestSameInputsGiveTheSameDigestOnFreshBuilders(t *testing.T) {
	t.Parallel()
	platforms := []string{"linux/arm64"} // compiling takes its time
	var digests []string
	for range 2 {
		i := builds("../examples/cross", platforms, "-t", tag(t), "--push", "--force-tag")
		i.env = []string{"SOURCE_DATE_EPOCH=1700000000"}
		r := i.run(t)
		r.wantCode(t, 0)
		digests = append(digests, r.report.Digest)
	}
	if digests[0] != digests[1] {
		t.Errorf("two fresh builders gave %s and %s", digests[0], digests[1])
	}
}

func TestCrossCompiledProgramAndEmulatedStepInOneImage(t *testing.T) {
	t.Parallel()
	r := builds("../examples/mixed", []string{"linux/amd64", "linux/riscv64"}, "--test", "cat /greeting").run(t)
	r.wantCode(t, 0)
	p := r.platform(t, "linux/riscv64")
	if p.SmokeTest == nil || !cmp.Equal(p.SmokeTest.Output, []string{"Hello from linux/riscv64"}) || p.Status != report.StatusBuilt {
		t.Errorf("linux/riscv64 = %+v", p)
	}
	if want := "the smoke test executes on linux/riscv64"; p.Execution != "emulated" || p.Need != want {
		t.Errorf("linux/riscv64: execution %q because %q, want emulated because %q", p.Execution, p.Need, want)
	}
	wantNothingLeft(t, r.report.Run)
}

func TestOnePlatformIsPushedAsAPlainManifest(t *testing.T) {
	t.Parallel()
	ref := tag(t)
	r := builds("../examples/hello", []string{"linux/arm64"}, "-t", ref, "--push").run(t)
	r.wantCode(t, 0)
	var manifest v1.Manifest
	if err := json.Unmarshal([]byte(must(t, w.crane, "manifest", ref)), &manifest); err != nil {
		t.Fatal(err)
	}
	if !manifest.MediaType.IsImage() || manifest.Config.Digest.String() != r.report.ImageID {
		t.Errorf("manifest of type %s with config %s, image id in the report %s", manifest.MediaType, manifest.Config.Digest, r.report.ImageID)
	}
}

func TestSeveralTagsAndRepositoriesGetOneDigest(t *testing.T) {
	t.Parallel()
	one := strings.TrimSuffix(tag(t), ":1")
	refs := []string{one + ":latest", one + ":1.2.3", one + "-copy:1.2"}
	r := builds("../examples/hello", []string{"linux/amd64", "linux/s390x"}, "-t", strings.Join(refs, ","), "--push").run(t)
	r.wantCode(t, 0)
	for _, ref := range refs {
		if got := digestOf(t, ref); got != r.report.Digest {
			t.Errorf("%s points at %s, want %s", ref, got, r.report.Digest)
		}
		must(t, w.crane, "validate", "--remote", ref)
	}
	var order []string
	for _, moved := range r.report.Tags {
		order = append(order, moved.Name)
	}
	if want := []string{refs[1], refs[2], refs[0]}; !cmp.Equal(order, want) {
		t.Errorf("tags moved in the order %q, want the most specific first: %q", order, want)
	}
}
