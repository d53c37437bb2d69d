// Package ci is everything that differs between a terminal, GitHub Actions and other CI hosts: where inputs come from, where
// outputs and the summary go, and how text that a build printed is kept from acting on the host. Start at Detect. What a run does
// is the same on every host; only how it is shown is decided here.
package ci

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/sethvargo/go-githubactions"

	"github.com/org/multiarch-action/internal/plan"
)

// Host is where the program runs.
type Host struct {
	Name    string // "github", "gitlab" or "terminal"
	getenv  func(string) string
	log     io.Writer
	action  *githubactions.Action // nil anywhere but on GitHub
	grouped atomic.Bool           // a group of GitHub's log is open

	problems problems // to be shown when the run ends
}

// Detect finds out from the environment where the program runs. People read what is written to log.
func Detect(getenv func(string) string, log io.Writer) *Host {
	h := &Host{Name: "terminal", getenv: getenv, log: log}
	if onGitLab(getenv) {
		h.Name = "gitlab"
	}
	if getenv("GITHUB_ACTIONS") == "true" {
		h.Name = "github"
		h.action = githubactions.New(githubactions.WithGetenv(getenv), githubactions.WithWriter(lasting{log}))
	}
	return h
}

// PluginCommand returns the command for a program that the host has started without arguments, as Woodpecker and Drone start a plugin and
// GitHub a container step: the setting "command", else build. It is empty where the host has set none of the inputs that are named.
func (h *Host) PluginCommand(inputs []string) string {
	prefixes := []string{"PLUGIN_"}
	if h.action != nil {
		prefixes = append(prefixes, "INPUT_")
	}
	for _, prefix := range prefixes {
		for _, name := range inputs {
			if h.getenv(hostVariable(prefix, name)) != "" {
				return cmp.Or(h.getenv(prefix+"COMMAND"), "build")
			}
		}
	}
	return ""
}

// hostVariable is where a host puts an input. GitHub's runner keeps hyphens: INPUT_BUILD-ARGS.
func hostVariable(prefix, input string) string {
	upper := strings.ToUpper(input)
	if prefix != "INPUT_" {
		upper = strings.ReplaceAll(upper, "-", "_")
	}
	return prefix + upper
}

// lasting is a log that others may have closed, which is no reason for go-githubactions to panic: what the run has made must still be
// taken away. Whoever gave the log to Detect learns of its errors.
type lasting struct{ io.Writer }

// Write reports no error.
func (l lasting) Write(p []byte) (int, error) {
	_, _ = l.Writer.Write(p)
	return len(p), nil
}

// CI reports whether a CI host started the program, by the variables that hosts set in every job.
func (h *Host) CI() bool {
	for _, variable := range []string{"CI", "GITHUB_ACTIONS", "JENKINS_URL", "TF_BUILD", "BUILDKITE", "DRONE", "TEAMCITY_VERSION"} {
		if value := h.getenv(variable); value != "" && value != "false" {
			return true
		}
	}
	return onGitLab(h.getenv)
}

// Input returns the text that the environment gives for an input. The order is the host's own inputs, then PLUGIN_ (Woodpecker,
// Drone), then MULTIARCH_. Empty text and the input's default are as good as none: GitHub sets every input that an action declares,
// and where the workflow does not say it, another variable may.
func (h *Host) Input(name, byDefault string) string {
	prefixes := []string{"PLUGIN_", "MULTIARCH_"}
	if h.action != nil {
		prefixes = append([]string{"INPUT_"}, prefixes...)
	}
	for _, prefix := range prefixes {
		if text := h.getenv(hostVariable(prefix, name)); text != "" && text != byDefault {
			return text
		}
	}
	return ""
}

// InTerms says a problem in the terms in which the host's user writes inputs: in a workflow platforms, elsewhere --platform.
func (h *Host) InTerms(problem plan.InputError, inputs []plan.Input) plan.InputError {
	if h.action == nil {
		return problem
	}
	inputs = slices.Clone(inputs) // a longer flag first: --test-timeout begins with --test
	slices.SortFunc(inputs, func(a, b plan.Input) int { return len(b.Label()) - len(a.Label()) })
	var pairs []string
	for _, input := range inputs {
		if input.Flag != "" {
			pairs = append(pairs, "for example "+input.Label()+" ", "for example "+input.Name+": ", input.Label(), input.Name)
		}
	}
	names := strings.NewReplacer(pairs...)
	problem.Input, problem.Rule, problem.Hint = names.Replace(problem.Input), names.Replace(problem.Rule), names.Replace(problem.Hint)
	return problem
}

// SummaryFile is where the host collects Markdown, or nothing: also where docker/build-push-action is told to write no summary.
func (h *Host) SummaryFile() string {
	if h.action == nil || h.off("DOCKER_BUILD_SUMMARY") {
		return ""
	}
	return h.getenv("GITHUB_STEP_SUMMARY")
}

// Output is one result of a step that later steps can use.
type Output struct{ Name, Value string }

// SetOutputs gives results to the host. Where the host has no place for them it does nothing.
func (h *Host) SetOutputs(outputs []Output) error {
	for _, o := range outputs {
		if err := h.fileCommand("output", o.Name, o.Value); err != nil {
			return err
		}
	}
	return nil
}

// fileCommand writes name and value into one of the runner's files. The marker around the value is random: with a known one,
// a value that contains it would set further outputs.
func (h *Host) fileCommand(file, name, value string) (err error) {
	if h.action == nil || h.getenv("GITHUB_"+strings.ToUpper(file)) == "" {
		return nil
	}
	defer func() {
		if cause := recover(); cause != nil { // how go-githubactions says that it could not write
			err = fmt.Errorf("GITHUB_%s: writing %q: %v", strings.ToUpper(file), name, cause)
		}
	}()
	marker := "multiarch_" + rand.Text()
	h.action.IssueFileCommand(&githubactions.Command{
		Name:    file,
		Message: fmt.Sprintf("%s<<%s\n%s\n%s", name, marker, strings.TrimRight(value, "\n"), marker),
	})
	return nil
}

// Debug returns what shows lines for whoever looks for the cause of a problem, which RUNNER_DEBUG=1 asks for, as GitHub's runner sets it
// where debug logging is enabled; otherwise nil.
func (h *Host) Debug() func(text string) {
	switch {
	case h.getenv("RUNNER_DEBUG") != "1":
		return nil
	case h.action != nil:
		return func(text string) { h.action.Debugf("%s", text) }
	}
	return func(text string) { fmt.Fprintln(h.log, "debug:", text) }
}

// Section begins a part of the log that people can fold, where the host has such, and returns what ends it. A collapsed one is folded
// until somebody opens it. The name is for the host: letters, digits, and _ . - are what GitLab takes. GitHub's groups do not nest: there one
// in another is a part of it.
func (h *Host) Section(name, title string, collapsed bool) (end func()) {
	switch {
	case h.action != nil && h.grouped.CompareAndSwap(false, true):
		h.action.Group(title)
		return func() {
			h.action.EndGroup()
			h.grouped.Store(false)
		}
	case onGitLab(h.getenv):
		return h.gitlabSection(name, title, collapsed)
	}
	return func() {}
}

// Lint is like Warning for what a check of the Dockerfile found, unless docker/build-push-action is told not to show that.
func (h *Host) Lint(file string, line int, text string) bool {
	return !h.off("DOCKER_BUILD_CHECKS_ANNOTATIONS") && h.Warning(file, line, text)
}

// off reports whether a variable that is on by default says otherwise.
func (h *Host) off(name string) bool {
	on, err := strconv.ParseBool(h.getenv(name))
	return err == nil && !on
}

// Foreign returns a writer for text that others wrote: build output, above all. What it contains cannot act on the host. Close it
// when the text ends.
func (h *Host) Foreign() io.WriteCloser {
	f := &foreign{w: h.log}
	if h.action != nil {
		f.token = rand.Text()
		_, f.err = fmt.Fprintf(h.log, "::stop-commands::%s\n", f.token)
	}
	return f
}
