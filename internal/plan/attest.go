package plan

import (
	"encoding/csv"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"
)

// Attestations are what BuildKit is to attest of every platform, as the attributes of its frontend; empty: nothing.
// (https://github.com/moby/buildkit/blob/v0.33.1/docs/attestations/README.md)
type Attestations struct {
	Provenance string `json:"provenance,omitempty"` // for example mode=max
	SBOM       string `json:"sbom,omitempty"`       // for example generator=docker/buildkit-syft-scanner:stable-1
}

// Any reports whether anything is to be attested.
func (a Attestations) Any() bool { return a != Attestations{} }

// Names are the attestations in the words of reports.
func (a Attestations) Names() []string {
	var out []string
	if a.Provenance != "" {
		out = append(out, "provenance")
	}
	if a.SBOM != "" {
		out = append(out, "SBOM")
	}
	return out
}

const (
	attestFlag     = "--attest"
	provenanceFlag = "--provenance"
	sbomFlag       = "--sbom"

	// defaultGenerator is BuildKit's own choice of a scanner (frontend/attestations/parse.go).
	defaultGenerator = "docker/buildkit-syft-scanner:stable-1"
	// defaultProvenance is what docker/build-push-action asks for unless told otherwise: little enough to be shown to anybody, and
	// kept out of folders of files.
	defaultProvenance = "mode=min,inline-only=true"
)

// attestation is one of the two kinds while it is read.
type attestation struct {
	given bool
	attrs string
}

// attestations reads --attest and its short forms.
func (r *reader) attestations(p *Plan) Attestations {
	kinds := map[string]*attestation{"provenance": {}, "sbom": {}}
	for _, text := range r.in.Attests {
		r.attest(kinds, attestFlag, text, text)
	}
	for kind, short := range map[string]struct{ flag, text string }{"provenance": {provenanceFlag, r.in.Provenance}, "sbom": {sbomFlag, r.in.SBOM}} {
		switch on, err := strconv.ParseBool(short.text); {
		case short.text == "":
		case err == nil && on:
			r.attest(kinds, short.flag, short.text, "type="+kind)
		case err == nil:
			r.attest(kinds, short.flag, short.text, "type="+kind+",disabled=true")
		case kind == "provenance" && (short.text == "min" || short.text == "max"):
			r.attest(kinds, short.flag, short.text, "type="+kind+",mode="+short.text)
		default:
			r.attest(kinds, short.flag, short.text, "type="+kind+","+short.text)
		}
	}
	if !kinds["provenance"].given && r.provenanceByDefault(p) {
		kinds["provenance"].attrs = defaultProvenance
	}
	out := Attestations{Provenance: kinds["provenance"].attrs, SBOM: kinds["sbom"].attrs}
	if url := r.world.Run.URL; out.Provenance != "" && url != "" && !strings.Contains(","+out.Provenance, ",builder-id=") {
		out.Provenance += "," + joinCSV([]string{"builder-id=" + url})
	}
	if out.Any() && p.Form.DockerTypes {
		r.problem(outputFlag, "", "oci-mediatypes=false leaves no place for attestations", "leave it out, or write --provenance=false and no --sbom")
	}
	return out
}

// provenanceByDefault reports whether provenance is wanted that nobody has spoken of: of an image for several platforms, which is an
// index anyway. One platform stays a plain manifest, because services that run a single one, such as AWS Lambda, refuse an index. With
// SOURCE_DATE_EPOCH the digest is to be the same each time, and provenance holds the time of the build.
func (r *reader) provenanceByDefault(p *Plan) bool {
	holdsImage := p.Push || p.Load || slices.ContainsFunc(p.Outputs, Output.HoldsImage)
	docker := p.Form.DockerTypes || slices.ContainsFunc(p.Outputs, func(o Output) bool { return o.Image.DockerTypes })
	off, _ := strconv.ParseBool(r.world.Getenv("BUILDX_NO_DEFAULT_ATTESTATIONS")) // what is no boolean is not off, as for docker buildx
	return holdsImage && !docker && !off && (len(r.in.Platforms) > 1 || p.MultiPlatform()) && p.SourceDateEpoch == nil
}

// attest reads one value in the form of --attest.
func (r *reader) attest(kinds map[string]*attestation, flag, shown, text string) {
	wrong := func(rule, hint string) { r.problem(flag, shown, rule, hint) }
	fields, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil {
		wrong("its quotes do not match", "quote an attribute as a whole")
		return
	}
	var kind string
	var attrs []string
	on := true
	for _, field := range fields {
		key, value, given := strings.Cut(strings.TrimSpace(field), "=")
		switch {
		case !given:
			wrong(fmt.Sprintf("%q is not KEY=VALUE", field), "for example "+attestExample(flag))
			return
		case key == "type":
			kind = value
		case key == "disabled":
			off, err := strconv.ParseBool(value)
			if err != nil {
				wrong("disabled is neither true nor false", "write disabled=true or disabled=false")
			}
			on = !off
		default:
			attrs = append(attrs, field)
		}
	}
	k, known := kinds[kind]
	switch {
	case !known:
		wrong("it has no known type", "write type=provenance or type=sbom")
		return
	case k.given:
		wrong(kind+" is given twice", "name it once, by --attest or by --"+kind)
		return
	}
	k.given = true
	if on {
		k.attrs = r.attestAttrs(kind, attrs, wrong)
	}
}

func attestExample(flag string) string {
	return map[string]string{
		attestFlag: "type=provenance,mode=max", provenanceFlag: "mode=max", sbomFlag: "generator=registry.example.org/scanner:1",
	}[flag]
}

// provenanceKeys are the attributes of provenance (solver/llbsolver/provenance.go of BuildKit), with the values of those that have a
// fixed set.
var provenanceKeys = map[string][]string{
	"mode": {"min", "max"}, "version": {"v1", "v0.2"}, "reproducible": {"true", "false"}, "inline-only": {"true", "false"},
	"capture-usage": {"true", "false"}, "complete-materials": {"true", "false"}, "builder-id": nil, "filename": nil,
}

// attestAttrs checks the attributes of a kind, and adds what BuildKit would take for granted, so that the plan says it.
func (r *reader) attestAttrs(kind string, attrs []string, wrong func(rule, hint string)) string {
	if kind == "sbom" {
		return sbomAttrs(attrs, wrong)
	}
	mode := false
	for _, attr := range attrs {
		key, value, _ := strings.Cut(attr, "=")
		mode = mode || key == "mode"
		values, known := provenanceKeys[key]
		switch {
		case !known:
			wrong(fmt.Sprintf("provenance has no attribute %q", key), "it has: mode, version, builder-id, reproducible, inline-only, filename, capture-usage, complete-materials")
		case values != nil && !slices.Contains(values, value):
			wrong(fmt.Sprintf("%s=%s is not known", key, value), fmt.Sprintf("write %s=%s", key, strings.Join(values, " or "+key+"=")))
		}
	}
	if !mode {
		attrs = append([]string{"mode=max"}, attrs...)
	}
	return joinCSV(attrs)
}

func sbomAttrs(attrs []string, wrong func(rule, hint string)) string {
	generator := false
	for _, attr := range attrs {
		key, value, _ := strings.Cut(attr, "=")
		if key == "generator" {
			generator = true
			if _, err := reference.ParseNormalizedNamed(value); err != nil {
				wrong(fmt.Sprintf("%q is not an image reference", value), "for example generator=registry.example.org/scanner:1")
			}
		}
	}
	if !generator {
		attrs = append([]string{"generator=" + defaultGenerator}, attrs...)
	}
	return joinCSV(attrs)
}

// joinCSV writes a line that BuildKit reads back as these fields.
func joinCSV(fields []string) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write(fields) // to memory
	w.Flush()
	return strings.TrimRight(b.String(), "\n")
}

// secretName is a name that mostly holds a secret: the words of BuildKit's own check (frontend/dockerfile/linter/ruleset.go,
// SecretsUsedInArgOrEnv).
var secretName = regexp.MustCompile(`(?i)(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)`)

// secretValue is the beginning of a credential that its issuer marks as one: of GitHub, GitLab, AWS, npm, Slack, a private key, a JWT.
var secretValue = regexp.MustCompile(`^(gh[pousr]_|github_pat_|glpat-|AKIA[0-9A-Z]{12}|npm_|xox[abprs]-|-----BEGIN [A-Z ]*PRIVATE KEY|eyJ[A-Za-z0-9_-]+\.eyJ)`)

// LooksSecret reports whether a build argument probably is a secret, by its name or by its value.
func (a BuildArg) LooksSecret() bool {
	public := strings.Contains(strings.ToLower(a.Name), "public")
	return a.Value != "" && (secretName.MatchString(a.Name) && !public || secretValue.MatchString(a.Value))
}

// secretWarnings say which build arguments look like secrets, and who will be able to read them.
func (p *Plan) secretWarnings() []string {
	var out []string
	for _, arg := range p.BuildArgs {
		if !arg.LooksSecret() {
			continue
		}
		who := "the image's history and the build cache hold build arguments"
		if strings.Contains(","+p.Attest.Provenance+",", ",mode=max,") {
			who = "provenance with mode=max records its value beside the image, where everybody who may pull reads it"
		}
		out = append(out, fmt.Sprintf("warning: build argument %s looks like a secret: %s; give it by --secret id=%[1]s,env=%[1]s and RUN --mount=type=secret,id=%[1]s", arg.Name, who))
	}
	return out
}
