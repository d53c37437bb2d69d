//go:build e2e

package e2e

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// The step for Jenkins in its own Groovy, in the pipelines that the documents show: published with the credentials of the pipeline, which nothing shows;
// a failure that fails the pipeline, with its test results; an abort that leaves nothing.
func TestJenkinsPipelines(t *testing.T) {
	t.Parallel()
	const token = "npm-token-0815"
	page := groovyOf(t, "jenkins.md")
	good := "FROM busybox\nARG VERSION\nRUN --mount=type=secret,id=npm cat /run/secrets/npm && echo $VERSION > /version\n"
	for _, test := range []struct {
		name       string
		pipeline   string // empty: the example
		dockerfile string
		change     []string // of the pipeline: old, new
		abort      string   // what the log holds when the pipeline is aborted
		fails      bool
		want       []string
	}{
		{
			name: "success", dockerfile: good,
			want: []string{"[Pipeline] stage (image)", "image: " + w.lab["LAB_TLS_REGISTRY"] + "/owner/success:success@sha256:", " tests, 0 failed", "+ multiarch-action build"},
		},
		{
			name: "smallest", pipeline: page[1], dockerfile: "FROM busybox\n",
			want: []string{"image: " + w.lab["LAB_TLS_REGISTRY"] + "/owner/smallest:7@sha256:"},
		},
		{
			name: "native agents", pipeline: page[2], dockerfile: "FROM busybox\n",
			want: []string{"+ multiarch-action publish", "image: " + w.lab["LAB_TLS_REGISTRY"] + "/owner/native-agents:1.4@sha256:"},
		},
		{
			name: "failure", dockerfile: "FROM busybox\nRUN exit 7\n", fails: true,
			want: []string{"[Pipeline] junit: 3 tests, 3 failed", "exit code: 7", "ERROR: script returned exit code 1"},
		},
		{
			name: "abort", dockerfile: "FROM busybox\nRUN echo now && sleep 600\n", fails: true, abort: "| now",
			want: []string{"cancelled; no tag was moved"},
		},
		{
			name: "secret", dockerfile: good, change: []string{"push: true", "password: 'x'"}, fails: true,
			want: []string{"ERROR: multiarchBuild: password would show a secret in the pipeline; name credentials in logins or secretCredentials instead"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newPipeline(t, test.pipeline, test.dockerfile, token, test.change...)
			log, err := p.run(t, test.abort)
			if (err != nil) != test.fails {
				t.Fatalf("the pipeline ended with %v\n%s", err, log)
			}
			for _, text := range test.want {
				if !strings.Contains(log, text) {
					t.Errorf("the log has no %q\n%s", text, log)
				}
			}
			for _, secret := range []string{token, w.lab["LAB_TLS_PASSWORD"]} {
				if strings.Contains(log, secret) {
					t.Errorf("the log holds a secret\n%s", log)
				}
			}
			p.wantCleanWorkspace(t)
			if run := p.report(t); run != "" {
				wantNothingLeft(t, run)
			}
		})
	}
}

// pipeline is a job of Jenkins with a workspace.
type pipeline struct {
	workspace   string
	jenkinsfile string
	credentials string
	reportFile  string
	environment []string
}

// groovyOf returns a page's blocks of Groovy.
func groovyOf(t *testing.T, page string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.root, "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, match := range regexp.MustCompile("(?ms)^```groovy\n(.*?)^```").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, match[1])
	}
	if len(blocks) != 3 {
		t.Fatalf("docs/%s has %d blocks of Groovy", page, len(blocks))
	}
	return blocks
}

func newPipeline(t *testing.T, text, dockerfile, token string, change ...string) pipeline {
	t.Helper()
	if text == "" {
		example, err := os.ReadFile(filepath.Join(w.root, "examples", "jenkins", "Jenkinsfile"))
		if err != nil {
			t.Fatal(err)
		}
		text = string(example)
	}
	name := strings.ToLower(strings.ReplaceAll(filepath.Base(t.Name()), "_", "-"))
	change = append(change, "ghcr.io/owner/app", "ghcr.io/owner/"+name)
	text = strings.ReplaceAll(strings.NewReplacer(change...).Replace(text), "ghcr.io", w.lab["LAB_TLS_REGISTRY"])
	credentials, err := json.Marshal(map[string]any{
		"ghcr": map[string]string{"username": w.lab["LAB_TLS_USER"], "password": w.lab["LAB_TLS_PASSWORD"]}, "npm": token,
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := folder(t, map[string]string{"Jenkinsfile": text, "credentials.json": string(credentials), "workspace/Dockerfile": dockerfile})
	p := pipeline{
		workspace: filepath.Join(dir, "workspace"), jenkinsfile: filepath.Join(dir, "Jenkinsfile"),
		credentials: filepath.Join(dir, "credentials.json"), reportFile: filepath.Join(dir, "report.json"),
	}
	p.environment = append(os.Environ(), "PATH="+filepath.Dir(w.program)+":"+w.lab["LAB_QEMU_DIR"]+":"+os.Getenv("PATH"),
		"JENKINS_URL=http://localhost:8080/", "BUILD_NUMBER=7", "BUILD_TAG=jenkins-"+name+"-7", "TAG_NAME="+name, "WORKSPACE="+p.workspace,
		"GIT_CEILING_DIRECTORIES="+w.root, "MULTIARCH_BINFMT_IMAGE=none", "MULTIARCH_BUILDKIT_IMAGE="+w.lab["MULTIARCH_BUILDKIT_IMAGE"],
		"MULTIARCH_BUILDKITD_CONFIG="+w.lab["LAB_BUILDKITD_CONFIG"], "MULTIARCH_REGISTRY_CAS="+w.lab["LAB_TLS_REGISTRY"]+"="+w.lab["LAB_TLS_CA"],
		"MULTIARCH_PROGRESS=plain", "MULTIARCH_REPORT="+p.reportFile)
	return p
}

// run executes the pipeline, and aborts it when its log holds a text; with none, never.
func (p pipeline) run(t *testing.T, abort string) (log string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "groovy", filepath.Join(w.root, "e2e", "testdata", "jenkins.groovy"), filepath.Join(w.root, "vars"), p.jenkinsfile, p.credentials)
	cmd.Dir, cmd.Env = p.workspace, p.environment
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = writer, writer
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = writer.Close() // the process has its own
	var text strings.Builder
	for lines := bufio.NewScanner(reader); lines.Scan(); {
		text.WriteString(lines.Text() + "\n")
		if abort != "" && strings.Contains(lines.Text(), abort) {
			abort = ""
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
		}
	}
	return text.String(), cmd.Wait()
}

// wantCleanWorkspace sees that the next build has the same context.
func (p pipeline) wantCleanWorkspace(t *testing.T) {
	t.Helper()
	entries, err := os.ReadDir(p.workspace)
	if err != nil || len(entries) != 1 {
		t.Errorf("the workspace has %v (%v), want the Dockerfile alone", entries, err)
	}
}

// report returns the run's id; empty if the program was not started.
func (p pipeline) report(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile(p.reportFile)
	if os.IsNotExist(err) {
		return ""
	}
	var r struct{ Run string }
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r.Run
}
