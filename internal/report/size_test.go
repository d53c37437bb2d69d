package report_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/report"
)

// GitHub drops a summary that is longer than 1 MiB, and several steps' reports may be in one file.
const most = 900 << 10

// sixteen is a run on as many platforms, each of which failed in its own way and printed very much.
func sixteen(t *testing.T) *report.Report {
	t.Helper()
	run := failed(t)
	run.Platforms = nil
	for i := range 16 {
		p := platforms(t, eight[i%8])[0]
		huge := strings.Repeat(fmt.Sprintf("ö%d ", i), 1<<18)
		p.Status = report.StatusFailed
		p.Failure = &report.Failure{
			Step: huge, File: "Dockerfile", Line: i + 1, Excerpt: []string{huge, huge}, Output: []string{huge, "the last line"}, Error: huge + "\n" + huge,
			Explanation: report.Explanation{Cause: huge, Evidence: huge, Hint: huge},
		}
		for j := range 20 {
			p.Findings = append(p.Findings, plan.Finding{
				Check: fmt.Sprintf("a/huge%d-%d", i, j), Severity: plan.SeverityError, Platform: p.Platform.String(), Path: huge, Expected: huge, Found: huge, Why: huge, Fix: huge,
			})
		}
		p.SmokeTest = &report.SmokeTest{Command: []string{huge}, Output: []string{huge, huge}}
		run.Platforms = append(run.Platforms, p)
		run.Hints = append(run.Hints, report.Hint{Text: huge})
		run.Warnings = append(run.Warnings, report.Warning{Text: huge, Detail: []string{huge}})
	}
	run.Error = run.Platforms[0].Failure.Error
	return run
}

func TestMarkdownIsNeverTooLong(t *testing.T) {
	t.Parallel()
	run := sixteen(t)
	var b bytes.Buffer
	if err := run.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	if len(got) > most || len(got) < most/2 {
		t.Errorf("the Markdown is %d bytes long, want %d at most, and most of that", len(got), most)
	}
	for i := range 16 {
		if want := fmt.Sprintf("failed at <code>Dockerfile:%d</code>", i+1); !strings.Contains(got, want) {
			t.Errorf("failure %d is not in the Markdown", i+1)
		}
	}
	for what, text := range map[string]string{
		"the end of an output": "\nthe last line\n```\n",
		"what was cut":         "before this in the JSON report)\n",
		"the table":            "| ❌\u00a0linux/riscv64 | **failed** |",
		"what was left out":    "\n\n✂️ *Left out, because the summary would be too long: ",
	} {
		if !strings.Contains(got, text) {
			t.Errorf("%s is not in the Markdown: %q", what, text)
		}
	}
	wantWhole(t, got)
}

// A step may write several reports into one page.
func TestMarkdownKeepsToTheRoomThatIsLeft(t *testing.T) {
	t.Parallel()
	for _, room := range []int{-5, 0, 5000, 50000} {
		var b bytes.Buffer
		if err := sixteen(t).MarkdownWithin(&b, room); err != nil {
			t.Fatal(err)
		}
		if got := b.Len(); got > max(room, 1000) {
			t.Errorf("with room for %d bytes the Markdown has %d", room, got)
		}
		if !strings.HasPrefix(b.String(), "### ❌ Failed") || !strings.Contains(b.String(), "Left out") {
			t.Errorf("with room for %d bytes the Markdown is %.300q", room, b.String())
		}
		wantWhole(t, b.String())
	}
}

// wantWhole wants every fold and block closed.
func wantWhole(t *testing.T, markdown string) {
	t.Helper()
	if opened, closed := strings.Count(markdown, "<details"), strings.Count(markdown, "</details>"); opened != closed {
		t.Errorf("%d folds are opened, %d closed", opened, closed)
	}
	if strings.Count(markdown, "\n```")%2 != 0 {
		t.Error("a block is not closed")
	}
	if !strings.HasSuffix(markdown, "\n\n") {
		t.Errorf("what follows would not begin a paragraph: it ends with %q", markdown[len(markdown)-20:])
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
