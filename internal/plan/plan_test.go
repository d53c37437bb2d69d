package plan_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/org/multiarch-action/internal/golden"
	"github.com/org/multiarch-action/internal/plan"
)

func jsonOf(t *testing.T, p *plan.Plan) string {
	t.Helper()
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + "\n"
}

func TestPlanInJSON(t *testing.T) {
	t.Parallel()
	in := plan.Inputs{
		Context: "app", File: "app/arm.dockerfile", Target: "final",
		Platforms: []string{"linux/arm64/v8", "linux/arm", "linux/amd64"},
		BuildArgs: []string{"VERSION=1.4", "TOKEN"},
		Tags:      []string{"localhost:5000/app:latest", "localhost:5000/app:1.4", "ghcr.io/owner/app:1"},
		Push:      "true", SmokeTest: "app --version", SmokeTestTimeout: "90s",
		BuildkitdConfig: "mirror.toml", RegistryRetry: "90s", ForceTag: "true", KeepHandlers: "1", Summary: "summary.md", Report: "report.json", Progress: "plain",
	}
	p := newPlan(t, in, map[string]string{"TOKEN": "s3cret", "SOURCE_DATE_EPOCH": "1700000000"})
	golden.Check(t, "plan.json", jsonOf(t, p))
}

func TestPlanInJSONHoldsNoValues(t *testing.T) {
	t.Parallel()
	in := with(func(in *plan.Inputs) {
		in.BuildArgs, in.BuildkitdConfig = []string{"A=s3cret", "TOKEN"}, "certificates.toml"
	})
	text := jsonOf(t, newPlan(t, in, map[string]string{"TOKEN": "s3cret"}))
	for _, secret := range []string{"s3cret", "a key"} {
		if strings.Contains(text, secret) {
			t.Errorf("the plan in JSON holds %q:\n%s", secret, text)
		}
	}
}

func TestInputErrorText(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		err  plan.InputError
		want string
	}{
		{"everything", plan.InputError{Input: "--a", Value: "b", Rule: "it is wrong", Hint: "write c"}, `--a "b": it is wrong; write c`},
		{"no value", plan.InputError{Input: "--a", Rule: "it is wrong", Hint: "write c"}, `--a: it is wrong; write c`},
		{"no input", plan.InputError{Value: "b", Rule: "it is wrong"}, `"b": it is wrong`},
		{"the rule alone", plan.InputError{Rule: "it is wrong"}, `it is wrong`},
		{"a value that would act on the terminal", plan.InputError{Value: "\x1b[2J\n", Rule: "it is wrong"}, `"\x1b[2J\n": it is wrong`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := test.err.Error(); got != test.want {
				t.Errorf("Error() = %s, want %s", got, test.want)
			}
		})
	}
}

func TestFailed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		findings []plan.Finding
		want     bool
	}{
		{"nothing found", nil, false},
		{"notes and warnings", []plan.Finding{{Severity: plan.SeverityNote}, {Severity: plan.SeverityWarning}}, false},
		{"an error among others", []plan.Finding{{Severity: plan.SeverityNote}, {Severity: plan.SeverityError}}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := plan.Failed(test.findings); got != test.want {
				t.Errorf("Failed() = %t, want %t", got, test.want)
			}
		})
	}
}
