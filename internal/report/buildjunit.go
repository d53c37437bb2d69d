package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// JUnit writes the run as test results: a suite for what was found before the build and about the whole, and one for each platform with
// a case for building it, for its smoke test, and for each finding. A platform that is left out because it may fail is skipped, and says
// so: JUnit knows no warnings.
func (r *Report) JUnit(w io.Writer) error {
	whole := newSuite("multiarch-action")
	whole.findings(r.Preflight)
	whole.findings(r.Findings)
	result := junitCase{Name: "result", SystemOut: visible(r.headline())}
	switch {
	case len(r.Missing) > 0:
		result.Skipped = &junitProblem{Message: visible(r.headline())}
	case r.Outcome != Published && r.Outcome != Built:
		result.Failure = &junitProblem{Message: visible(r.headline()), Type: string(r.Outcome), Text: visible(r.Error)}
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
		out.Suites = append(out.Suites, p.junit())
	}
	return writeJUnit(w, out)
}

func (p Platform) junit() junitSuite {
	suite := newSuite(p.Platform.String())
	built := junitCase{Name: "build"}
	switch {
	case p.Allowed:
		built.Skipped = &junitProblem{Message: p.status() + ": the result is without this platform", Text: strings.TrimSpace(p.failureText())}
	case p.Failure != nil:
		built.Failure = &junitProblem{Message: visible(p.Failure.Error), Type: "build", Text: strings.TrimSpace(p.failureText())}
	case p.Status == StatusUnknown:
		built.Skipped = &junitProblem{Message: "the run ended before"}
	}
	suite.add(built)
	if t := p.SmokeTest; t != nil && t.ExitCode == 0 {
		suite.add(junitCase{Name: "smoke test", SystemOut: visible(strings.Join(t.Output, "\n"))})
	}
	if !p.Allowed {
		suite.findings(p.Findings)
	}
	return *suite
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
