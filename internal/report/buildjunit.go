package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/org/multiarch-action/internal/plan"
)

// JUnit writes the run as test results: a suite for what was found before the build and about the whole, and one for each platform with
// a case for building it, for its smoke test, and for each finding. A platform that is left out because it may fail is skipped, and says
// so: JUnit knows no warnings.
func (r *Report) JUnit(w io.Writer) error {
	whole := newSuite("multiarch-action")
	whole.findings(append(slices.Clone(r.Preflight), r.Findings...), noChecks)
	result := junitCase{Name: "result", SystemOut: visible(r.headline())}
	switch {
	case len(r.Missing) > 0:
		result.Skipped = &junitText{visible(r.headline())}
	case r.Outcome != Published && r.Outcome != Built && r.Outcome != Staged:
		result.Failure = &junitProblem{Message: visible(r.headline()), Type: string(r.Outcome), Text: paragraphs(r.headline(), r.Error)}
	}
	for _, hint := range r.Hints {
		result.SystemOut += "\nfaster: " + visible(hint.Text)
	}
	for _, w := range r.Warnings {
		result.SystemOut += "\nwarning of BuildKit: " + visible(w.place()+w.Text)
	}
	whole.add(result)
	out := junitSuites{Time: fmt.Sprintf("%.3f", r.Seconds), Suites: []junitSuite{*whole}}
	for _, p := range r.Platforms {
		out.Suites = append(out.Suites, p.junit(r.Verify))
	}
	return writeJUnit(w, out)
}

func (p Platform) junit(level plan.Level) junitSuite {
	suite := newSuite(p.Platform.String())
	built := junitCase{Name: "build", Time: junitSeconds(p.Seconds)}
	switch {
	case p.Allowed:
		built.Skipped = &junitText{paragraphs(p.status()+": the result is without this platform", strings.TrimSpace(p.failureText()))}
	case p.Failure != nil:
		built.Failure = &junitProblem{Message: visible(p.Failure.Error), Type: "build", Text: strings.TrimSpace(p.failureText())}
	case p.Status == StatusUnknown:
		built.Skipped = &junitText{"the run ended before"}
	}
	suite.add(built)
	if t := p.SmokeTest; t != nil && t.ExitCode == 0 {
		suite.add(junitCase{Name: "smoke test", Time: junitSeconds(t.Seconds), SystemOut: visible(strings.Join(t.Output, "\n"))})
	}
	switch {
	case p.Allowed:
	case p.Status == StatusFailed, p.Status == StatusUnknown:
		suite.findings(p.Findings, noChecks)
	default:
		suite.findings(p.Findings, whileBuilding(level))
	}
	return *suite
}

// junitSeconds are seconds as JUnit has them; none where nothing took any.
func junitSeconds(s float64) string {
	if s == 0 {
		return ""
	}
	return fmt.Sprintf("%.3f", s)
}

func (p Platform) failureText() string {
	if p.Failure == nil {
		return ""
	}
	return failures{p.Failure, []string{p.Platform.String()}}.terminal()
}

func writeJUnit(w io.Writer, suites junitSuites) error {
	raw, err := xml.MarshalIndent(suites, "", "  ")
	if err != nil {
		return fmt.Errorf("JUnit report: encoding: %w", err)
	}
	if _, err := fmt.Fprintf(w, "%s%s\n", xml.Header, raw); err != nil {
		return fmt.Errorf("JUnit report: writing: %w", err)
	}
	return nil
}
