package ci_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/ci"
	"github.com/org/multiarch-action/internal/ci/runner"
)

// github is a host on GitHub with some more variables.
func github(log io.Writer, env map[string]string) *ci.Host {
	return ci.Detect(func(name string) string {
		if name == "GITHUB_ACTIONS" {
			return "true"
		}
		return env[name]
	}, log)
}

func TestInputOrder(t *testing.T) {
	t.Parallel()
	all := map[string]string{"INPUT_BUILD-ARGS": "a", "PLUGIN_BUILD_ARGS": "b", "MULTIARCH_BUILD_ARGS": "c"}
	without := func(names ...string) map[string]string {
		env := map[string]string{}
		for name, value := range all {
			env[name] = value
		}
		for _, name := range names {
			env[name] = ""
		}
		return env
	}
	tests := []struct {
		name   string
		env    map[string]string
		github bool
		want   string
	}{
		{"GitHub's input comes first, with its hyphen", all, true, "a"},
		{"GitHub's inputs count on GitHub only", all, false, "b"},
		{"an empty input is none", without("INPUT_BUILD-ARGS"), true, "b"},
		{"our own name comes last", without("INPUT_BUILD-ARGS", "PLUGIN_BUILD_ARGS"), true, "c"},
		{"an input that is the default was not said", map[string]string{"INPUT_BUILD-ARGS": "D=1", "MULTIARCH_BUILD_ARGS": "c"}, true, "c"},
		{"nothing", nil, true, ""},
		{"an input with an underscore is another one", map[string]string{"INPUT_BUILD_ARGS": "x"}, true, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			host := ci.Detect(func(name string) string { return test.env[name] }, io.Discard)
			if test.github {
				host = github(io.Discard, test.env)
			}
			if got := host.Input("build-args", "D=1"); got != test.want {
				t.Errorf("Input() = %q, want %q", got, test.want)
			}
		})
	}
}

func TestOutputsHoldWhatTheyHold(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"one line":                        "sha256:12",
		"nothing":                         "",
		"several lines":                   "{\n  \"a\": 1\n}",
		"a line like an output":           "x\nevil=1\ny",
		"a heredoc of its own":            "x\nevil<<EOF\n1\nEOF",
		"markers that others use":         "ghadelimiter_\n_GitHubActionsFileCommandDelimeter_\nEOF\nevil=1",
		"the beginning of our own marker": "multiarch_\nmultiarch_AAAAAAAAAAAAAAAAAAAAAAAAAA\nevil=1",
		"a carriage return":               "x\revil=1",
		"an empty line":                   "x\n\nevil=1",
	}
	for name, value := range values {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "output")
			host := github(io.Discard, map[string]string{"GITHUB_OUTPUT": file})
			if err := host.SetOutputs([]ci.Output{{Name: "a", Value: value}, {Name: "b", Value: "after"}}); err != nil {
				t.Fatal(err)
			}
			want := []runner.Pair{{Name: "a", Value: value}, {Name: "b", Value: "after"}}
			if diff := cmp.Diff(want, readPairs(t, file)); diff != "" {
				t.Errorf("the runner reads other outputs (-want +got):\n%s", diff)
			}
		})
	}
}

func readPairs(t *testing.T, file string) []runner.Pair {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, err := runner.Pairs(string(text))
	if err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	return got
}

// The marker around a value cannot be known before, because it is another one each time.
func TestOutputMarkersAreRandom(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 10 {
		file := filepath.Join(t.TempDir(), "output")
		if err := github(io.Discard, map[string]string{"GITHUB_OUTPUT": file}).SetOutputs([]ci.Output{{Name: "a", Value: "b"}}); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, marker, _ := strings.Cut(strings.SplitN(string(text), "\n", 2)[0], "<<")
		if seen[marker] || len(marker) < 26 {
			t.Fatalf("the marker is %q, want a long one that was not used before", marker)
		}
		seen[marker] = true
	}
}

func TestStateIsKeptForTheStepThatCleansUp(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "state")
	host := github(io.Discard, map[string]string{"GITHUB_STATE": file, "STATE_run": "3f9a"})
	if err := host.SaveState("run", "3f9a"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]runner.Pair{{Name: "run", Value: "3f9a"}}, readPairs(t, file)); diff != "" {
		t.Errorf("the runner reads other state (-want +got):\n%s", diff)
	}
	if got, known := host.States("run"); !known || !slices.Equal(got, []string{"3f9a"}) {
		t.Errorf("States() = %q, %v, want %q", got, known, "3f9a")
	}
	terminal := ci.Detect(func(name string) string { return map[string]string{"STATE_run": "x"}[name] }, io.Discard)
	if got, known := terminal.States("run"); known || got != nil {
		t.Errorf("States() on a terminal = %q, %v, want nothing", got, known)
	}
}

func TestFilesThatAreNotThere(t *testing.T) {
	t.Parallel()
	gone := filepath.Join(t.TempDir(), "gone", "output")
	tests := []struct {
		name string
		host *ci.Host
		want string
	}{
		{"no variable on GitHub", github(io.Discard, nil), ""},
		{"a variable on a terminal", ci.Detect(func(name string) string { return map[string]string{"GITHUB_OUTPUT": gone, "GITHUB_STATE": gone}[name] }, io.Discard), ""},
		{"a file that cannot be written", github(io.Discard, map[string]string{"GITHUB_OUTPUT": gone, "GITHUB_STATE": gone}), gone},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for variable, err := range map[string]error{
				"GITHUB_OUTPUT": test.host.SetOutputs([]ci.Output{{Name: "a", Value: "b"}}), "GITHUB_STATE": test.host.SaveState("a", "b"),
			} {
				switch {
				case test.want == "" && err != nil:
					t.Errorf("%s: %v, want no error", variable, err)
				case test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), variable+`: writing "a": `) || !strings.Contains(err.Error(), test.want)):
					t.Errorf("%s: the error is %v, want one that names the variable, the value's name and the file", variable, err)
				}
			}
		})
	}
}

func TestSummaryFile(t *testing.T) {
	t.Parallel()
	env := map[string]string{"GITHUB_STEP_SUMMARY": "/tmp/summary"}
	if got, want := github(io.Discard, env).SummaryFile(), "/tmp/summary"; got != want {
		t.Errorf("SummaryFile() on GitHub = %q, want %q", got, want)
	}
	if got := ci.Detect(func(name string) string { return env[name] }, io.Discard).SummaryFile(); got != "" {
		t.Errorf("SummaryFile() on a terminal = %q, want nothing", got)
	}
}

func TestErrorsAreShownWhereTheHostShowsThem(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, file string
		line       int
		text, want string
	}{
		{"a text", "", 0, "it failed", "::error::it failed\n"},
		{"a place", "Dockerfile", 3, "it failed", "::error file=Dockerfile,line=3::it failed\n"},
		{"a file without a line", "Dockerfile", 0, "it failed", "::error::it failed\n"},
		{"a text that would be a second command", "", 0, "100%\r\n::error::x", "::error::100%25%0D%0A::error::x\n"},
		{"a file that would set a property", "a,line=9::x\n", 3, "it failed", "::error file=a%2Cline=9%3A%3Ax%0A,line=3::it failed\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			host := github(&log, nil)
			if !host.Error(test.file, test.line, test.text) {
				t.Error("Error() on GitHub reports no place for it")
			}
			host.ShowProblems()
			if got := log.String(); got != test.want {
				t.Errorf("the log is %q, want %q", got, test.want)
			}
		})
	}
	var log bytes.Buffer
	host := ci.Detect(func(string) string { return "" }, &log)
	if host.Error("", 0, "x") {
		t.Error("Error() on a terminal reports a place for it")
	}
	if host.ShowProblems(); log.Len() > 0 {
		t.Errorf("ShowProblems() on a terminal wrote %q, want nothing", log.String())
	}
}

func TestDebugLinesAreForThoseWhoAsk(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		environment map[string]string
		want        string
	}{
		{map[string]string{"GITHUB_ACTIONS": "true"}, ""},
		{map[string]string{"GITHUB_ACTIONS": "true", "RUNNER_DEBUG": "1"}, "::debug::GET 100%25\n"},
		{map[string]string{"RUNNER_DEBUG": "1"}, "debug: GET 100%\n"},
	} {
		var log bytes.Buffer
		host := ci.Detect(func(name string) string { return test.environment[name] }, &log)
		if say := host.Debug(); say != nil {
			say("GET 100%")
		}
		if log.String() != test.want {
			t.Errorf("%v: the log is %q, want %q", test.environment, log.String(), test.want)
		}
	}
}

func TestSectionsAreGroupsOnGitHub(t *testing.T) {
	t.Parallel()
	for environment, want := range map[string]string{"true": "::group::Build\n::endgroup::\n", "": ""} {
		var log bytes.Buffer
		ci.Detect(func(name string) string { return map[string]string{"GITHUB_ACTIONS": environment}[name] }, &log).Section("build", "Build", false)()
		if log.String() != want {
			t.Errorf("GITHUB_ACTIONS=%q: the log is %q, want %q", environment, log.String(), want)
		}
	}
}
