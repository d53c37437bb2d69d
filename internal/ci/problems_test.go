package ci_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// GitHub shows ten annotations of a kind for a step and drops the rest without a word.
func TestTheWorstTenProblemsAreShown(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	host := github(&log, map[string]string{"GITHUB_STEP_SUMMARY": "summary.md"})
	for i := range 6 {
		host.Warning("Dockerfile", i+1, "w")
	}
	for range 3 {
		host.Error("", 0, "the same")
	}
	host.Error("", 0, "no place")
	host.Error("Dockerfile", 9, "a place")
	for i := range 3 {
		host.Error("", 0, fmt.Sprint("e", i))
	}
	host.Ended("the end")
	host.ShowProblems()
	want := []string{
		"::error::the end", "::error file=Dockerfile,line=9::a place", "::error::the same", "::error::no place",
		"::error::e0", "::error::e1", "::error::e2", "::warning file=Dockerfile,line=1::w", "::warning file=Dockerfile,line=2::w",
		"::warning::4 more warnings: see the job summary",
	}
	if diff := cmp.Diff(want, strings.Split(strings.TrimSpace(log.String()), "\n")); diff != "" {
		t.Errorf("the log differs (-want +got):\n%s", diff)
	}
	log.Reset()
	if host.ShowProblems(); log.Len() > 0 {
		t.Errorf("what was shown is shown again: %q", log.String())
	}
}

func TestWhatIsLeftOutIsCounted(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		errs, warnings int
		want           string
	}{
		{10, 0, "::error::e9\n"},
		{11, 0, "::error::2 more errors: see the log\n"},
		{10, 1, "::error::1 more error and 1 more warning: see the log\n"},
		{9, 3, "::warning::3 more warnings: see the log\n"},
	} {
		var log bytes.Buffer
		host := github(&log, nil)
		for i := range test.errs {
			host.Error("", 0, fmt.Sprint("e", i))
		}
		for i := range test.warnings {
			host.Warning("", 0, fmt.Sprint("w", i))
		}
		host.ShowProblems()
		if got := log.String(); strings.Count(got, "\n") != 10 || !strings.HasSuffix(got, test.want) {
			t.Errorf("%d errors and %d warnings give\n%swant 10 lines with %q at the end", test.errs, test.warnings, got, test.want)
		}
	}
}

// The runner cuts a message at 4096 characters, which may be in the middle of one.
func TestALongProblemIsCut(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	host := github(&log, nil)
	host.Error("", 0, strings.Repeat("ö", 5000))
	host.ShowProblems()
	if got := log.String(); len(got) > 4096 || !strings.HasSuffix(got, "ö …\n") {
		t.Errorf("%d bytes are written, which end with %q", len(got), got[len(got)-10:])
	}
}
