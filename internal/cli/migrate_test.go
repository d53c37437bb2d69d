package cli_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/org/multiarch-action/internal/cli"
)

// The page's second workflow is what the command makes of its first.
func TestMovingOverIsWhatMigrateDoes(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/moving-over.md")
	if err != nil {
		t.Fatal(err)
	}
	before, after := workflowUnder(string(page), "## Before"), workflowUnder(string(page), "## After")
	var out, said bytes.Buffer
	code := cli.Run(t.Context(), cli.World{
		Args: []string{"migrate", "-"}, Getenv: func(string) string { return "" }, Stdin: strings.NewReader(before), Stdout: &out, Stderr: &said,
	})
	if code != cli.ExitOK || out.String() != after {
		t.Errorf("exit code %d, %s\n%s\nwant\n%s", code, said.String(), out.String(), after)
	}
}

// workflowUnder is the YAML under a heading, as a job of a workflow.
func workflowUnder(page, heading string) string {
	_, rest, _ := strings.Cut(page, heading)
	_, rest, _ = strings.Cut(rest, "```yaml\n")
	steps, _, _ := strings.Cut(rest, "```")
	var b strings.Builder
	b.WriteString("jobs:\n  image:\n    steps:\n")
	for line := range strings.Lines(steps) {
		b.WriteString("      " + line)
	}
	return b.String()
}
