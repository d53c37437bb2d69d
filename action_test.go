package main_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/org/multiarch-action/internal/cli"
	"github.com/org/multiarch-action/internal/golden"
	"github.com/org/multiarch-action/internal/plan"
)

// actionFile is action.yml as far as it has to agree with the program.
type actionFile struct {
	Inputs  yaml.Node
	Outputs yaml.Node
	Runs    struct{ Using, Main, Post string }
}

type actionInput struct {
	Name        string `yaml:"-"`
	Description string
	Default     string
	Required    bool // none is
}

func readAction(t *testing.T) actionFile { return readActionFile(t, "action.yml") }

func readActionFile(t *testing.T, file string) actionFile {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var action actionFile
	if err := yaml.Unmarshal(text, &action); err != nil {
		t.Fatal(err)
	}
	return action
}

// entries reads the values of a mapping in their order.
func entries(t *testing.T, node yaml.Node) []actionInput {
	t.Helper()
	var out []actionInput
	for i := 0; i+1 < len(node.Content); i += 2 {
		entry := actionInput{Name: node.Content[i].Value}
		if err := node.Content[i+1].Decode(&entry); err != nil {
			t.Fatal(err)
		}
		out = append(out, entry)
	}
	return out
}

func TestActionHasTheProgramsInputs(t *testing.T) {
	t.Parallel()
	var want []actionInput
	for _, input := range plan.BuildInputs() {
		want = append(want, actionInput{Name: input.Name, Description: input.Help, Default: defaultInAction(input)})
	}
	if diff := cmp.Diff(want, entries(t, readAction(t).Inputs)); diff != "" {
		t.Errorf("action.yml differs from plan.BuildInputs() (-program +action.yml):\n%s", diff)
	}
}

func defaultInAction(input plan.Input) string {
	if input.ActionDefault != "" {
		return input.ActionDefault
	}
	return input.Default
}

// The commands for images that exist are actions in folders of their own, with inputs of their own.
func TestOtherActionsHaveTheirCommandsInputs(t *testing.T) {
	t.Parallel()
	for command, table := range map[string][]plan.Input{"publish": plan.PublishInputs(), "promote": plan.PromoteInputs()} {
		file := command + "/action.yml"
		var b strings.Builder
		fmt.Fprintf(&b, "name: multiarch-action %s\ndescription: %s\nauthor: org\n\ninputs:\n", command, map[string]string{
			"publish": "Make one verified index of images that exist, or that jobs on other machines have built, and tag it",
			"promote": "Give an image that was tested its release tags, in other registries too, without a rebuild",
		}[command])
		for _, input := range table {
			text, err := yaml.Marshal(map[string]any{"description": input.Help})
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "  %s:\n    %s", input.Name, text)
			if input.Default != "" {
				fmt.Fprintf(&b, "    default: %q\n", input.Default)
			}
		}
		b.WriteString("\noutputs:\n  digest:\n    description: digest of the index, or of the manifest if there is one platform\n" +
			"  image:\n    description: the first tag with the digest\n\n")
		fmt.Fprintf(&b, "runs:\n  using: node24\n  main: ../action/%s.js\n", command)
		golden.CheckFile(t, file, b.String())
		if main := readActionFile(t, file).Runs.Main; main != "" {
			if _, err := os.Stat(filepath.Join(command, main)); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
}

var outputName = regexp.MustCompile(`(?m)^([a-z-]+)<<`)

func TestActionHasTheProgramsOutputs(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "output")
	env := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": file, "DOCKER_HOST": "unix:///nonexistent/docker.sock"}
	code := cli.Run(t.Context(), cli.World{
		Args:   []string{"build", "--platform", "linux/" + runtime.GOARCH, "examples/hello"},
		Getenv: func(name string) string { return env[name] }, Stdout: t.Output(), Stderr: t.Output(),
	})
	if code != cli.ExitFailed {
		t.Fatalf("a build without an engine exits with %d, want %d", code, cli.ExitFailed)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, match := range outputName.FindAllStringSubmatch(string(text), -1) {
		want = append(want, match[1])
	}
	for _, output := range entries(t, readAction(t).Outputs) {
		got = append(got, output.Name)
		if output.Description == "" {
			t.Errorf("action.yml: the output %s has no description", output.Name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the outputs of action.yml differ from those that are set (-program +action.yml):\n%s", diff)
	}
}

func TestActionStartsFilesThatExist(t *testing.T) {
	t.Parallel()
	runs := readAction(t).Runs
	if got, want := runs.Using, "node24"; got != want {
		t.Errorf("action.yml runs on %q, want %q", got, want)
	}
	for _, file := range []string{runs.Main, runs.Post} {
		if _, err := fs.Stat(os.DirFS("."), file); err != nil {
			t.Errorf("action.yml: %v", err)
		}
	}
}

// The launcher must not need anything that is not part of Node.
func TestLauncherHasNoDependencies(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("action/*.js")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("the launcher is not there: %v", err)
	}
	needs := regexp.MustCompile(`require\('([^']*)'\)|\bimport\b`)
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range needs.FindAllStringSubmatch(string(text), -1) {
			if !strings.HasPrefix(match[1], "node:") && !strings.HasPrefix(match[1], "./") {
				t.Errorf("%s needs %q", script, match[0])
			}
		}
	}
}

func TestInputsDocument(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("<!-- Made from plan.BuildInputs() by: go test . -run TestInputsDocument -update -->\n" +
		"# Inputs of the build\n\n" +
		"A flag wins over the environment. In the environment of GitHub Actions the name is `INPUT_` and the input's name in capital letters,\n" +
		"hyphens kept; in Woodpecker and Drone it is `PLUGIN_` instead of `MULTIARCH_`; these win over `MULTIARCH_`.\n")
	inputTable(t, &b, plan.BuildInputs())
	golden.CheckFile(t, "docs/inputs.md", b.String())
}

func TestReleaseInputsDocument(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("<!-- Made from plan.PublishInputs() and plan.PromoteInputs() by: go test . -run TestReleaseInputsDocument -update -->\n" +
		"# Inputs of publish and promote\n\n" +
		"Where they come from is as for [those of the build](inputs.md). On GitHub they are the inputs of `org/multiarch-action/publish` and\n" +
		"`org/multiarch-action/promote`.\n\n## publish\n")
	inputTable(t, &b, plan.PublishInputs())
	b.WriteString("\n## promote\n")
	inputTable(t, &b, plan.PromoteInputs())
	golden.CheckFile(t, "docs/release-inputs.md", b.String())
}

// inputTable writes a table of inputs, and what their kinds mean.
func inputTable(t *testing.T, b *strings.Builder, table []plan.Input) {
	t.Helper()
	b.WriteString("\n| Input | Flag | Environment | Kind | Default | Meaning |\n|---|---|---|---|---|---|\n")
	kinds := map[plan.Kind]string{}
	for _, input := range table {
		flag := "`--" + input.Flag + "`"
		switch {
		case input.Name == "context", input.Name == "sources":
			flag = "(the argument)"
		case input.Flag == "":
			flag = "none: it would be in the list of processes"
		}
		if input.Short != "" {
			flag = "`-" + input.Short + "`, " + flag
		}
		value := ""
		if input.Default != "" {
			value = "`" + input.Default + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | `%s` | %s | %s | %s |\n", input.Name, flag, "MULTIARCH_"+strings.ToUpper(strings.ReplaceAll(input.Name, "-", "_")),
			input.Kind, value, strings.ReplaceAll(input.Help, "|", `\|`))
		kinds[input.Kind] = kindMeanings[input.Kind]
	}
	b.WriteString("\nKinds:\n\n")
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		if kinds[kind] == "" {
			t.Errorf("the kind %s has no meaning", kind)
		}
		fmt.Fprintf(b, "- %s: %s\n", kind, kinds[kind])
	}
}

var kindMeanings = map[plan.Kind]string{
	plan.KindKey:      "one value, or `true` to have it chosen; the flag alone means `true`, with a value it is written with `=`",
	plan.KindText:     "one value",
	plan.KindBool:     "`true` or `false`; the flag alone means `true`",
	plan.KindList:     "values separated by commas or lines; the flag may also be repeated",
	plan.KindLines:    "values on a line each, because they may hold commas; the flag is repeated. A value in quotes may hold lines",
	plan.KindOptions:  "values on a line each, which are lists of options themselves; the flag is repeated",
	plan.KindCommands: "values on a line each, whose quotes and brackets belong to them; the flag is repeated",
	plan.KindSecrets:  "as lines, but blanks belong to the value",
}
