package main_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/shlex"
	"go.yaml.in/yaml/v3"

	"github.com/org/multiarch-action/internal/cli"
	"github.com/org/multiarch-action/internal/plan"
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

func TestEveryWorkflowInTheDocumentsUsesInputsThatExist(t *testing.T) {
	t.Parallel()
	found := 0
	for file, text := range documents(t) {
		for _, block := range blocks(text, "yaml") {
			var steps []struct {
				Uses string
				With map[string]any
			}
			if err := yaml.Unmarshal([]byte(block), &steps); err != nil {
				t.Errorf("%s: %v in\n%s", file, err, block)
			}
			for _, step := range steps {
				found++
				table := plan.BuildInputs()
				switch {
				case strings.Contains(step.Uses, "/publish@"):
					table = plan.PublishInputs()
				case strings.Contains(step.Uses, "/promote@"):
					table = plan.PromoteInputs()
				}
				for name := range step.With {
					if !slices.ContainsFunc(table, func(i plan.Input) bool { return i.Name == name }) {
						t.Errorf("%s: there is no input %q", file, name)
					}
				}
			}
		}
	}
	if found == 0 {
		t.Error("no workflow was found")
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
