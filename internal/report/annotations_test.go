package report_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/report"
)

func TestAnnotationsAreTheWorstFirst(t *testing.T) {
	t.Parallel()
	want := []report.Annotation{
		{Severity: plan.SeverityError, Text: "linux/arm/v7: the smoke test did not pass; found exit status 127 [run/test]"},
		{Severity: plan.SeverityWarning, File: "Dockerfile", Line: 5, Text: "it is old (https://example.org/old)", Lint: true},
	}
	run := rejected(t)
	run.Platforms = run.Platforms[2:]
	run.Warnings = []report.Warning{{File: "Dockerfile", Line: 5, Text: "it is old", URL: "https://example.org/old"}}
	if diff := cmp.Diff(want, run.Annotations()); diff != "" {
		t.Errorf("Annotations() differ (-want +got):\n%s", diff)
	}
}

// A platform that may fail is a warning, and so is all that is said of it.
func TestAnnotationsOfAPlatformThatMayFailAreWarnings(t *testing.T) {
	t.Parallel()
	var texts []string
	for _, a := range without(t).Annotations() {
		if a.Severity != plan.SeverityWarning {
			t.Errorf("%q is an %s, want a warning", a.Text, a.Severity)
		}
		texts = append(texts, a.Text)
	}
	want := []string{"linux/s390x: process", "linux/arm64, linux/s390x: Dockerfile:2: every platform gets this value", "linux/arm/v7: /usr/bin/tool: it runs slower", "linux/s390x failed and is missing", "MaintainerDeprecated"}
	if len(texts) != len(want) {
		t.Fatalf("%d annotations, want %d: %q", len(texts), len(want), texts)
	}
	for i := range want {
		if !strings.HasPrefix(texts[i], want[i]) {
			t.Errorf("annotation %d is %q, want %q…", i+1, texts[i], want[i])
		}
	}
}

func TestAnnotationsOfOneMistakeAreOne(t *testing.T) {
	t.Parallel()
	run := failed(t)
	for i := range run.Platforms {
		run.Platforms[i].Failure, run.Platforms[i].Findings = run.Platforms[6].Failure, nil
	}
	got := run.Annotations()
	if len(got) != 1 || got[0].File != "Dockerfile" || got[0].Line != 3 || !strings.HasPrefix(got[0].Text, strings.Join(eight, ", ")+": process ") {
		t.Errorf("Annotations() = %+v, want one that names all platforms", got)
	}
	found := plan.Finding{Check: "program/arch", Severity: plan.SeverityError, Path: "/app", Found: "amd64", Why: "it does not start", Ignored: true}
	run = published(t)
	for i := range run.Platforms {
		found.Platform = run.Platforms[i].Platform.String()
		run.Platforms[i].Findings = []plan.Finding{found}
	}
	if got := run.Annotations(); len(got) != 0 {
		t.Errorf("what is ignored gives %+v", got)
	}
}
