//go:build e2e

package e2e

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// gitlabTools are gitlab-ci-local, which checks pipelines by GitLab's own schema and runs them, and the schema of JUnit.
var gitlabTools = sync.OnceValues(func() ([]string, error) {
	text, err := output(w.root, "go", "run", "./lab", "tool", "gitlab-ci-local", "junit.xsd")
	return strings.Fields(text), err
})

// gitlabPipeline uses both components as a user's project would: one as a component, one as a file. What a job shall have besides is
// written under its name: here the files of its reports as artifacts, where the test finds them.
const gitlabPipeline = `
include:
  - component: $CI_SERVER_FQDN/group/app/build@$CI_COMMIT_SHA
    inputs:
      job: together
      images: []
      tags: ["$CI_REGISTRY_IMAGE:together", "$CI_REGISTRY_IMAGE:again"]
      platforms: [linux/amd64, linux/arm64]
      build-args: ["TEXT=a, 'b' and \"c\""]
      smoke-test: cat /text
      services: []
      docker-host: ""
  - local: /templates/native.yml
    inputs:
      platforms: [linux/arm64, linux/amd64]
      runners:
        - { RUNNER: one, PLATFORM: [linux/amd64, linux/arm64] }
      build-args: [TEXT=x]
      services: []
      docker-host: ""

together: {artifacts: {paths: [multiarch-action.*]}}
multiarch-platform: {artifacts: {paths: [multiarch-action.*]}}
multiarch: {artifacts: {paths: [multiarch-action.*]}}

use:
  stage: deploy
  needs: [multiarch]
  script:
    - echo "$IMAGE $IMAGE_DIGEST $IMAGE_TAGS $IMAGE_DIGEST_LINUX_ARM64" > used

use-together:
  stage: deploy
  needs: [together]
  script:
    - echo "$IMAGE $IMAGE_DIGEST $IMAGE_TAGS $IMAGE_DIGEST_LINUX_ARM64" > used-together
`

// gitlabProject is a user's repository with the components in it.
func gitlabProject(t *testing.T, pipeline, dockerfile string) string {
	t.Helper()
	dir := folder(t, map[string]string{".gitlab-ci.yml": pipeline, "Dockerfile": dockerfile, ".gitignore": "*\n"})
	if err := os.CopyFS(filepath.Join(dir, "templates"), os.DirFS(filepath.Join(w.root, "templates"))); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"init", "-q", "-b", "main"},
		{"remote", "add", "origin", "https://gitlab.example.org/group/app.git"},
		{"symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"},
		{"add", "-f", "."},
		{"-c", "user.name=e2e", "-c", "user.email=e2e@example.org", "commit", "-q", "-m", "pipeline"},
	} {
		must(t, "git", append([]string{"-C", dir}, args...)...)
	}
	return dir
}

// gitlabCI prepares gitlab-ci-local for a project. Jobs run one after the other, because they share the folder: with folders of
// their own the after_script would begin with a new one, which GitLab's does not.
func gitlabCI(t *testing.T, dir, image string, args ...string) *exec.Cmd {
	t.Helper()
	tools, err := gitlabTools()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.Symlink(w.program, filepath.Join(bin, "multiarch-action")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), tools[0], append([]string{
		"--force-shell-executor", "--concurrency", "1", "--variable", "CI_REGISTRY=" + strings.Split(image, "/")[0], "--variable", "CI_REGISTRY_IMAGE=" + image,
	}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+w.lab["LAB_QEMU_DIR"]+":"+os.Getenv("PATH"), "HOME="+t.TempDir(), "TMPDIR="+shortTemp(t),
		"MULTIARCH_BUILDKITD_CONFIG="+w.lab["LAB_BUILDKITD_CONFIG"], "MULTIARCH_BUILDKIT_IMAGE="+w.lab["MULTIARCH_BUILDKIT_IMAGE"], "MULTIARCH_BINFMT_IMAGE=none")
	return cmd
}

func TestGitLabPipeline(t *testing.T) {
	t.Parallel()
	image := w.lab["LAB_REGISTRY"] + "/e2e/gitlab-" + strings.ToLower(rand.Text())
	dir := gitlabProject(t, gitlabPipeline, "FROM busybox\nARG TEXT\nRUN echo \"$TEXT\" > /text\n")
	out, err := gitlabCI(t, dir, image).CombinedOutput()
	log := string(out)
	showIfFailed(t, log)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"json schema validated", `a, 'b' and "c"`, "setup took", "build took", "publish took", "\x1b[32;1m2 of 2 platforms built, verified and published"} {
		if !strings.Contains(log, text) {
			t.Errorf("the log does not have %q", text)
		}
	}
	wantUsed(t, filepath.Join(dir, "used"), image+":main", image+":main")
	wantUsed(t, filepath.Join(dir, "used-together"), image+":together", image+":together,"+image+":again")
	jobs := regexp.MustCompile(`^multiarch-platform.*|^multiarch$|^together$`)
	artifacts, err := os.ReadDir(filepath.Join(dir, ".gitlab-ci-local", "artifacts"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, entry := range artifacts {
		if jobs.MatchString(entry.Name()) {
			found++
			wantReports(t, filepath.Join(dir, ".gitlab-ci-local", "artifacts", entry.Name()))
		}
	}
	if found != 4 { // two platforms, and what publishes them
		t.Errorf("artifacts of %d jobs, want 4", found)
	}
}

// wantUsed checks what a later job has been given for an image.
func wantUsed(t *testing.T, file, first, tags string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	digest := digestOf(t, first)
	arm := strings.TrimSpace(must(t, w.crane, "digest", "--platform", "linux/arm64", first))
	if want := first + "@" + digest + " " + digest + " " + tags + " " + arm + "\n"; string(text) != want {
		t.Errorf("a later job has\n%s want\n%s", text, want)
	}
}

// wantReports checks the files of a job's reports: JUnit by its schema, dotenv by GitLab's rules, and links to the commit.
func wantReports(t *testing.T, dir string) {
	t.Helper()
	wantJUnit(t, filepath.Join(dir, "multiarch-action.xml"))
	dotenv, err := os.ReadFile(filepath.Join(dir, "multiarch-action.env"))
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`^[A-Z0-9_]+=[!-~]+\n$`)
	for text := range strings.Lines(string(dotenv)) {
		if !line.MatchString(text) {
			t.Errorf("%s: dotenv has the line %q", dir, text)
		}
	}
	var links map[string][]struct {
		Link struct{ Label, URL string } `json:"external_link"`
	}
	raw, err := os.ReadFile(filepath.Join(dir, "multiarch-action.json"))
	if err == nil {
		err = json.Unmarshal(raw, &links)
	}
	if err != nil {
		t.Fatal(err)
	}
	last := links["multiarch-action"]
	if len(last) == 0 || !strings.HasPrefix(last[len(last)-1].Link.URL, "https://gitlab.example.org/group/app/-/commit/") {
		t.Errorf("%s: links %s", dir, raw)
	}
}

// wantJUnit checks files by the schema that Jenkins has for JUnit.
func wantJUnit(t *testing.T, files ...string) {
	t.Helper()
	tools, err := gitlabTools()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := output("", "xmllint", append([]string{"--noout", "--schema", tools[1]}, files...)...); err != nil {
		t.Error(err)
	}
}

// All kinds of reports are in the testdata of the package that writes them.
func TestJUnitIsValid(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(w.root, "internal", "report", "testdata", "*.junit.xml.golden"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%q, %v", files, err)
	}
	wantJUnit(t, files...)
}

// Every pipeline of the document, and the example, is one by GitLab's schema, where the jobs are that it needs.
func TestGitLabPipelinesOfTheDocument(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(w.root, "docs", "gitlab.md"))
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```").FindAllStringSubmatch(string(text), -1)
	if len(examples) == 0 {
		t.Error("no pipeline was found")
	}
	example, err := os.ReadFile(filepath.Join(w.root, "examples", "native-runners", "gitlab.yml"))
	if err != nil {
		t.Fatal(err)
	}
	examples = append(examples, []string{"", string(example)})
	for i, example := range examples {
		t.Run(fmt.Sprint(i+1), func(t *testing.T) {
			t.Parallel()
			pipeline := strings.ReplaceAll(example[1], "remote: https://raw.githubusercontent.com/org/multiarch-action/v1/", "local: /")
			if !strings.Contains(pipeline, "include:") {
				pipeline = "include: [{local: /templates/build.yml}]\n" + pipeline
			}
			dir := gitlabProject(t, pipeline, "FROM busybox\n")
			if out, err := gitlabCI(t, dir, "localhost:1/none", "--preview").CombinedOutput(); err != nil || !strings.Contains(string(out), "json schema validated") {
				t.Errorf("%v\n%s\n%s", err, pipeline, out)
			}
		})
	}
}

// With the defaults of all inputs a component is a pipeline by GitLab's schema (for the other the document's show it), and what no
// input may be is refused.
func TestGitLabComponentsByTheSchema(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, include, want string }{
		{"defaults of native", "{local: /templates/native.yml}", "json schema validated"},
		{"an unknown level of verification", "{local: /templates/build.yml, inputs: {verify: some}}", "it is not in the list of allowed options"},
		{"a list as text", "{local: /templates/build.yml, inputs: {platforms: linux/amd64}}", "provided value is not a"},
		{"an address that is none", "{local: /templates/native.yml, inputs: {docker-host: docker}}", "does not match required regex"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := gitlabProject(t, "include: ["+test.include+"]\n", "FROM busybox\n")
			out, err := gitlabCI(t, dir, "localhost:1/none", "--preview").CombinedOutput()
			if !strings.Contains(string(out), test.want) || (err == nil) != strings.HasPrefix(test.name, "defaults") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// A job whose program is killed has no time to clean up: its after_script does.
func TestGitLabAfterScriptRemovesWhatAKilledRunLeft(t *testing.T) {
	t.Parallel()
	mark := "kill-me-" + rand.Text()
	dir := gitlabProject(t, killedPipeline(mark), "FROM busybox\n")
	killed := make(chan string, 1)
	go func() { killed <- killWhenTesting(t, mark) }()
	out, err := gitlabCI(t, dir, w.lab["LAB_REGISTRY"]+"/e2e/gitlab-killed").CombinedOutput()
	run := <-killed
	if err == nil || !strings.Contains(string(out), "removed  container ") {
		t.Errorf("the after_script removed nothing, or the job succeeded:\n%s", out)
	}
	wantNothingLeft(t, run)
}

func killedPipeline(mark string) string {
	return `
include:
  - local: /templates/build.yml
    inputs: {platforms: [linux/amd64], smoke-test: "sleep 600; : ` + mark + `", services: [], docker-host: ""}
`
}

// When gitlab-ci-local itself is cancelled it runs no after_script, and the program cleans up alone.
func TestGitLabCancelled(t *testing.T) {
	t.Parallel()
	mark := "cancel-me-" + rand.Text()
	dir := gitlabProject(t, killedPipeline(mark), "FROM busybox\n")
	cmd := gitlabCI(t, dir, w.lab["LAB_REGISTRY"]+"/e2e/gitlab-cancelled")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // as in a terminal, where Ctrl-C reaches all of them
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	run := ""
	for deadline := time.Now().Add(2 * time.Minute); run == "" && time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		run = runThatTests(mark)
	}
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("a cancelled pipeline succeeded")
	}
	for deadline := time.Now().Add(20 * time.Second); len(processesWith(mark)) > 0 && time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
	}
	wantNothingLeft(t, run)
}
