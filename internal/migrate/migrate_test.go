package migrate_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/org/multiarch-action/internal/golden"
	"github.com/org/multiarch-action/internal/migrate"
)

func TestWorkflowsAreMovedOver(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("testdata holds no workflows: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yml")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := migrate.Workflow(string(text), migrate.Known{})
			if err != nil {
				t.Fatal(err)
			}
			golden.Check(t, name, got.Text)
			var workflow struct {
				Jobs map[string]struct{ Steps []map[string]any }
			}
			if err := yaml.Unmarshal([]byte(got.Text), &workflow); err != nil {
				t.Fatalf("what came out is no YAML: %v\n%s", err, got.Text)
			}
			ours := 0
			for _, job := range workflow.Jobs {
				ours += len(slices.DeleteFunc(job.Steps, func(s map[string]any) bool { return s["uses"] != migrate.Action }))
			}
			if ours != got.Steps {
				t.Errorf("there are %d steps of ours, and it says %d", ours, got.Steps)
			}
			if strings.Contains(got.Text, "uses: docker/") || strings.Contains(got.Text, "imagetools") {
				t.Error("something of the chain is left")
			}
		})
	}
}

// What this program does not know is said, above the step and in the notes.
func TestUnknownInputsAreSaid(t *testing.T) {
	t.Parallel()
	text := `jobs:
  image:
    steps:
      - uses: docker/build-push-action@v6
        with:
          platforms: linux/arm64
          sideways: true
`
	got, err := migrate.Workflow(text, migrate.Known{Inputs: []string{"platforms"}})
	want := `jobs:
  image:
    steps:
      # not moved over: sideways: true has no input here
      - uses: org/multiarch-action@v1
        with:
          platforms: linux/arm64
`
	if err != nil || got.Text != want || !slices.Equal(got.Notes, []string{"image: sideways: true has no input here"}) {
		t.Errorf("got %+v, %v, want\n%s", got, err, want)
	}
}

func TestWhatIsNoWorkflowIsRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                 "it is not a workflow: there are no jobs",
		"a: 1":                             "it is not a workflow: there are no jobs",
		"jobs: [":                          "yaml: line 1",
		"jobs: {a: {}}":                    "no job uses docker/build-push-action: there is nothing to move over",
		"- jobs":                           "it is not a workflow: there are no jobs",
		"jobs:\n  a: {steps: [{uses: x}]}": "line 2: the steps of a are written in brackets; write each on lines of its own",
	} {
		if _, err := migrate.Workflow(text, migrate.Known{}); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q gives %v, want %s", text, err, want)
		}
	}
}
