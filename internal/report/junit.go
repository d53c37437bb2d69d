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

// The elements of JUnit's XML that GitLab and Jenkins read (docs.gitlab.com/ci/testing/unit_test_reports), as the schema of Jenkins' xUnit
// plugin has them. GitLab shows the class name as the suite, and only the first of test cases with one name, so names hold platform and
// path. Of an element with text it does not read the attributes (Hash.from_xml), so the text says everything.
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
	Time      string        `xml:"time,attr,omitempty"`
	Skipped   *junitText    `xml:"skipped"` // the schema has it before the others
	Error     *junitProblem `xml:"error"`
	Failure   *junitProblem `xml:"failure"`
	SystemOut string        `xml:"system-out,omitempty"`
}

type junitText struct {
	Text string `xml:",chardata"`
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
		whole.add(junitCase{Name: "reading the image", Error: &junitProblem{Message: visible(v.Error), Text: paragraphs(v.Error, v.Hint)}})
		return []junitSuite{*whole}
	}
	whole.findings(v.Findings, ofFamilies("index/", "cross/"))
	suites := []junitSuite{*whole}
	for _, p := range v.Platforms {
		suites = append(suites, p.junit(v.Reference))
	}
	return suites
}

func (p VerifiedPlatform) junit(reference string) junitSuite {
	suite := newSuite(reference + " " + p.Platform)
	switch p.Verdict {
	case VerdictUnwanted:
		suite.add(junitCase{Name: "all checks", Skipped: &junitText{"the platform was not asked for"}})
	case VerdictUnread:
		suite.add(junitCase{Name: "all checks", Error: &junitProblem{Message: "the platform could not be read", Text: "the platform could not be read"}})
	default:
		suite.findings(p.Findings, ofFamilies("config/", "files/", "layer/", "program/"))
	}
	return *suite
}

// paragraphs are texts that are not empty, on lines of their own.
func paragraphs(texts ...string) string {
	var out []string
	for _, text := range texts {
		if text != "" {
			out = append(out, visible(text))
		}
	}
	return strings.Join(out, "\n")
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

// findings adds a case for each finding, and for each check that found nothing and was made.
func (s *junitSuite) findings(findings []plan.Finding, made func(verify.Check) bool) {
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
		switch {
		case f.Ignored:
			c.Skipped = &junitText{paragraphs(cmp.Or(f.Policy, "ignored by the policy"), text)}
		case f.Severity == plan.SeverityError:
			c.Failure = &junitProblem{Message: visible("found " + f.Found), Type: f.Check, Text: text}
		default:
			c.SystemOut = text
		}
		s.add(c)
	}
	for _, check := range verify.Checks() {
		if !found[check.ID] && made(check) {
			s.add(junitCase{Name: check.ID})
		}
	}
}

// ofFamilies are the checks whose names begin so.
func ofFamilies(families ...string) func(verify.Check) bool {
	return func(check verify.Check) bool {
		return slices.ContainsFunc(families, func(family string) bool { return strings.HasPrefix(check.ID, family) })
	}
}

// whileBuilding are the checks of a platform that a build makes at a level of verification.
func whileBuilding(level plan.Level) func(verify.Check) bool {
	families := map[plan.Level][]string{
		plan.VerifyManifest: {"config/"}, plan.VerifyStatic: {"config/", "program/"}, plan.VerifyFull: {"config/", "program/", "files/"},
	}
	return func(check verify.Check) bool {
		return ofFamilies(families[level]...)(check) && (level != plan.VerifyManifest || check.Cost != verify.CostHeaders)
	}
}

// noChecks are none.
func noChecks(verify.Check) bool { return false }
