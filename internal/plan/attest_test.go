package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/plan"
)

func TestNewReadsAttestations(t *testing.T) {
	t.Parallel()
	const min, scanner = "mode=min,inline-only=true", "generator=docker/buildkit-syft-scanner:stable-1"
	pushed := func(in *plan.Inputs) {
		in.Platforms, in.Tags, in.Push = []string{"linux/amd64", "linux/arm64"}, []string{"a.example/x:1"}, "true"
	}
	tests := []struct {
		name   string
		change func(*plan.Inputs)
		env    map[string]string
		want   plan.Attestations
	}{
		{"several platforms have provenance", func(*plan.Inputs) {}, nil, plan.Attestations{Provenance: min}},
		{"one platform stays a plain manifest", func(in *plan.Inputs) { in.Platforms = in.Platforms[:1] }, nil, plan.Attestations{}},
		{"nothing is attested of what goes nowhere", func(in *plan.Inputs) { in.Push = "" }, nil, plan.Attestations{}},
		{"an archive has it too", func(in *plan.Inputs) { in.Push, in.Outputs = "", []string{"type=oci"} }, nil, plan.Attestations{Provenance: min}},
		{"the same digest each time", func(*plan.Inputs) {}, map[string]string{"SOURCE_DATE_EPOCH": "1"}, plan.Attestations{}},
		{"Docker's media types have no place for it", func(in *plan.Inputs) {
			in.Outputs = []string{"type=oci,oci-mediatypes=false"}
		}, nil, plan.Attestations{}},
		{"buildx's own switch", func(*plan.Inputs) {}, map[string]string{"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}, plan.Attestations{}},
		{"false", func(in *plan.Inputs) { in.Provenance = "false" }, nil, plan.Attestations{}},
		{"true is BuildKit's own mode", func(in *plan.Inputs) { in.Provenance = "true" }, nil, plan.Attestations{Provenance: "mode=max"}},
		{"a mode alone", func(in *plan.Inputs) { in.Provenance = "max" }, nil, plan.Attestations{Provenance: "mode=max"}},
		{"attributes", func(in *plan.Inputs) { in.Provenance = `mode=min,builder-id=https://ci.example/1` }, nil, plan.Attestations{Provenance: "mode=min,builder-id=https://ci.example/1"}},
		{"one platform, asked for", func(in *plan.Inputs) { in.Platforms, in.Provenance = in.Platforms[:1], "min" }, nil, plan.Attestations{Provenance: "mode=min"}},
		{"sbom", func(in *plan.Inputs) { in.SBOM = "true" }, nil, plan.Attestations{Provenance: min, SBOM: scanner}},
		{"a scanner with a setting", func(in *plan.Inputs) { in.SBOM = "generator=a.example/scan:1,LEVEL=2" }, nil, plan.Attestations{Provenance: min, SBOM: "generator=a.example/scan:1,LEVEL=2"}},
		{"the long form", func(in *plan.Inputs) {
			in.Attests = []string{"type=sbom", "type=provenance,mode=max,version=v0.2"}
		}, nil, plan.Attestations{Provenance: "mode=max,version=v0.2", SBOM: scanner}},
		{"the long form, disabled", func(in *plan.Inputs) { in.Attests = []string{"type=provenance,disabled=true"} }, nil, plan.Attestations{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			in := good()
			pushed(&in)
			test.change(&in)
			if diff := cmp.Diff(test.want, newPlan(t, in, test.env).Attest); diff != "" {
				t.Errorf("the attestations differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNewRefusesAttestations(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*plan.Inputs)
		want   string
	}{
		{"a type that nobody knows", func(in *plan.Inputs) { in.Attests = []string{"type=vex"} }, `--attest "type=vex": it has no known type; write type=provenance or type=sbom`},
		{"no value", func(in *plan.Inputs) { in.Attests = []string{"sbom"} }, `--attest "sbom": "sbom" is not KEY=VALUE; for example type=provenance,mode=max`},
		{"quotes", func(in *plan.Inputs) { in.SBOM = `"a` }, `--sbom "\"a": its quotes do not match; quote an attribute as a whole`},
		{"a mode that nobody knows", func(in *plan.Inputs) { in.Provenance = "mode=full" }, `--provenance "mode=full": mode=full is not known; write mode=min or mode=max`},
		{"an attribute that nobody knows", func(in *plan.Inputs) { in.Provenance = "mod=max" }, `--provenance "mod=max": provenance has no attribute "mod"; it has: mode, version, builder-id, reproducible, inline-only, filename, capture-usage, complete-materials`},
		{"a scanner that is none", func(in *plan.Inputs) { in.SBOM = "generator=A b" }, `--sbom "generator=A b": "A b" is not an image reference; for example generator=registry.example.org/scanner:1`},
		{"neither on nor off", func(in *plan.Inputs) { in.Attests = []string{"type=sbom,disabled=x"} }, `--attest "type=sbom,disabled=x": disabled is neither true nor false; write disabled=true or disabled=false`},
		{"twice", func(in *plan.Inputs) { in.Attests, in.SBOM = []string{"type=sbom"}, "true" }, `--sbom "true": sbom is given twice; name it once, by --attest or by --sbom`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := plan.New(with(test.change), world(nil))
			if err == nil || err.Error() != test.want {
				t.Errorf("New():\n got %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestLooksSecret(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, value string
		want        bool
	}{
		{"NPM_TOKEN", "x", true},
		{"token", "x", true},
		{"AWS_SECRET_ACCESS_KEY", "x", true},
		{"DB_PASSWORD", "x", true},
		{"NPM_TOKEN", "", false},
		{"PUBLIC_KEY", "x", false},
		{"TOKENIZER", "x", false},
		{"VERSION", "1.4", false},
		{"MONKEY", "x", false},
		{"SETTING", "ghp_0123456789", true},
		{"SETTING", "-----BEGIN OPENSSH PRIVATE KEY-----", true},
		{"SETTING", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", true},
	}
	for _, test := range tests {
		if got := (plan.BuildArg{Name: test.name, Value: test.value}).LooksSecret(); got != test.want {
			t.Errorf("LooksSecret() of %s=%s = %t, want %t", test.name, test.value, got, test.want)
		}
	}
}

func TestSecretsInBuildArgumentsAreWarnedOf(t *testing.T) {
	t.Parallel()
	in := with(func(in *plan.Inputs) { in.BuildArgs = []string{"NPM_TOKEN=s3cret", "VERSION=1"} })
	for provenance, want := range map[string]string{"": "history", "max": "mode=max records its value"} {
		in.Provenance = provenance
		notes := strings.Join(newPlan(t, in, nil).Notes, "\n")
		if !strings.Contains(notes, "build argument NPM_TOKEN looks like a secret") || !strings.Contains(notes, want) {
			t.Errorf("with provenance %q the notes are %q, want %q in them", provenance, notes, want)
		}
		if strings.Contains(notes, "s3cret") || strings.Contains(notes, "VERSION") {
			t.Errorf("the notes are %q", notes)
		}
	}
}

func TestProvenanceNamesTheRunUnlessTheUserNamesABuilder(t *testing.T) {
	t.Parallel()
	on := world(nil)
	on.Run = plan.Run{URL: "https://ci.example/7"}
	for provenance, want := range map[string]string{"min": "mode=min,builder-id=https://ci.example/7", "builder-id=mine,mode=min": "builder-id=mine,mode=min", "false": ""} {
		p, err := plan.New(with(func(in *plan.Inputs) { in.Provenance = provenance }), on)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Attest.Provenance; got != want {
			t.Errorf("provenance %q is read as %q, want %q", provenance, got, want)
		}
	}
}
