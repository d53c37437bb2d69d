package metadata_test

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/ci"
	"github.com/org/multiarch-action/internal/metadata"
)

// recorded is a case and what docker/metadata-action v6 (commit dc802804) made of it, run with these variables, this event, this clock and
// these inputs. An error has no further values: the texts of errors are ours.
type recorded struct {
	Name    string
	Now     time.Time
	Env     map[string]string
	Payload json.RawMessage
	Inputs  map[string]string
	Want    struct {
		Error       bool
		Version     string
		Tags        []string
		Labels      []string
		Annotations []string // without levels
	}
}

func TestTheActionsOwnAnswers(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []recorded
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 500 {
		t.Fatalf("there are %d cases, want all", len(cases))
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			got, problems := metadata.New(c.inputs(t))
			if c.Want.Error {
				if len(problems) == 0 {
					t.Errorf("the result is %v, want an error", got)
				}
				return
			}
			if len(problems) > 0 {
				t.Fatalf("there are problems: %v", problems)
			}
			if diff := cmp.Diff(c.Want.Version, got.Version); diff != "" {
				t.Errorf("version (-action +ours):\n%s", diff)
			}
			if diff := cmp.Diff(c.Want.Tags, got.Tags); diff != "" {
				t.Errorf("tags (-action +ours):\n%s", diff)
			}
			if diff := cmp.Diff(c.Want.Labels, written(got.Labels)); diff != "" {
				t.Errorf("labels (-action +ours):\n%s", diff)
			}
			if diff := cmp.Diff(c.Want.Annotations, written(got.Annotations)); diff != "" {
				t.Errorf("annotations (-action +ours):\n%s", diff)
			}
		})
	}
}

func written(pairs []metadata.Pair) []string {
	out := make([]string, len(pairs))
	for i, p := range pairs {
		out[i] = p.Key + "=" + p.Value
	}
	return out
}

func (c recorded) inputs(t *testing.T) metadata.Inputs {
	t.Helper()
	env := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "octocat/Hello-World", "GITHUB_EVENT_PATH": filepath.Join(t.TempDir(), "event.json")}
	for name, value := range c.Env {
		env[name] = value
	}
	if err := os.WriteFile(env["GITHUB_EVENT_PATH"], c.Payload, 0o600); err != nil {
		t.Fatal(err)
	}
	event, err := ci.Detect(func(name string) string { return env[name] }, io.Discard).Event(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if env["DOCKER_METADATA_PR_HEAD_SHA"] == "true" && event.HeadSHA != "" {
		event.SHA = event.HeadSHA
	}
	short, _ := strconv.Atoi(env["DOCKER_METADATA_SHORT_SHA_LENGTH"])
	lines := func(input string) []string {
		return slices.DeleteFunc(strings.Split(c.Inputs[input], "\n"), func(line string) bool { return line == "" })
	}
	return metadata.Inputs{
		Images: lines("images"), Tags: lines("tags"), Flavor: lines("flavor"), Labels: lines("labels"), Annotations: lines("annotations"),
		Event: event, Now: c.Now, Created: c.Now, ShortSHA: short,
	}
}
