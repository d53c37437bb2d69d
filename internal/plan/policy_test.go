package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/plan"
)

var knownChecks = []string{"program/arch", "program/arch-compat", "files/arch", "files/foreign"}

func TestPolicyIgnoresWhatItNamesAndNothingElse(t *testing.T) {
	t.Parallel()
	finding := plan.Finding{Check: "program/arch", Severity: plan.SeverityError, Platform: "linux/arm/v7", Path: "/run.sh → /opt/app/bin/app"}
	tests := map[string]bool{
		"program/arch":                              true,
		"program/*":                                 true,
		"files/*":                                   false,
		"program/arch:linux/arm/v7":                 true,
		"program/arch:linux/arm":                    true, // the same platform
		"program/arch:linux/arm64":                  false,
		"program/arch:/opt/**":                      true,
		"program/arch:/opt/*":                       false,
		"program/arch:/opt/app/bin/*":               true,
		"program/arch:/opt/app/bin/ap?":             true,
		"program/arch:/run.sh":                      true,
		"program/arch:/run":                         false,
		"program/arch:**/app":                       true,
		"program/arch:linux/arm/v7:/opt/**":         true,
		"program/arch:linux/arm/v6:/opt/**":         false,
		"program/arch::/opt/**":                     true,
		"program/arch:linux/arm/v7:/opt/app/bin/a.": false,
	}
	for rule, want := range tests {
		p, problems := plan.NewPolicy([]string{rule}, nil, knownChecks)
		if problems != nil {
			t.Errorf("%s: %v", rule, problems)
			continue
		}
		got := p.Apply([]plan.Finding{finding})
		if got[0].Ignored != want || plan.Failed(got) == want || got[0].Severity != plan.SeverityError {
			t.Errorf("%s: ignored %t, failed %t; want ignored %t", rule, got[0].Ignored, plan.Failed(got), want)
		}
	}
}

func TestPolicySetsSeverities(t *testing.T) {
	t.Parallel()
	findings := []plan.Finding{{Check: "program/arch", Severity: plan.SeverityError}, {Check: "program/arch-compat", Severity: plan.SeverityWarning}, {Check: "files/foreign", Severity: plan.SeverityWarning}}
	p, problems := plan.NewPolicy(nil, []string{"program/arch=note", "program/arch-compat=error"}, knownChecks)
	if problems != nil {
		t.Fatal(problems)
	}
	want := []plan.Finding{{Check: "program/arch", Severity: plan.SeverityNote}, {Check: "program/arch-compat", Severity: plan.SeverityError}, {Check: "files/foreign", Severity: plan.SeverityWarning}}
	if diff := cmp.Diff(want, p.Apply(findings)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if findings[0].Severity != plan.SeverityError {
		t.Error("the findings that were given are changed")
	}
}

func TestPolicyNamesEverythingThatIsWrong(t *testing.T) {
	t.Parallel()
	_, problems := plan.NewPolicy(
		[]string{"program/arhc", "", "x/*", "program/arch:arm64", "program/arch:opt/x"},
		[]string{"program/arch", "program/arch=off", "program/*=note", "program/arhc=note"}, knownChecks)
	want := `--ignore "program/arhc": there is no check "program/arhc"; perhaps program/arch; docs/verification.md lists them
--ignore: there is no check ""; perhaps files/arch; docs/verification.md lists them
--ignore "x/*": there is no check "x/*"; perhaps files/arch; docs/verification.md lists them
--ignore "program/arch:arm64": "arm64" is neither a platform nor an absolute path; write CHECK:linux/arm64:/path/*, or leave out either
--ignore "program/arch:opt/x": "opt/x" is neither a platform nor an absolute path; write CHECK:linux/arm64:/path/*, or leave out either
--severity "program/arch": it is not CHECK=error, CHECK=warning or CHECK=note; for example program/arch-compat=error
--severity "program/arch=off": it is not CHECK=error, CHECK=warning or CHECK=note; for example program/arch-compat=error
--severity "program/*=note": a severity is for one check; name each check
--severity "program/arhc=note": there is no check "program/arhc"; perhaps program/arch; docs/verification.md lists them`
	if diff := cmp.Diff(want, problems.Error()); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}
