//go:build e2e

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const releasedAction = "org/multiarch-action@v1"

// What a release would publish of this commit, made twice: the same bytes, and an action that works by its name.
func TestReleaseIsReproducibleAndUsable(t *testing.T) {
	t.Parallel()
	first, second := t.TempDir(), t.TempDir()
	for _, dir := range []string{first, second} {
		log := mustIn(t, w.root, "go", "run", "./release", "--version", "v1.0.0", "--out", filepath.Join(dir, "out"), "--targets", "linux/"+runtime.GOARCH)
		if !strings.Contains(log, "release: commit") {
			t.Fatalf("got %q, want the commit", log)
		}
	}
	commit := mustIn(t, filepath.Join(first, "out", "repository.git"), "git", "rev-parse", "v1.0.0")
	if again := mustIn(t, filepath.Join(second, "out", "repository.git"), "git", "rev-parse", "release/v1.0.0"); again != commit {
		t.Errorf("the same source gives the release commits %s and %s", commit, again)
	}
	mustIn(t, filepath.Join(first, "out", "programs"), "sha256sum", "--check", "SHA256SUMS")
	if pages := mustIn(t, filepath.Join(first, "out", "programs"), "tar", "-tzf", "multiarch-action-man.tar.gz"); !strings.Contains(pages, "man1/multiarch-action-build.1") {
		t.Errorf("the manual has the pages\n%s", pages)
	}
	mustIn(t, first, "diff", "-r", filepath.Join(first, "out", "programs"), filepath.Join(second, "out", "programs"))

	startAsPlugin(t, filepath.Join(first, "out", "programs"))

	action := filepath.Join(t.TempDir(), "action")
	mustIn(t, first, "git", "clone", "-q", "--branch", "v1.0.0", filepath.Join(first, "out", "repository.git"), action)
	useReleased(t, action)
	fanOut(t, action)

	program := filepath.Join(action, "dist", "multiarch-action-linux-"+runtime.GOARCH)
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho I run\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	refuseChanged(t, action)
}

// startAsPlugin builds the release's image with the released program, and lets it build as a plugin of Woodpecker: in a container with the
// engine's socket and a workspace, with settings and without arguments.
func startAsPlugin(t *testing.T, programs string) {
	t.Helper()
	image := tag(t) + "-image"
	native := "linux/" + runtime.GOARCH
	build := builds(programs, []string{native}, "--file", filepath.Join(w.root, "release", "Dockerfile"), "-t", image, "--push", "--test", "multiarch-action --version")
	build.program = filepath.Join(programs, "multiarch-action-linux-"+runtime.GOARCH)
	build.run(t).wantCode(t, 0)

	ref := tag(t) + "-plugin"
	workspace := folder(t, map[string]string{"Dockerfile": "FROM busybox\n", "buildkitd.toml": must(t, "cat", w.lab["LAB_BUILDKITD_CONFIG"])})
	must(t, "docker", "run", "--rm", "--network", "host", "--volume", "/var/run/docker.sock:/var/run/docker.sock",
		"--volume", workspace+":/woodpecker/src", "--workdir", "/woodpecker/src", "--env", "CI=woodpecker",
		"--env", "PLUGIN_PLATFORMS=linux/amd64,linux/arm64", "--env", "PLUGIN_TAGS="+ref, "--env", "PLUGIN_PUSH=true",
		"--env", "PLUGIN_BUILDKITD_CONFIG=buildkitd.toml", "--env", "PLUGIN_BUILDKIT_IMAGE="+w.lab["MULTIARCH_BUILDKIT_IMAGE"], image)
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, peerPlatforms(t, ref)); diff != "" {
		t.Errorf("platforms of the plugin's index (-want +got):\n%s", diff)
	}
}

// useReleased builds an image with the action under its released name.
func useReleased(t *testing.T, action string) {
	t.Helper()
	ref := tag(t)
	outputsFile := filepath.Join(t.TempDir(), "outputs.json")
	log, err := runWorkflow(t, releasedWorkflow(ref, outputsFile), "--local-repository", releasedAction+"="+action)
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	var outputs struct{ Digest string }
	raw, err := os.ReadFile(outputsFile)
	if err == nil {
		err = json.Unmarshal(raw, &outputs)
	}
	if digest := digestOf(t, ref); err != nil || digest == "" || outputs.Digest != digest {
		t.Errorf("the output digest is %q (%v), want %q\n%s", outputs.Digest, err, digest, log)
	}
}

// fanOut lets the workflow that others call build each platform in a job of its own, and publish them in a last one.
func fanOut(t *testing.T, action string) {
	t.Helper()
	ref := tag(t)
	text := `on: push
jobs:
  image:
    uses: ./.github/workflows/image.yml
    with:
      context: examples/hello
      platforms: linux/amd64,linux/arm64
      tags: ` + ref + `-jobs
      registry: ` + w.lab["LAB_REGISTRY"] + `
      runners: '{"default": "ubuntu-latest", "linux/arm64": "ubuntu-arm"}'
`
	log, err := runWorkflow(t, text, "--local-repository", releasedAction+"="+action, "-P", "ubuntu-arm=-self-hosted",
		"--env", "MULTIARCH_BUILDKIT_IMAGE="+w.lab["LAB_BUILDKIT_IMAGE"], "--env", "MULTIARCH_BUILDKITD_CONFIG="+w.lab["LAB_BUILDKITD_CONFIG"], "-s", "GITHUB_TOKEN=a-token")
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, peerPlatforms(t, ref+"-jobs")); diff != "" {
		t.Errorf("platforms of the index (-want +got):\n%s", diff)
	}
}

// refuseChanged sees that a program that is not the released one is not started.
func refuseChanged(t *testing.T, action string) {
	t.Helper()
	ref := tag(t)
	before := digestOf(t, ref)
	log, err := runWorkflow(t, releasedWorkflow(ref, os.DevNull), "--local-repository", releasedAction+"="+action)
	if err == nil || !strings.Contains(log, "is not the program that was released: its SHA-256 is ") || strings.Contains(log, "I run") {
		t.Errorf("got %v, want it refused\n%s", err, log)
	}
	if after := digestOf(t, ref); after != before {
		t.Errorf("the tag was moved from %q to %q", before, after)
	}
}

func releasedWorkflow(ref, outputsFile string) string {
	return strings.NewReplacer(
		"uses: ./", "uses: "+releasedAction, "TAG", ref, "CONFIG", w.lab["LAB_BUILDKITD_CONFIG"], "BUILDER", w.lab["LAB_BUILDKIT_IMAGE"], "OUTPUTS_FILE", outputsFile,
	).Replace(workflow)
}

// mustIn runs a program in a folder; it has to succeed.
func mustIn(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	text, err := output(dir, name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
