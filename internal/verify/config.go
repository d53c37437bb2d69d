package verify

import (
	"cmp"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
)

const configPath = "config"

// checkConfig compares a config's platform with the one it is published for. What the config leaves out is a finding
// of its own: no default is a proof.
func checkConfig(want plan.Platform, got ocispec.Platform, where string) []plan.Finding {
	f := plan.Finding{
		Platform: want.String(),
		Path:     where,
		Why:      "container engines choose images by these fields, and refuse the image or start it on the wrong machine",
	}
	if got.OS == "" || got.Architecture == "" {
		f.Check, f.Severity = checkConfigMissingArch, severityOf(checkConfigMissingArch)
		f.Expected = describeFields([]field{{"os", want.OS(), got.OS}, {"architecture", want.Architecture(), got.Architecture}}, wanted)
		f.Found = describeFields([]field{{"os", "", got.OS}, {"architecture", "", got.Architecture}}, gotten)
		f.Fix = "build the image with a tool that writes both, or name them when it is imported"
		return []plan.Finding{f}
	}
	var out []plan.Finding
	for _, group := range byCheck(differences(want, plan.PlatformOf(got))) {
		f.Check, f.Severity = group.check, group.severity(got)
		f.Expected, f.Found = describeFields(group.fields, wanted), describeFields(group.fields, gotten)
		f.Fix = "let the last stage's FROM have no --platform, or --platform=$TARGETPLATFORM: a fixed one and $BUILDPLATFORM are for stages that only build"
		if f.Severity == plan.SeverityNote {
			f.Found = "no " + group.fields[0].name
			f.Why = "an engine that has the image without its index cannot tell for which machines it is"
			f.Fix = "build the image with a tool that writes it"
		}
		out = append(out, f)
	}
	return out
}

// fieldGroup are fields that differ, of one check.
type fieldGroup struct {
	check  string
	fields []field
}

func byCheck(differing []field) []fieldGroup {
	checks := map[string]string{"variant": checkConfigVariant, "os.version": checkConfigVersion}
	var out []fieldGroup
	for _, d := range differing {
		check := cmp.Or(checks[d.name], checkConfigPlatform)
		if i := slices.IndexFunc(out, func(g fieldGroup) bool { return g.check == check || g.check == checkConfigPlatform }); i >= 0 {
			out[i].fields = append(out[i].fields, d) // where the architecture differs the variant is no news
			continue
		}
		out = append(out, fieldGroup{check, []field{d}})
	}
	return out
}

// severity is lower where a config does not say what the index says, as is common, and where old processors are not at stake.
func (g fieldGroup) severity(got ocispec.Platform) plan.Severity {
	switch {
	case g.check == checkConfigVariant && got.Variant == "", g.check == checkConfigVersion && got.OSVersion == "":
		return plan.SeverityNote
	case g.check == checkConfigVariant && got.Architecture != "arm":
		return plan.SeverityWarning
	}
	return severityOf(g.check)
}

// field is one part of a platform as it should be and as it is.
type field struct{ name, want, got string }

func wanted(f field) string { return f.want }
func gotten(f field) string { return f.got }

// differences lists the fields in which two platforms differ. Version and features of the operating system count only
// if they were asked for: Windows images have them, requests rarely do.
func differences(want, got plan.Platform) []field {
	w, g := want.Spec(), got.Spec()
	fields := []field{
		{"os", w.OS, g.OS},
		{"architecture", w.Architecture, g.Architecture},
		{"variant", w.Variant, g.Variant},
	}
	if w.OSVersion != "" {
		fields = append(fields, field{"os.version", w.OSVersion, g.OSVersion})
	}
	if len(w.OSFeatures) > 0 {
		fields = append(fields, field{"os.features", featureList(w), featureList(g)})
	}
	return slices.DeleteFunc(fields, func(f field) bool { return f.want == f.got })
}

func featureList(p ocispec.Platform) string {
	return strings.Join(slices.Sorted(slices.Values(p.OSFeatures)), "+")
}

// describeFields writes one side of fields: "architecture arm64, no variant".
func describeFields(fields []field, side func(field) string) string {
	words := make([]string, len(fields))
	for i, f := range fields {
		words[i] = f.name + " " + shown(side(f))
		if side(f) == "" {
			words[i] = "no " + f.name
		}
	}
	return strings.Join(words, ", ")
}
