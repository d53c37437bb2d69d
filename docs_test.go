package main_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/shlex"
	"go.yaml.in/yaml/v3"

	"github.com/org/multiarch-action/internal/cli"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/verify"
)

// documents are the pages that people read.
func documents(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, file := range append(files, "README.md", "CONTRIBUTING.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out[file] = string(text)
	}
	return out
}

var (
	fenced      = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```")
	makeTarget  = regexp.MustCompile("`make ([a-z-]+)")
	makeCommand = regexp.MustCompile(`(?m)^make ([a-z-]+)`)
	link        = regexp.MustCompile(`\]\(([^):#]+)\)`)
)

// blocks returns the fenced blocks of a language.
func blocks(text, language string) []string {
	var out []string
	for _, match := range fenced.FindAllStringSubmatch(text, -1) {
		if match[1] == language {
			out = append(out, match[2])
		}
	}
	return out
}

func TestEveryCommandInTheDocumentsIsUnderstood(t *testing.T) {
	t.Parallel()
	found := 0
	for file, text := range documents(t) {
		for _, block := range blocks(text, "sh") {
			for line := range strings.Lines(block) {
				words, err := shlex.Split(line)
				if err != nil {
					t.Errorf("%s: %q: %v", file, line, err)
				}
				if len(words) == 0 || words[0] != "multiarch-action" {
					continue
				}
				found++
				understood(t, file, words[1:])
			}
		}
	}
	if found == 0 {
		t.Error("no command was found")
	}
}

// understood runs a command as far as that goes without doing anything. A context of "." stands for any folder with a Dockerfile.
func understood(t *testing.T, file string, args []string) {
	t.Helper()
	if args[0] == "build" {
		args = append(args, "--dry-run")
		if i := slices.Index(args, "."); i > 0 {
			args[i] = "examples/hello"
		}
	} else {
		args = append(args, "--help")
	}
	var stdout, stderr bytes.Buffer
	ofARun := func(name string) string { return map[string]string{"BUILD_TAG": "jenkins-app-7"}[name] }
	world := cli.World{Args: args, Getenv: ofARun, Stdout: &stdout, Stderr: &stderr}
	if code := cli.Run(t.Context(), world); code != cli.ExitOK {
		t.Errorf("%s: multiarch-action %s: exit code %d: %s", file, strings.Join(args, " "), code, stderr.String())
	}
}

// workflowStep is a step, or a job that calls a workflow.
type workflowStep struct {
	Uses string
	With map[string]any
}

// stepsIn reads steps, or jobs with them.
func stepsIn(t *testing.T, file, block string) []workflowStep {
	t.Helper()
	var steps []workflowStep
	if yaml.Unmarshal([]byte(block), &steps) == nil {
		return steps
	}
	var workflow struct {
		Jobs map[string]struct {
			workflowStep `yaml:",inline"`
			Steps        []workflowStep
		}
		Steps []struct { // of Woodpecker and Drone, whose plugin is the program's image
			Settings map[string]any
		}
	}
	if err := yaml.Unmarshal([]byte(block), &workflow); err != nil || len(workflow.Jobs)+len(workflow.Steps) == 0 {
		t.Errorf("%s: neither steps nor jobs (%v):\n%s", file, err, block)
	}
	for _, plugin := range workflow.Steps {
		steps = append(steps, workflowStep{Uses: "org/multiarch-action", With: plugin.Settings})
	}
	for _, job := range workflow.Jobs {
		steps = append(append(steps, job.workflowStep), job.Steps...)
	}
	return steps
}

// inputsOf are the inputs of what a step uses; nil: it is not ours.
func inputsOf(t *testing.T, uses string) []string {
	t.Helper()
	name, _, _ := strings.Cut(uses, "@")
	path, ours := strings.CutPrefix(name, "org/multiarch-action")
	table := map[string][]plan.Input{"": plan.BuildInputs(), "/publish": plan.PublishInputs(), "/promote": plan.PromoteInputs()}[path]
	var names []string
	for _, input := range table {
		names = append(names, input.Name)
	}
	if !ours || len(names) > 0 {
		return names
	}
	text, err := os.ReadFile(strings.TrimPrefix(path, "/"))
	if err != nil {
		t.Fatal(err)
	}
	var called struct {
		On struct {
			WorkflowCall struct{ Inputs map[string]any } `yaml:"workflow_call"`
		}
	}
	if err := yaml.Unmarshal(text, &called); err != nil {
		t.Fatal(err)
	}
	return slices.Collect(maps.Keys(called.On.WorkflowCall.Inputs))
}

func TestEveryWorkflowInTheDocumentsUsesInputsThatExist(t *testing.T) {
	t.Parallel()
	found := 0
	for file, text := range documents(t) {
		if name := filepath.ToSlash(file); name == policyDocument || name == gitlabDocument {
			continue
		}
		for _, block := range blocks(text, "yaml") {
			for _, step := range stepsIn(t, file, block) {
				found++
				known := inputsOf(t, step.Uses)
				for name := range step.With {
					if known != nil && !slices.Contains(known, name) {
						t.Errorf("%s: %s has no input %q", file, step.Uses, name)
					}
				}
			}
		}
	}
	if found == 0 {
		t.Error("no workflow was found")
	}
}

const policyDocument = "docs/policy.md"

func TestTheDocumentedPolicyIsOne(t *testing.T) {
	t.Parallel()
	examples := blocks(documents(t)[filepath.FromSlash(policyDocument)], "yaml")
	if len(examples) == 0 {
		t.Error("no policy was found")
	}
	world := plan.World{Now: time.Now()}
	for _, check := range verify.Checks() {
		world.Checks = append(world.Checks, check.ID)
	}
	for _, example := range examples {
		world.ReadFile = func(string) ([]byte, error) { return []byte(example), nil }
		if p, problems := plan.ReadPolicyFile(policyDocument, world); problems != nil || len(p.Ignore) == 0 {
			t.Errorf("%+v, %v", p, problems)
		}
	}
}

func TestEveryLinkAndMakeTargetInTheDocumentsExists(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for file, text := range documents(t) {
		for _, match := range link.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), match[1])); err != nil {
				t.Errorf("%s: the link %s leads nowhere", file, match[1])
			}
		}
		targets := makeTarget.FindAllStringSubmatch(text, -1)
		for _, block := range blocks(text, "sh") {
			targets = append(targets, makeCommand.FindAllStringSubmatch(block, -1)...)
		}
		for _, match := range targets {
			if !strings.Contains(string(makefile), "\n"+match[1]+":") {
				t.Errorf("%s: there is no make %s", file, match[1])
			}
		}
	}
}
