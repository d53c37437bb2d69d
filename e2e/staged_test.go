//go:build e2e

package e2e

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"
)

// job is what a workflow's job starts: the program's command, and its inputs by their names.
type job struct {
	command string
	inputs  map[string]string
}

// githubJobs reads the example: what each of its builders starts, by platform, and what the last job starts. Expressions are answered as
// GitHub would.
func githubJobs(t *testing.T, expressions map[string]string) (builders map[string]job, last job) {
	t.Helper()
	var workflow struct {
		Jobs map[string]struct {
			Strategy struct {
				Matrix struct{ Include []map[string]string }
			}
			Steps []struct {
				Uses string
				With map[string]string
			}
		}
	}
	readExample(t, "github.yml", &workflow)
	answer := func(text string, matrix map[string]string) string {
		for name, value := range expressions {
			text = strings.ReplaceAll(text, "${{ "+name+" }}", value)
		}
		for name, value := range matrix {
			text = strings.ReplaceAll(text, "${{ matrix."+name+" }}", value)
		}
		return strings.Replace(text, "ghcr.io/", w.lab["LAB_REGISTRY"]+"/", 1)
	}
	builders = map[string]job{}
	for name, steps := range workflow.Jobs {
		for _, step := range steps.Steps {
			uses, isOurs := strings.CutPrefix(step.Uses, "org/multiarch-action")
			if !isOurs {
				continue
			}
			command := map[string]string{"@v1": "build", "/publish@v1": "publish"}[uses]
			for _, row := range append(steps.Strategy.Matrix.Include, nil) {
				j := job{command: command, inputs: map[string]string{}}
				for input, text := range step.With {
					j.inputs[input] = answer(text, row)
				}
				switch {
				case name == "build" && row != nil:
					builders[row["platform"]] = j
				case name == "publish" && row == nil:
					last = j
				}
			}
		}
	}
	return builders, last
}

func readExample(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.root, "examples", "native-runners", file))
	if err == nil {
		err = yaml.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// run starts a job of an attempt as GitHub's launcher does.
func (j job) run(t *testing.T, run string, attempt int, more ...string) result {
	t.Helper()
	env := []string{
		"GITHUB_ACTIONS=true", "GITHUB_RUN_ID=" + run, fmt.Sprint("GITHUB_RUN_ATTEMPT=", attempt), "GITHUB_SHA=c0ffee",
		"MULTIARCH_BUILDKITD_CONFIG=" + w.lab["LAB_BUILDKITD_CONFIG"], "MULTIARCH_PROGRESS=plain",
	}
	for input, text := range j.inputs {
		env = append(env, "INPUT_"+strings.ToUpper(input)+"="+text)
	}
	args := []string{j.command}
	if j.command == "build" {
		args = append(args, "../examples/hello")
	}
	return invocation{args: append(args, more...), env: env}.run(t)
}

// Three builders of the example for GitHub, of which one is run twice and one is late, and the job that makes one index of them.
func TestStagedBuildsOfTheGitHubExample(t *testing.T) {
	t.Parallel()
	run := rand.Text()
	repository := "e2e/staged-" + strings.ToLower(run)
	builders, last := githubJobs(t, map[string]string{"github.repository": repository, "github.ref_name": "v1.4.0"})
	if len(builders) != 3 || last.command == "" {
		t.Fatalf("the example has %d builders, and %+v in the end", len(builders), last)
	}
	image := w.lab["LAB_REGISTRY"] + "/" + repository
	digests := map[string]string{}
	stage := func(platform string, attempt int, more ...string) {
		r := builders[platform].run(t, run, attempt, more...)
		r.wantCode(t, 0)
		r.wantStderr(t, "handed over to publish, no tag was moved")
		digests[platform] = r.platform(t, platform).Digest
	}
	stage("linux/amd64", 1)
	first := digests["linux/amd64"]
	stage("linux/amd64", 2, "--build-arg", "AGAIN=1", "--file", anotherDockerfile(t))
	if digests["linux/amd64"] == first {
		t.Fatal("the second attempt has built the same image, so nothing can be told apart")
	}
	late := builders["linux/amd64"].run(t, run, 1)
	late.wantCode(t, 1)
	late.wantStderr(t, "attempt 2 has handed it over, and this is attempt 1: the older must not replace the newer")
	stage("linux/arm64", 1)

	missing := last
	missing.inputs = map[string]string{"platforms": "linux/amd64,linux/arm64,linux/s390x", "tags": image + ":never", "staged": "true", "wait": "1s"}
	r := missing.run(t, run, 2)
	r.wantCode(t, 1)
	r.wantStderr(t, "waiting 1s for platforms: not handed over: linux/s390x; no tag was moved")
	if got := digestOf(t, image+":never"); got != "" {
		t.Errorf("a tag has been moved to %s", got)
	}

	var published result
	var waiting sync.WaitGroup
	waiting.Go(func() { published = last.run(t, run, 2, "--wait", "5m") })
	stage("linux/arm/v7", 1)
	waiting.Wait()
	published.wantCode(t, 0)
	published.wantStderr(t, "3 platforms, verified and published")
	wantIndex(t, image+":v1.4.0", digests)
	if left := must(t, w.crane, "ls", image); strings.Contains(left, "staged-") {
		t.Errorf("staging references are left:\n%s", left)
	}
}

// wantIndex checks that a tag leads to an index of these images, in any order.
func wantIndex(t *testing.T, ref string, digests map[string]string) {
	t.Helper()
	var index struct{ Manifests []struct{ Digest string } }
	if err := json.Unmarshal([]byte(must(t, w.crane, "manifest", ref)), &index); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range index.Manifests {
		got = append(got, m.Digest)
	}
	for platform, digest := range digests {
		if !slices.Contains(got, digest) {
			t.Errorf("%s holds %q, and not %s for %s", ref, got, digest, platform)
		}
	}
	if len(got) != len(digests) {
		t.Errorf("%s holds %q, want %d images", ref, got, len(digests))
	}
}

// anotherDockerfile builds another image than that of the example.
func anotherDockerfile(t *testing.T) string {
	t.Helper()
	return filepath.Join(folder(t, map[string]string{"Dockerfile": "FROM busybox\nRUN echo again > /again\n"}), "Dockerfile")
}

// The example for GitLab: its lines are run by a shell, as a runner does. Then the same with files instead of references.
func TestStagedBuildsOfTheGitLabExample(t *testing.T) {
	t.Parallel()
	var pipeline struct {
		Build struct {
			Parallel struct{ Matrix []map[string]string }
			Script   []string
		}
		Publish struct{ Script []string }
	}
	readExample(t, "gitlab.yml", &pipeline)
	id := rand.Text()
	image := w.lab["LAB_REGISTRY"] + "/e2e/staged-" + strings.ToLower(id)
	bin := t.TempDir()
	if err := os.Symlink(w.program, filepath.Join(bin, "multiarch-action")); err != nil {
		t.Fatal(err)
	}
	script := func(lines []string, number int, more ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "sh", "-ec", strings.Join(lines, "\n"))
		cmd.Dir = filepath.Join(w.root, "examples", "hello")
		cmd.Env = append(append(os.Environ(), "PATH="+bin+":"+w.lab["LAB_QEMU_DIR"]+":"+os.Getenv("PATH"), "TMPDIR="+shortTemp(t),
			"GITLAB_CI=true", "CI_PIPELINE_ID="+id, fmt.Sprint("CI_JOB_ID=", number), "CI_COMMIT_SHA=c0ffee", "CI_COMMIT_TAG=v1.4.0", "CI_REGISTRY_IMAGE="+image,
			"MULTIARCH_BUILDKITD_CONFIG="+w.lab["LAB_BUILDKITD_CONFIG"], "MULTIARCH_BUILDKIT_IMAGE="+w.lab["MULTIARCH_BUILDKIT_IMAGE"], "MULTIARCH_BINFMT_IMAGE=none"), more...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			return string(out) + err.Error()
		}
		return string(out)
	}
	if len(pipeline.Build.Parallel.Matrix) != 3 {
		t.Fatalf("the example has %d builders", len(pipeline.Build.Parallel.Matrix))
	}
	records := t.TempDir()
	for i, row := range pipeline.Build.Parallel.Matrix {
		platform := "PLATFORM=" + row["PLATFORM"]
		if out := script(pipeline.Build.Script, 100+i, platform, "MULTIARCH_RECORD="+records); !strings.Contains(out, "handed over to publish") {
			t.Fatalf("%s: %s", platform, out)
		}
	}
	if out := script(pipeline.Publish.Script, 200, "MULTIARCH_RECORD="+records); !strings.Contains(out, "3 platforms, verified and published") {
		t.Errorf("publish: %s", out)
	}
	index := digestOf(t, image+":v1.4.0")
	// A record of another commit is a stranger, and keeps the tag where it is.
	files, err := filepath.Glob(filepath.Join(records, "*.json"))
	if err != nil || len(files) != 3 {
		t.Fatalf("records: %q, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err == nil {
		err = os.WriteFile(files[0], []byte(strings.Replace(string(text), "c0ffee", "decaf", 1)), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	out := script(pipeline.Publish.Script, 200, "MULTIARCH_RECORD="+records)
	if !strings.Contains(out, "it is of another revision: decaf, and c0ffee is to be published") || digestOf(t, image+":v1.4.0") != index {
		t.Errorf("with a record of another commit: %s", out)
	}
}
