//go:build e2e

package e2e

import (
	"crypto/rand"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/org/multiarch-action/internal/report"
)

// formsWorkflow uses the action by its released name, and the program as a container, for a build that prints what would act on the
// runner. Last steps show what came of it.
const formsWorkflow = `name: image
on: push
jobs:
  image:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - id: released
        uses: RELEASED
        with:
          platforms: linux/amd64
          tags: TAG
          push: true
          smoke-test: cat /hostile
          build-args: B=::error::x
          buildkit-image: BUILDER
          buildkitd-config: CONFIG
      - env:
          OUTPUTS: ${{ toJSON(steps.released.outputs) }}
        run: |
          printf '%s' "$OUTPUTS" > DIR/released
          env -u OUTPUTS > DIR/env
          echo "unmasked"-words
  container:
    runs-on: container
    steps:
      - uses: actions/checkout@v4
      - id: container
        uses: docker://SELF
        with:
          args: build
          platforms: linux/amd64
          build-args: B=::error::x
          smoke-test: cat /hostile
          buildkit-image: BUILDER
          driver-opts: network=host
          registry-mirrors: docker.io=REGISTRY
          insecure-registries: REGISTRY
      - env:
          OUTCOME: ${{ fromJSON(steps.container.outputs.report).outcome }}
          RUN: ${{ fromJSON(steps.container.outputs.report).run }}
          EVIL_OUTPUT: ${{ steps.container.outputs.EVIL }}${{ steps.container.outputs.digest }}
        run: echo "$OUTCOME by $RUN with ($EVIL_OUTPUT)$EVIL."
        shell: sh
`

func TestActionAsReleasedAndAsContainer(t *testing.T) {
	t.Parallel()
	ref, dir := tag(t), t.TempDir()
	self := w.lab["LAB_REGISTRY"] + "/e2e/self:" + strings.ToLower(rand.Text())
	pushSelf(t, self)
	repository := folder(t, map[string]string{"Dockerfile": printsAll, "hostile": hostileText()})
	must(t, "git", "init", "-q", repository)
	must(t, "git", "-C", repository, "-c", "user.name=test", "-c", "user.email=test@example.org", "commit", "-q", "--allow-empty", "-m", "nothing")
	text := strings.NewReplacer("RELEASED:", "RELEASED:", "RELEASED\n", releasedAction+"\n", "TAG", ref, "SELF", self, "BUILDER", w.lab["LAB_BUILDKIT_IMAGE"],
		"CONFIG", w.lab["LAB_BUILDKITD_CONFIG"], "REGISTRY", w.lab["LAB_REGISTRY"], "DIR/", dir+"/", "EVIL }}", evil+" }}").Replace(formsWorkflow)
	file := filepath.Join(t.TempDir(), "workflow.yml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), w.act, "push", "-W", file, "-C", repository, "-P", "ubuntu-latest=-self-hosted",
		"-P", "container="+w.lab["LAB_REGISTRY"]+"/library/busybox:latest", "--rm", "--no-cache-server",
		"--local-repository", releasedAction+"="+releasedFolder(t))
	cmd.Env = append(os.Environ(), "PATH="+w.lab["LAB_QEMU_DIR"]+":"+os.Getenv("PATH"), "XDG_CACHE_HOME="+t.TempDir(), "HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	log := string(out)
	showIfFailed(t, log)
	if err != nil {
		t.Fatal(err)
	}
	outputs := formOutputs(t, filepath.Join(dir, "released"))
	var r report.Report
	if err := json.Unmarshal([]byte(outputs["report"]), &r); err != nil || r.Outcome != report.Published {
		t.Errorf("the report says %q (%v), want it published", r.Outcome, err)
	}
	if outputs["digest"] == "" || outputs["digest"] != digestOf(t, ref) {
		t.Errorf("the output digest is %q, and the tag has %q", outputs["digest"], digestOf(t, ref))
	}
	wantNothingLeft(t, r.Run)
	if inContainer := regexp.MustCompile(`built by ([0-9a-f]{12}) with \(\)\.`).FindStringSubmatch(log); inContainer == nil {
		t.Error("as a container it has not built, or not only its own outputs")
	} else {
		wantNothingLeft(t, inContainer[1])
	}
	env, err := os.ReadFile(filepath.Join(dir, "env"))
	if err != nil || strings.Contains(string(env), "EVIL=") || strings.Contains(string(env), "/"+evil) {
		t.Errorf("what the build printed has changed the environment of the next step (%v):\n%s", err, env)
	}
	for _, want := range []string{"unmasked-words", "1 of 1 platforms built, verified and published", "Summary - ### ✅ Published", "Summary - ### ✅ Built", "Post " + releasedAction, "nothing to remove"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not hold %q", want)
		}
	}
}

// formOutputs reads a step's outputs, which must be ours alone.
func formOutputs(t *testing.T, file string) map[string]string {
	t.Helper()
	outputs := map[string]string{}
	raw, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(raw, &outputs)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(outputs) != len(outputNames) {
		t.Errorf("%s: the outputs are %q, want %q", filepath.Base(file), outputs, outputNames)
	}
	for _, name := range outputNames {
		if _, ok := outputs[name]; !ok {
			t.Errorf("%s: there is no output %s", filepath.Base(file), name)
		}
	}
	return outputs
}

// pushSelf makes the image of the program, as a release does, and pushes it.
func pushSelf(t *testing.T, ref string) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(dir, "multiarch-action-linux-"+runtime.GOARCH), ".")
	cmd.Dir, cmd.Env = w.root, append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	builds(dir, []string{"linux/" + runtime.GOARCH}, "--file", filepath.Join(w.root, "release", "Dockerfile"), "-t", ref, "--push", "--test", "multiarch-action --version").run(t).wantCode(t, 0)
}
