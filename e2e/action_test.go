//go:build e2e

package e2e

import (
	"crypto/rand"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// workflow uses the action as a user's repository would, and hands its outputs to a later step, which the test reads.
const workflow = `name: image
on: push
jobs:
  image:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - id: image
        uses: ./
        with:
          context: examples/hello
          platforms: |
            linux/amd64
            linux/arm64
          tags: TAG
          push: true
          smoke-test: uname -m
          buildkit-image: BUILDER
          buildkitd-config: CONFIG
      - env:
          OUTPUTS: ${{ toJSON(steps.image.outputs) }}
        run: printf '%s' "$OUTPUTS" > OUTPUTS_FILE
`

func TestActionInARealWorkflow(t *testing.T) {
	t.Parallel()
	ref := tag(t)
	outputsFile := filepath.Join(t.TempDir(), "outputs.json")
	text := strings.NewReplacer("TAG", ref, "CONFIG", w.lab["LAB_BUILDKITD_CONFIG"], "BUILDER", w.lab["LAB_BUILDKIT_IMAGE"], "OUTPUTS_FILE", outputsFile).Replace(workflow)
	log, err := runWorkflow(t, text)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(log)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	var outputs struct{ Digest, Digests, ImageID, Metadata, Report string }
	raw, err := os.ReadFile(outputsFile)
	if err == nil {
		err = json.Unmarshal(raw, &outputs)
	}
	if err != nil {
		t.Fatal(err)
	}
	var r result
	if err := json.Unmarshal([]byte(outputs.Report), &r.report); err != nil {
		t.Fatal(err)
	}
	digest := digestOf(t, ref)
	if outputs.Digest != digest || outputs.ImageID != digest {
		t.Errorf("outputs digest %s and imageid %s, want %s", outputs.Digest, outputs.ImageID, digest)
	}
	var digests map[string]string
	if err := json.Unmarshal([]byte(outputs.Digests), &digests); err != nil || digests["linux/arm64"] != r.platform(t, "linux/arm64").Digest {
		t.Errorf("output digests = %s (%v)", outputs.Digests, err)
	}
	metadata := filepath.Join(t.TempDir(), "metadata.json")
	if err := os.WriteFile(metadata, []byte(outputs.Metadata), 0o600); err != nil {
		t.Fatal(err)
	}
	wantMetadata(t, metadata, digest, ref)
	if !strings.Contains(log, "2 of 2 platforms built, verified and published") || !strings.Contains(log, "| ✅\u00a0linux/arm64 | `") {
		t.Error("the log does not show the step summary")
	}
	wantNothingLeft(t, r.report.Run)
}

func TestPostStepRemovesWhatAKilledRunLeft(t *testing.T) {
	t.Parallel()
	// The mark is in the environment of the program and in the arguments of its smoke test, so both can be found.
	mark := "kill-me-" + rand.Text()
	text := strings.NewReplacer("TAG", tag(t), "CONFIG", w.lab["LAB_BUILDKITD_CONFIG"], "BUILDER", w.lab["LAB_BUILDKIT_IMAGE"], "OUTPUTS_FILE", os.DevNull,
		"smoke-test: uname -m", "smoke-test: 'sleep 600; : "+mark+"'").Replace(workflow)
	killed := make(chan string, 1)
	go func() { killed <- killWhenTesting(t, mark) }()
	log, err := runWorkflow(t, text)
	run := <-killed
	if err == nil || !strings.Contains(log, "removed  container ") {
		t.Errorf("the post step removed nothing, or the job succeeded:\n%s", log)
	}
	wantNothingLeft(t, run)
}

// killWhenTesting waits until a builder runs the marked smoke test, kills the program that asked for it, without a chance to clean
// up, and returns the run's id.
func killWhenTesting(t *testing.T, mark string) string {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for range 3000 {
		select {
		case <-t.Context().Done():
			return ""
		case <-tick.C:
		}
		run := runThatTests(mark)
		if run == "" {
			continue
		}
		for _, pid := range processesWith(mark) {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Errorf("killing the program: %v", err)
			}
		}
		return run
	}
	t.Error("no builder ran the smoke test")
	return ""
}

// runThatTests returns the id of the run whose builder executes the marked smoke test, or nothing.
func runThatTests(mark string) string {
	builders, err := output("", "docker", "ps", "--filter", "label=multiarch-action.run", "--format", `{{.Names}} {{.Label "multiarch-action.run"}}`)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(builders) {
		name, run, _ := strings.Cut(strings.TrimSpace(line), " ")
		if processes, err := output("", "docker", "top", name, "-eo", "pid,args"); err == nil && strings.Contains(processes, mark) {
			return run
		}
	}
	return ""
}

// processesWith finds the programs under test that have the mark in their environment.
func processesWith(mark string) []int {
	files, _ := filepath.Glob("/proc/[0-9]*/environ") // the pattern is well-formed
	var out []int
	for _, file := range files {
		environment, err := os.ReadFile(file)
		program, linkErr := os.Readlink(filepath.Join(filepath.Dir(file), "exe"))
		pid, numberErr := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil || linkErr != nil || numberErr != nil { // it has ended meanwhile
			continue
		}
		if strings.Contains(string(environment), mark) && strings.HasPrefix(filepath.Base(program), "multiarch-action") {
			out = append(out, pid)
		}
	}
	return out
}

// runWorkflow runs a workflow with act in its self-hosted mode, in a copy of this repository, and returns the log.
func runWorkflow(t *testing.T, text string, args ...string) (string, error) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "repository")
	if _, err := output("", "git", "clone", "-q", w.root, dir); err != nil {
		return "", err
	}
	file := filepath.Join(dir, ".github", "workflows", "e2e.yml")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return "", err
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return "", err
	}
	args = append([]string{"push", "-W", file, "-P", "ubuntu-latest=-self-hosted", "--no-cache-server"}, args...)
	cmd := exec.CommandContext(t.Context(), w.act, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+w.lab["LAB_QEMU_DIR"]+":"+os.Getenv("PATH"), "XDG_CACHE_HOME="+t.TempDir(), "HOME="+t.TempDir(),
		"GOCACHE="+goEnv(t, "GOCACHE"), "GOMODCACHE="+goEnv(t, "GOMODCACHE"), "GOFLAGS=-buildvcs=false")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	return strings.TrimSpace(must(t, "go", "env", name))
}
