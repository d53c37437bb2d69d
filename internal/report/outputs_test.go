package report_test

import (
	"strings"
	"testing"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/report"
)

const (
	provenance = "https://slsa.dev/provenance/v1"
	sbom       = "https://spdx.dev/Document"
)

// attested is a run whose first platforms have attestations.
func attested(t *testing.T, predicates ...[]string) *report.Report {
	t.Helper()
	r := published(t)
	for i, p := range predicates {
		r.Platforms[i].Attestations = []report.Attestation{{Digest: "sha256:a", Predicates: p}}
	}
	return r
}

func TestAttestationsAreCountedAndNamed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		r    *report.Report
		want string
	}{
		{"none", attested(t), ""},
		{"one", attested(t, []string{provenance}), "attestations: provenance of 1 platform, in 1 manifest of the index"},
		{"two kinds", attested(t, []string{provenance, sbom, sbom}, []string{provenance}), "attestations: provenance of 2 platforms, sbom of 1 platform, in 2 manifests of the index"},
	}
	for _, test := range tests {
		for form, write := range map[string]func(*strings.Builder) error{
			"terminal": func(b *strings.Builder) error { return test.r.Terminal(b) }, "markdown": func(b *strings.Builder) error { return test.r.Markdown(b) },
		} {
			var b strings.Builder
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			text := strings.ToLower(strings.ReplaceAll(b.String(), "SBOM (SPDX)", "sbom"))
			if has := strings.Contains(text, "attestations: "); has != (test.want != "") || !strings.Contains(text, test.want) {
				t.Errorf("%s: the %s does not hold %q:\n%s", test.name, form, test.want, b.String())
			}
		}
	}
}

func TestHeadlineSaysWhereTheResultIs(t *testing.T) {
	t.Parallel()
	r := &report.Report{Outcome: report.Built, Verify: plan.VerifyStatic, Platforms: platforms(t, "linux/amd64"), Outputs: []report.Output{
		{Type: "oci", Dest: "/src/app.tar", Digest: indexDigest}, {Type: "tar", Dest: "-"},
	}}
	r.Platforms[0].Status = report.StatusBuilt
	var b strings.Builder
	if err := r.Terminal(&b); err != nil {
		t.Fatal(err)
	}
	if want := "1 of 1 platforms built and verified; written to app.tar, standard output"; !strings.Contains(b.String(), want) {
		t.Errorf("the report does not hold %q:\n%s", want, b.String())
	}
}
