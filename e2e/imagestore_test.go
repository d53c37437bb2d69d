//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

// The lab's engine is too old for containerd's image store. A new one is given all platforms at once: an index with the digest that the run
// reports, of which each platform can be used.
func TestSeveralPlatformsGoIntoContainerdsStore(t *testing.T) {
	t.Parallel()
	dockerd, err := output(w.root, "go", "run", "./lab", "tool", "dockerd")
	if err != nil {
		t.Fatal(err)
	}
	const ref = "multiarch-e2e/store:1"
	engine := newPrivateEngine(t, strings.TrimSpace(dockerd))
	docker := func(args ...string) string {
		t.Helper()
		return strings.TrimSpace(must(t, "docker", append([]string{"--host", engine.host}, args...)...))
	}
	b := startBuildkitd(t, newAuthority(t))
	platforms := []string{"linux/amd64", "linux/386"}
	r := invocation{
		args: []string{"build", "--platform", strings.Join(platforms, ","), "--builder", b.node(), "-t", ref, "--load", "-q", folder(t, map[string]string{"Dockerfile": greeting})},
		env:  []string{"DOCKER_HOST=" + engine.host},
	}.run(t)
	r.wantCode(t, 0)
	if id := docker("image", "inspect", "-f", "{{.Id}}", ref); id != r.report.Digest || r.stdout != id+"\n" {
		t.Errorf("the engine's image is %s, the report says %s, and stdout %q", id, r.report.Digest, r.stdout)
	}
	for _, platform := range platforms {
		container := docker("create", "--platform", platform, ref)
		if got := docker("cp", container+":/greeting", "-"); !strings.Contains(got, platform+"\n") {
			t.Errorf("the image for %s holds %q", platform, got)
		}
	}
}
