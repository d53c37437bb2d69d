package report

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/verify"
)

// The elements of JUnit's XML that GitLab and Jenkins read (docs.gitlab.com/ci/testing/unit_test_reports). GitLab shows the class
// name as the suite, and only the first of test cases with one name, so names hold platform and path.
type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Time    string       `xml:"time,attr"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name      string        `xml:"name,attr"`
	ClassName string        `xml:"classname,attr"`
	Failure   *junitProblem `xml:"failure"`
	Error     *junitProblem `xml:"error"`
	Skipped   *junitProblem `xml:"skipped"`
	SystemOut string        `xml:"system-out,omitempty"`
}

type junitProblem struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// JUnit writes the verification as test results: a suite for each image as a whole and for each platform, a case for each check
// that passed, and one for each finding. Errors fail; warnings and notes pass and are quoted, because JUnit knows no warnings.
func (v *Verification) JUnit(w io.Writer) error {
	out := junitSuites{Time: fmt.Sprintf("%.3f", v.Seconds)}
	for _, image := range v.Images {
		out.Suites = append(out.Suites, image.junit()...)
	}
	return writeJUnit(w, out)
}

func (v Verified) junit() []junitSuite {
	whole := newSuite(v.Reference)
	if v.Error != "" {
		whole.add(junitCase{Name: "reading the image", Error: &junitProblem{Message: visible(v.Error), Text: visible(v.Hint)}})
		return []junitSuite{*whole}
	}
	whole.findings(v.Findings, "index/", "cross/")
	suites := []junitSuite{*whole}
	for _, p := range v.Platforms {
		suite := newSuite(v.Reference + " " + p.Platform)
		switch p.Verdict {
		case VerdictUnwanted:
			suite.add(junitCase{Name: "all checks", Skipped: &junitProblem{Message: "the platform was not asked for"}})
		case VerdictUnread:
			suite.add(junitCase{Name: "all checks", Error: &junitProblem{Message: "the platform could not be read"}})
		default:
			suite.findings(p.Findings, "config/", "files/", "layer/", "program/")
		}
		suites = append(suites, *suite)
	}
	return suites
}

func newSuite(name string) *junitSuite { return &junitSuite{Name: visible(name)} }

func (s *junitSuite) add(c junitCase) {
	c.ClassName = s.Name
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
	s.Cases = append(s.Cases, c)
}

// findings adds a case for each finding, and for each check of those families that found nothing.
func (s *junitSuite) findings(findings []plan.Finding, families ...string) {
	found := map[string]bool{}
	names := map[string]int{}
	for _, f := range findings {
		found[f.Check] = true
		name := strings.TrimSpace(f.Check + " " + visible(subject(f)))
		if names[name]++; names[name] > 1 {
			name = fmt.Sprintf("%s (%d)", name, names[name])
		}
		c := junitCase{Name: name}
		text := strings.TrimSpace(Platform{}.finding(f))
		if f.Ignored {
			c.Skipped = &junitProblem{Message: visible(cmp.Or(f.Policy, "ignored by the policy")), Text: text}
		} else if f.Severity == plan.SeverityError {
			c.Failure = &junitProblem{Message: visible("found " + f.Found), Type: f.Check, Text: text}
		} else {
			c.SystemOut = text
		}
		s.add(c)
	}
	for _, check := range verify.Checks() {
		family, _, _ := strings.Cut(check.ID, "/")
		if !found[check.ID] && slices.Contains(families, family+"/") {
			s.add(junitCase{Name: check.ID})
		}
	}
}
