package report_test

import (
	"testing"

	"github.com/org/multiarch-action/internal/golden"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/report"
)

// replacing is an image that was published out of others, in place of another.
func replacing() *report.Released {
	row := func(platform string, digest byte, size, before int64, verdict report.Verdict) report.ReleasedPlatform {
		return report.ReleasedPlatform{
			VerifiedPlatform: report.VerifiedPlatform{Platform: platform, Digest: "sha256:" + string([]byte{digest, digest, digest}), Verdict: verdict, Size: size, Layers: 2},
			Source:           "localhost:5000/demo/parts|`1`", Attestations: 1, SizeBefore: before,
		}
	}
	return &report.Released{
		SchemaVersion: report.ReleasedSchema, Program: "v1.0.0", Outcome: report.Published, Verify: plan.VerifyStatic, Image: tag + "@" + indexDigest, Digest: indexDigest,
		Platforms: []report.ReleasedPlatform{row("linux/amd64", 'a', 1_234_567, 1_200_000, report.VerdictGood), row("linux/arm64", 'b', 2_000_000, 0, report.VerdictGood)},
		Tags:      []report.Tag{{Name: tag, From: oldDigest, To: indexDigest, Moved: true}},
		Compared:  &report.Compared{Tag: tag, Digest: oldDigest, Gone: []string{"linux/s390x"}}, Seconds: 2.5,
	}
}

func TestReleasedMarkdown(t *testing.T) {
	t.Parallel()
	golden.Check(t, "released.md", written(t, replacing().Markdown))
	bad := replacing()
	bad.Outcome, bad.Error, bad.Image, bad.Digest, bad.Compared = report.Rejected, "verification found errors; no tag was moved", "", "", nil
	bad.Tags = []report.Tag{{Name: tag}}
	bad.Platforms[1].Verdict, bad.Platforms[1].Findings = report.VerdictBad, verification().Images[0].Platforms[1].Findings
	golden.Check(t, "released-rejected.md", written(t, bad.Markdown))
}
