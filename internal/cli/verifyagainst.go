package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/report"
	"github.com/org/multiarch-action/internal/verify"
)

// compare verifies the earlier image too, and says what is worse now.
func (v *imageVerifier) compare(ctx context.Context, now *report.Verified) error {
	earlier := *v
	earlier.require = nil
	earlier.platforms = nil // one that is gone was asked for, perhaps
	before, err := earlier.one(ctx, *v.against)
	if err != nil {
		return err
	}
	now.Against = compareImages(before, *now)
	for _, p := range now.Against.Platforms {
		now.Findings = append(now.Findings, v.policy.Apply(changeFindings(before.Reference, p))...)
	}
	return nil
}

// compareImages compares platform by platform: those of the earlier image in its order, then those that are new. Platforms that
// were not looked into now are left out.
func compareImages(before, now report.Verified) *report.Comparison {
	out := &report.Comparison{Reference: before.Reference, Digest: before.Digest}
	find := func(in report.Verified, name string) *report.VerifiedPlatform {
		i := slices.IndexFunc(in.Platforms, func(p report.VerifiedPlatform) bool { return p.Platform == name })
		if i < 0 {
			return nil
		}
		return &in.Platforms[i]
	}
	for _, old := range before.Platforms {
		current := find(now, old.Platform)
		row := report.ComparePlatform{Platform: old.Platform, SizeBefore: old.Size, Gone: current == nil}
		if current != nil {
			row.Size = current.Size
			row.Worse, row.Better = without(errorsOf(*current), errorsOf(old)), without(errorsOf(old), errorsOf(*current))
		}
		if current == nil || current.Verdict != report.VerdictUnwanted {
			out.Platforms = append(out.Platforms, row)
		}
	}
	for _, p := range now.Platforms {
		if find(before, p.Platform) == nil && p.Verdict != report.VerdictUnwanted {
			out.Platforms = append(out.Platforms, report.ComparePlatform{Platform: p.Platform, Size: p.Size, New: true})
		}
	}
	return out
}

// errorsOf lists the checks that found errors, each once.
func errorsOf(p report.VerifiedPlatform) []string {
	var out []string
	for _, f := range p.Findings {
		if f.Fails() && !slices.Contains(out, f.Check) {
			out = append(out, f.Check)
		}
	}
	slices.Sort(out)
	return out
}

// without returns what is in one list and not in the other.
func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) })
}

// changeFindings warns of what may have been done by mistake.
func changeFindings(earlier string, p report.ComparePlatform) []plan.Finding {
	warn := func(expected, found, why, fix string) []plan.Finding {
		return []plan.Finding{verify.Rated(plan.Finding{Check: verify.CheckAgainst, Platform: p.Platform, Expected: expected, Found: found, Why: why, Fix: fix})}
	}
	switch {
	case p.Gone:
		return warn("the platform, as in "+earlier, "no image for it", `machines of that platform cannot pull the new image: "no matching manifest"`, "build the platform too, or tell its users")
	case len(p.Worse) > 0:
		return warn("no errors that were not in "+earlier, strings.Join(p.Worse, ", "), "the earlier image was better on this platform", "see the findings of these checks")
	case p.SizeBefore > 0 && p.Size > 0 && (p.Size > 2*p.SizeBefore || p.SizeBefore > 2*p.Size):
		return warn(fmt.Sprintf("about %d bytes, as in %s", p.SizeBefore, earlier), fmt.Sprintf("%d bytes", p.Size), "a size that changes so much often means that something was left out, or that the files of another platform were taken", "look at what the layers hold")
	}
	return nil
}
