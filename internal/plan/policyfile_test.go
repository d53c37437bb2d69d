package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/plan"
)

const policyText = `level: full
platforms: [linux/amd64, linux/aarch64]
severity:
  program/arch-compat: error
  files/foreign: note
ignore:
  - check: files/*
    platform: linux/arm64/v8
    path: /opt/vendor/**
    reason: the vendor ships all architectures
    until: 2026-11-21
  - check: program/arch
    reason: until the new base image is out
    until: "2026-11-20"
`

func policyOf(t *testing.T, text string) (plan.Policy, plan.InputErrors) {
	t.Helper()
	w := world(nil)
	w.ReadFile = func(string) ([]byte, error) { return []byte(text), nil }
	return plan.ReadPolicyFile("policy.yaml", w)
}

func TestPolicyFile(t *testing.T) {
	t.Parallel()
	in := with(func(in *plan.Inputs) {
		in.Platforms = []string{"linux/amd64", "linux/arm64"}
		in.Verify, in.VerifyPolicy, in.VerifySeverity, in.VerifyIgnore = "static", "policy.yaml", []string{"files/foreign=warning"}, []string{"files/arch"}
	})
	p := newPlan(t, in, nil)
	if p.Verify != plan.VerifyFull {
		t.Errorf("the level is %s, want that of the policy", p.Verify)
	}
	wantNotes := []string{
		"policy.yaml:1 wants at least the level full, which is taken",
		"policy.yaml:12: program/arch is not ignored any more: the entry ended on 2026-11-20 (until the new base image is out)",
	}
	if diff := cmp.Diff(wantNotes, p.Notes); diff != "" {
		t.Errorf("notes differ (-want +got):\n%s", diff)
	}
	findings := []plan.Finding{
		{Check: "files/foreign", Severity: plan.SeverityWarning, Platform: "linux/arm64", Path: "/opt/vendor/x/lib.so"},
		{Check: "files/foreign", Severity: plan.SeverityWarning, Platform: "linux/amd64", Path: "/opt/vendor/x/lib.so"},
		{Check: "program/arch", Severity: plan.SeverityError, Platform: "linux/amd64", Path: "/app"},
		{Check: "program/arch-compat", Severity: plan.SeverityWarning, Platform: "linux/amd64", Path: "/app"},
		{Check: "files/arch", Severity: plan.SeverityError, Platform: "linux/amd64", Path: "/app"},
	}
	want := []plan.Finding{
		{Check: "files/foreign", Severity: plan.SeverityWarning, Platform: "linux/arm64", Path: "/opt/vendor/x/lib.so", Ignored: true, Policy: "the vendor ships all architectures (policy.yaml:7, until 2026-11-21)"},
		{Check: "files/foreign", Severity: plan.SeverityWarning, Platform: "linux/amd64", Path: "/opt/vendor/x/lib.so"},
		{Check: "program/arch", Severity: plan.SeverityError, Platform: "linux/amd64", Path: "/app", Policy: "the entry ended on 2026-11-20 (until the new base image is out)"},
		{Check: "program/arch-compat", Severity: plan.SeverityError, Platform: "linux/amd64", Path: "/app"},
		{Check: "files/arch", Severity: plan.SeverityError, Platform: "linux/amd64", Path: "/app", Ignored: true},
	}
	if diff := cmp.Diff(want, p.Policy.Apply(findings)); diff != "" {
		t.Errorf("findings differ (-want +got):\n%s", diff)
	}
}

func TestPolicyFileHoldsTheRequestToIt(t *testing.T) {
	t.Parallel()
	in := with(func(in *plan.Inputs) {
		in.Platforms, in.Verify, in.VerifyPolicy = []string{"linux/amd64", "linux/s390x"}, "off", "policy.yaml"
	})
	_, err := plan.New(in, world(nil))
	want := "--platform: policy.yaml:2 requires linux/arm64, and it is not built; add it, or change the policy\n" +
		`--verify "off": policy.yaml:1 wants at least full; leave it out, or change the policy`
	if got := errorText(err); got != want {
		t.Errorf("New():\n got %s\nwant %s", got, want)
	}
	in.Platforms, in.Verify, in.VerifyPolicy = []string{"linux/amd64"}, "", "gone.yaml"
	_, err = plan.New(in, world(nil))
	if got, want := errorText(err), `--policy "gone.yaml": it cannot be read: file does not exist; name a file with the policy, in YAML`; got != want {
		t.Errorf("New():\n got %s\nwant %s", got, want)
	}
}

func TestPolicyFileRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                     "",
		"# nothing\n":                          "",
		"level: [":                             `--policy "policy.yaml": it is not YAML: line 1: did not find expected node content`,
		"- a\n":                                `--policy "policy.yaml:1": the policy is not a mapping; write fields as NAME: VALUE`,
		"a: 1\n---\nb: 2\n":                    `--policy "policy.yaml:2": it is a second document in the same file; keep one`,
		"\nlevels: full\n":                     `--policy "policy.yaml:2": the policy has no field "levels"; the fields are ignore, level, platforms, severity`,
		"level: full\nlevel: full\n":           `--policy "policy.yaml:2": "level" is there twice; write it once`,
		"level: all\n":                         `--policy "policy.yaml:1": "all" is not a level; write one of: manifest, static, full`,
		"level:\n":                             `--policy "policy.yaml:1": the level is not a text`,
		"platforms: linux/amd64\n":             `--policy "policy.yaml:1": the platforms are not a list; write [linux/amd64, linux/arm64]`,
		"platforms:\n- linux/amd64\n- arm64\n": `--policy "policy.yaml:3": "arm64": an operating system and an architecture are needed, as in linux/arm64; write linux/arm64`,
		"severity: error\n":                    `--policy "policy.yaml:1": the severities are not a mapping; write program/arch-compat: error`,
		"severity:\n  program/arhc: error\n":   `--policy "policy.yaml:2": there is no check "program/arhc"; perhaps program/arch; docs/verification.md lists them`,
		"severity:\n  program/arch: fatal\n":   `--policy "policy.yaml:2": it is not CHECK=error, CHECK=warning or CHECK=note; for example program/arch-compat=error`,
		"ignore: program/arch\n":               `--policy "policy.yaml:1": what is ignored is not a list; write - check: … and below it reason: …`,
		"ignore:\n- program/arch\n":            `--policy "policy.yaml:2": an entry of ignore is not a mapping; write fields as NAME: VALUE`,
		"ignore:\n- check: program/arch\n":     `--policy "policy.yaml:2": an entry of ignore has a check and a reason; say why it does not count: others will ask`,
		"ignore:\n- check: x\n  reason: a\n":   `--policy "policy.yaml:2": there is no check "x"; perhaps files/arch; docs/verification.md lists them`,
		"ignore:\n- check: files/*\n  reason: a\n  path: opt\n":         `--policy "policy.yaml:4": "opt" is not an absolute path; begin it with / or with **`,
		"ignore:\n- check: files/*\n  reason: a\n  until: soon\n":       `--policy "policy.yaml:4": "soon" is not a date; write a year, a month and a day, as in 2027-01-31`,
		"ignore:\n- check: files/*\n  reason: a\n  until: 2027-02-30\n": `--policy "policy.yaml:4": "2027-02-30" is not a date; write a year, a month and a day, as in 2027-01-31`,
		"ignore:\n- &a {check: files/*, reason: a}\n- *a\n":             `--policy "policy.yaml:3": an entry of ignore is not a mapping; write fields as NAME: VALUE`,
		"level: all\nignore:\n- check: files/*\n  because: a\n": `--policy "policy.yaml:1": "all" is not a level; write one of: manifest, static, full` + "\n" +
			`--policy "policy.yaml:4": an entry of ignore has no field "because"; the fields are check, path, platform, reason, until`,
	} {
		_, problems := policyOf(t, text)
		if got := problems.Error(); got != want {
			t.Errorf("%s:\n got %s\nwant %s", strings.ReplaceAll(text, "\n", "⏎"), got, want)
		}
	}
}
