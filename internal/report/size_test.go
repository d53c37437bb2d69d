package report_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/org/multiarch-action/internal/plan"
)

// GitHub drops a summary that is longer than 1 MiB, and several steps' reports may be in one file.
const most = 900 << 10

func TestMarkdownIsNeverTooLong(t *testing.T) {
	t.Parallel()
	run := failed(t)
	huge := strings.Repeat("x", 500<<10)
	for i := range run.Platforms {
		run.Platforms[i].Findings = []plan.Finding{
			{Check: "a/huge", Severity: plan.SeverityError, Platform: "linux/amd64", Found: huge, Why: "it is"},
			{Check: "a/small", Severity: plan.SeverityWarning, Platform: "linux/amd64", Found: "a", Why: "it is"},
		}
	}
	run.Platforms[6].Failure.Output = []string{"ö" + huge}
	run.Error = huge + "\n" + huge
	var b bytes.Buffer
	if err := run.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	if len(got) > most {
		t.Errorf("the Markdown is %d bytes long, want %d at most", len(got), most)
	}
	for what, text := range map[string]string{
		"the failure":             "**linux/s390x failed** at `Dockerfile:3`",
		"a small problem":         "`a/small`",
		"the table":               "| linux/riscv64 | pushed |",
		"what was left out":       "*Left out, because the summary would be too long: 9 more. The JSON report holds everything.*\n",
		"the end of what is open": "</details>\n",
	} {
		if !strings.Contains(got, text) {
			t.Errorf("%s is not in the Markdown: %q", what, text)
		}
	}
	if got, want := strings.Count(got, "```")%2, 0; got != want {
		t.Error("a block is not closed")
	}
}

func TestMarkdownLeavesNothingOutWithoutNeed(t *testing.T) {
	t.Parallel()
	for name, run := range runs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			if err := run.Markdown(&b); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(b.String(), "Left out") {
				t.Errorf("something is left out of %d bytes", b.Len())
			}
		})
	}
}
