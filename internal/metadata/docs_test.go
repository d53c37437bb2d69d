package metadata_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/metadata"
)

var (
	exampleRow = regexp.MustCompile("(?m)^\\| `(refs/[^`]*)` \\| (.*) \\| (.*) \\| (.*) \\|$")
	codeSpan   = regexp.MustCompile("`([^`]*)`")
)

func TestTheExamplesOfTheDocument(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/tagging.md")
	if err != nil {
		t.Fatal(err)
	}
	spans := func(cell string) []string {
		var out []string
		for _, match := range codeSpan.FindAllStringSubmatch(cell, -1) {
			out = append(out, match[1])
		}
		return out
	}
	rows := exampleRow.FindAllStringSubmatch(strings.ReplaceAll(string(text), "| |", "|  |"), -1)
	if len(rows) < 10 {
		t.Fatalf("%d examples were found, want all", len(rows))
	}
	for _, row := range rows {
		e := event
		e.Ref = row[1]
		got, problems := metadata.New(metadata.Inputs{Event: e, Now: now, Tags: spans(row[2]), Flavor: spans(row[3])})
		if diff := cmp.Diff(spans(row[4]), got.Tags); diff != "" || len(problems) > 0 {
			t.Errorf("%s with %s: problems %v, tags (-document +program):\n%s", row[1], row[2], problems, diff)
		}
	}
}
