package main_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/shlex"
	"go.yaml.in/yaml/v3"

	"github.com/org/multiarch-action/internal/plan"
)

// component is a CI/CD component of GitLab (https://docs.gitlab.com/ci/components/): what it is given, and its jobs.
type component struct {
	inputs map[string]componentInput
	jobs   map[string]componentJob
	text   string // of the jobs
}

type componentInput struct {
	Description string
	Type        string
	Default     any
	Options     []string
	Regex       string
}

type componentJob struct {
	Variables   map[string]string
	Script      []string
	AfterScript []string `yaml:"after_script"`
	Artifacts   struct{ Reports map[string]string }
}

var interpolated = regexp.MustCompile(`\$\[\[ inputs\.([a-z-]+) \]\]`)

func readComponent(t *testing.T, file string) component {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	header, body, _ := bytes.Cut(raw, []byte("\n---\n"))
	var spec struct {
		Spec struct{ Inputs map[string]componentInput }
	}
	out := component{text: string(body)}
	// An input is no YAML before it is filled in.
	filled := interpolated.ReplaceAll(body, []byte("{{$1}}"))
	filled = regexp.MustCompile(`(?m): (\{\{[a-z-]+\}\})$`).ReplaceAll(filled, []byte(`: "$1"`))
	decode := func(text []byte, into any) {
		decoder := yaml.NewDecoder(bytes.NewReader(text))
		if err := decoder.Decode(into); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	decode(header, &spec)
	decode(filled, &out.jobs)
	out.inputs = spec.Spec.Inputs
	if len(out.inputs) == 0 || len(out.jobs) == 0 {
		t.Fatalf("%s: %d inputs, %d jobs", file, len(out.inputs), len(out.jobs))
	}
	return out
}

func components(t *testing.T) map[string]component {
	t.Helper()
	files, err := filepath.Glob("templates/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no components (%v)", err)
	}
	out := map[string]component{}
	for _, file := range files {
		out[file] = readComponent(t, file)
	}
	return out
}

func TestInputsOfComponentsAreDescribedAndUsed(t *testing.T) {
	t.Parallel()
	for file, c := range components(t) {
		used := map[string]bool{}
		for _, match := range interpolated.FindAllStringSubmatch(c.text, -1) {
			used[match[1]] = true
			if _, ok := c.inputs[match[1]]; !ok {
				t.Errorf("%s uses the input %q, which it does not have", file, match[1])
			}
		}
		for name, input := range c.inputs {
			if problem := input.problem(); problem != "" {
				t.Errorf("%s: input %s: %s", file, name, problem)
			}
			if !used[name] {
				t.Errorf("%s: nothing uses the input %s", file, name)
			}
		}
	}
}

// problem says what GitLab would refuse in an input, or a reader would miss.
func (i componentInput) problem() string {
	text, isText := i.Default.(string)
	_, isList := i.Default.([]any)
	_, isBool := i.Default.(bool)
	switch {
	case i.Description == "":
		return "it has no description"
	case i.Type == "" && !isText, i.Type == "array" && !isList, i.Type == "boolean" && !isBool:
		return fmt.Sprintf("its default is %v, and its type is %q", i.Default, i.Type)
	case !slices.Contains([]string{"", "array", "boolean"}, i.Type):
		return "its type is " + i.Type
	case len(i.Options) > 0 && !slices.Contains(i.Options, text):
		return fmt.Sprintf("its default %q is none of the options %q", text, i.Options)
	}
	if ok, err := regexp.MatchString(i.Regex, text); err != nil || !ok {
		return fmt.Sprintf("its default %q does not match %s (%v)", text, i.Regex, err)
	}
	return ""
}

// An input that the program has, too, says and takes the same, and reaches it by its variable.
func TestComponentsHaveTheProgramsInputs(t *testing.T) {
	t.Parallel()
	tables := map[string][]plan.Input{"multiarch-action build": plan.BuildInputs(), "multiarch-action publish": plan.PublishInputs()}
	// What means more in a pipeline than in one command.
	own := map[string]bool{"staged": true, "platforms": true, "tags": true}
	for file, c := range components(t) {
		for name, job := range c.jobs {
			table := tables[strings.Join(job.Script, "\n")]
			if table == nil {
				t.Fatalf("%s: the job %s runs %q", file, name, job.Script)
			}
			known := map[string]plan.Input{}
			for _, input := range table {
				known["MULTIARCH_"+strings.ToUpper(strings.ReplaceAll(input.Name, "-", "_"))] = input
			}
			for variable, value := range job.Variables {
				input, ok := known[variable]
				if !ok {
					if strings.HasPrefix(variable, "MULTIARCH_") {
						t.Errorf("%s: the job %s sets %s, which the program does not read", file, name, variable)
					}
					continue
				}
				declared, ok := c.inputs[input.Name]
				if !ok || value == "$PLATFORM" {
					continue
				}
				// A list that is all of a value would stay one; GitLab wants text.
				want := map[bool]string{false: "{{" + input.Name + "}}", true: "{{" + input.Name + "}}\n"}[declared.Type != ""]
				if value != want {
					t.Errorf("%s: the job %s sets %s to %q, want %q", file, name, variable, value, want)
				}
				if got := kindInComponent(input.Kind); got != declared.Type {
					t.Errorf("%s: input %s: its type is %q, and that of the program's %q", file, input.Name, declared.Type, got)
				}
				if !own[input.Name] && declared.Description != input.Help {
					t.Errorf("%s: input %s: its description is %q, and that of the program %q", file, input.Name, declared.Description, input.Help)
				}
			}
		}
	}
}

// kindInComponent is the type in a component of an input of a kind.
func kindInComponent(kind plan.Kind) string {
	switch kind {
	case plan.KindBool:
		return "boolean"
	case plan.KindList, plan.KindLines, plan.KindOptions:
		return "array"
	}
	return ""
}

func TestComponentsReportWhatTheProgramWrites(t *testing.T) {
	t.Parallel()
	for file, c := range components(t) {
		for name, job := range c.jobs {
			for report, variable := range map[string]string{"dotenv": "MULTIARCH_DOTENV", "junit": "MULTIARCH_JUNIT", "annotations": "MULTIARCH_LINKS"} {
				if got, want := job.Artifacts.Reports[report], job.Variables[variable]; got != want || want == "" {
					t.Errorf("%s: the job %s reports %q as %s, and the program writes %q", file, name, got, report, want)
				}
			}
			if builds := slices.Contains(job.Script, "multiarch-action build"); builds != slices.Equal(job.AfterScript, []string{"multiarch-action cleanup"}) {
				t.Errorf("%s: after the job %s %q is run", file, name, job.AfterScript)
			}
		}
	}
}

// By default the builders of a matrix are for the platforms that are published.
func TestRunnersOfAComponentAreForItsPlatforms(t *testing.T) {
	t.Parallel()
	c := readComponent(t, "templates/native.yml")
	var got []any
	for _, row := range c.inputs["runners"].Default.([]any) {
		got = append(got, row.(map[string]any)["PLATFORM"])
	}
	if want := c.inputs["platforms"].Default.([]any); !slices.Equal(got, want) {
		t.Errorf("the runners are for %v, and published are %v", got, want)
	}
}

const gitlabDocument = "docs/gitlab.md"

// pipelineBlock is an example of a pipeline: what it includes, and its jobs.
type pipelineBlock struct {
	Include []struct {
		Remote string
		Inputs map[string]any
	}
	Jobs map[string]struct {
		Variables map[string]string
		Script    []string
	} `yaml:",inline"`
}

func TestPipelinesInTheDocumentUseInputsThatExist(t *testing.T) {
	t.Parallel()
	known := components(t)
	var variables []string
	for _, input := range slices.Concat(plan.BuildInputs(), plan.PublishInputs()) {
		variables = append(variables, "MULTIARCH_"+strings.ToUpper(strings.ReplaceAll(input.Name, "-", "_")))
	}
	text := documents(t)[filepath.FromSlash(gitlabDocument)]
	for _, name := range regexp.MustCompile(`\bMULTIARCH_[A-Z_]+`).FindAllString(text, -1) {
		if !slices.Contains(variables, name) {
			t.Errorf("%s: there is no input for the variable %s", gitlabDocument, name)
		}
	}
	examples := blocks(text, "yaml")
	if len(examples) == 0 {
		t.Error("no pipeline was found")
	}
	for _, example := range examples {
		var pipeline pipelineBlock
		if err := yaml.Unmarshal([]byte(example), &pipeline); err != nil {
			t.Errorf("%s: %v:\n%s", gitlabDocument, err, example)
		}
		for _, include := range pipeline.Include {
			file, ok := strings.CutPrefix(include.Remote, "https://raw.githubusercontent.com/org/multiarch-action/v1/")
			if !ok {
				t.Errorf("%s: %s is not ours", gitlabDocument, include.Remote)
			}
			for input := range include.Inputs {
				if _, ok := known[file].inputs[input]; !ok {
					t.Errorf("%s: %s has no input %q", gitlabDocument, file, input)
				}
			}
		}
		for _, job := range pipeline.Jobs {
			for _, line := range job.Script {
				if words, err := shlex.Split(line); err != nil {
					t.Errorf("%s: %q: %v", gitlabDocument, line, err)
				} else if words[0] == "multiarch-action" {
					understood(t, gitlabDocument, strings.Fields(strings.NewReplacer("$CI_REGISTRY_IMAGE:$CI_COMMIT_REF_SLUG", "registry.example.org/group/app:main").Replace(strings.Join(words[1:], " "))))
				}
			}
		}
	}
}
