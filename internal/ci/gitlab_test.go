package ci_test

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/org/multiarch-action/internal/ci"
)

func gitlab(log io.Writer, env map[string]string) *ci.Host {
	return ci.Detect(gitlabEnv(env), log)
}

// gitlabEnv is the environment of gitlab-ci-local's jobs, where GITLAB_CI is "false".
func gitlabEnv(env map[string]string) func(string) string {
	return func(name string) string {
		if name == "GITLAB_CI" {
			return "false"
		}
		return env[name]
	}
}

// section is what GitLab's log takes for the beginning or end of a section, from its documentation of custom collapsible sections.
var section = regexp.MustCompile(`\x1b\[0Ksection_(start|end):(\d+):([A-Za-z0-9_.-]+)(\[collapsed=true\])?\r\x1b\[0K`)

func TestSections(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		host func(io.Writer) *ci.Host
		want []string // start or end, name, option
	}{
		{"GitLab", func(w io.Writer) *ci.Host { return gitlab(w, nil) }, []string{"start build ", "start setup [collapsed=true]", "end setup ", "end build "}},
		{"a terminal", func(w io.Writer) *ci.Host { return ci.Detect(func(string) string { return "" }, w) }, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			host := test.host(&log)
			end := host.Section("build", "Build", false)
			host.Section("setup", "Set up", true)()
			end()
			var got []string
			for line := range strings.Lines(log.String()) {
				m := section.FindStringSubmatch(line)
				if m == nil || strings.Count(line, "section_") != 1 {
					t.Fatalf("line %q", line)
				}
				got = append(got, m[1]+" "+m[3]+" "+m[4])
			}
			if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestABuildCannotOpenASection(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	foreign := gitlab(&log, nil).Foreign()
	if _, err := io.WriteString(foreign, "\x1b[0Ksection_start:1700000000:evil[collapsed=true]\r\x1b[0Khidden\nfine\n"); err != nil {
		t.Fatal(err)
	}
	if err := foreign.Close(); err != nil {
		t.Fatal(err)
	}
	if section.MatchString(log.String()) || !strings.HasSuffix(log.String(), "fine\n") {
		t.Errorf("the log has %q", log.String())
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	env := map[string]string{"CI_REGISTRY": "registry.example.org", "CI_PROJECT_URL": "https://gitlab.example.org/group/app", "CI_COMMIT_SHA": "c0ffee1234567890"}
	host := gitlab(io.Discard, env)
	for _, test := range []struct{ registry, repository, want string }{
		{"registry.example.org", "group/app", "https://gitlab.example.org/group/app/container_registry"},
		{"index.docker.io", "owner/app", "https://hub.docker.com/r/owner/app"},
		{"index.docker.io", "library/busybox", "https://hub.docker.com/_/busybox"},
		{"quay.io", "owner/app", "https://quay.io/repository/owner/app"},
		{"ghcr.io", "owner/app", "https://ghcr.io/owner/app"},
		{"localhost:5000", "owner/app", ""},
	} {
		if got := host.ImagePage(test.registry, test.repository); got != test.want {
			t.Errorf("%s/%s: %q, want %q", test.registry, test.repository, got, test.want)
		}
	}
	if short, page := host.CommitPage(); short != "c0ffee12" || page != "https://gitlab.example.org/group/app/-/commit/c0ffee1234567890" {
		t.Errorf("commit: %q, %q", short, page)
	}
	if short, page := ci.Detect(func(name string) string { return env[name] }, io.Discard).CommitPage(); short+page != "" {
		t.Errorf("elsewhere: %q, %q", short, page)
	}
}

func TestStateIsKeptForTheAfterScript(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(dir+".tmp", 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir + ".tmp") })
	job := func(id string) *ci.Host {
		return gitlab(io.Discard, map[string]string{"CI_PROJECT_DIR": dir, "CI_JOB_ID": id})
	}
	wantStates := func(id string, want ...string) {
		t.Helper()
		if got, known := job(id).States("run"); !known || !slices.Equal(got, want) {
			t.Errorf("job %s has %q, %v, want %q", id, got, known, want)
		}
	}
	for _, run := range []string{"3f9a", "4e8b"} {
		if err := job("7").SaveState("run", run); err != nil {
			t.Fatal(err)
		}
	}
	wantStates("8")
	wantStates("7", "3f9a", "4e8b")
	if err := job("7").ForgetState("run", "3f9a"); err != nil {
		t.Fatal(err)
	}
	wantStates("7", "4e8b")
	for range 2 { // what is forgotten already is no error
		if err := job("7").ForgetState("run", "4e8b"); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []string{"", "../x"} {
		if _, known := job(id).States("run"); known {
			t.Errorf("a job with the id %q keeps something", id)
		}
		if err := job(id).SaveState("run", "3f9a"); err != nil {
			t.Errorf("a job with the id %q: %v", id, err)
		}
	}
	if left, err := os.ReadDir(dir + ".tmp"); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
