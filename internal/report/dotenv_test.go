package report_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/golden"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/report"
)

// released is what came of publishing three staged platforms.
func released(t *testing.T) *report.Released {
	t.Helper()
	p := published(t)
	r := &report.Released{
		SchemaVersion: report.ReleasedSchema, Outcome: report.Published, Verify: plan.VerifyFull, Image: p.Image, Digest: p.Digest, Tags: p.Tags, Seconds: 4.5,
	}
	for _, row := range p.Platforms[:3] {
		r.Platforms = append(r.Platforms, report.ReleasedPlatform{VerifiedPlatform: report.VerifiedPlatform{
			Platform: row.Platform.String(), Digest: row.Digest, Verdict: report.VerdictGood, Findings: row.Findings,
		}})
	}
	return r
}

func TestVariablesOfABuild(t *testing.T) {
	t.Parallel()
	r := published(t)
	staged := published(t)
	staged.Outcome, staged.Image, staged.Digest, staged.Tags, staged.Platforms = report.Staged, "", "", nil, staged.Platforms[3:4]
	platform := func(name string, i int) string { return "IMAGE_DIGEST_" + name + "=" + r.Platforms[i].Digest + "\n" }
	image := "IMAGE=" + r.Image + "\nIMAGE_DIGEST=" + r.Digest + "\nIMAGE_TAGS=" + tag + ",localhost:5000/demo/hello:1,localhost:5000/demo/hello:latest\n"
	tests := []struct {
		name      string
		variables []report.Variable
		want      string
	}{
		{"published", r.Variables(), image + platform("LINUX_AMD64", 0) + platform("LINUX_ARM64", 1) + platform("LINUX_ARM_V7", 2) + platform("LINUX_ARM_V6", 3) +
			platform("LINUX_386", 4) + platform("LINUX_PPC64LE", 5) + platform("LINUX_S390X", 6) + platform("LINUX_RISCV64", 7)},
		{"one platform of a matrix, with a name of its own", staged.Variables(), platform("LINUX_ARM_V6", 3)},
		{"of existing images", released(t).Variables(), image + platform("LINUX_AMD64", 0) + platform("LINUX_ARM64", 1) + platform("LINUX_ARM_V7", 2)},
		{"failed: nothing is there to use", failed(t).Variables(), ""},
		{"rejected", rejected(t).Variables(), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			left, err := report.WriteDotenv(&b, test.variables)
			if err != nil || left != nil {
				t.Errorf("left out: %q (%v)", left, err)
			}
			if diff := cmp.Diff(test.want, b.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDotenvKeepsToWhatGitLabTakes(t *testing.T) {
	t.Parallel()
	var many, long []report.Variable
	var last []string
	for i := range 23 {
		many = append(many, report.Variable{Name: fmt.Sprint("V", i), Value: "x"})
	}
	for i := range 6 {
		long = append(long, report.Variable{Name: fmt.Sprint("V", i), Value: strings.Repeat("x", 1000)})
	}
	last = []string{"V20", "V21", "V22"}
	tests := []struct {
		name      string
		variables []report.Variable
		left      []string
	}{
		{"more than 20", many, last},
		{"more than 5 KB", long, []string{"V5"}},
		{"a second line would be a second variable", []report.Variable{{Name: "A", Value: "x\nPATH=/evil"}}, []string{"A"}},
		{"a variable would be expanded", []report.Variable{{Name: "A", Value: "$CI_JOB_TOKEN"}}, []string{"A"}},
		{"quotes, comments, blanks and other letters", []report.Variable{{Name: "A", Value: `"x"`}, {Name: "B", Value: "x#y"}, {Name: "C", Value: "x y"}, {Name: "D", Value: "ä"}, {Name: "E", Value: "x"}}, []string{"A", "B", "C", "D"}},
		{"nothing", []report.Variable{{Name: "A"}}, []string{"A"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			left, err := report.WriteDotenv(&b, test.variables)
			if err != nil || !slices.Equal(left, test.left) {
				t.Errorf("left out: %q (%v), want %q", left, err, test.left)
			}
			if lines := strings.Count(b.String(), "\n"); lines != len(test.variables)-len(left) || lines > 20 || b.Len() > 5<<10 {
				t.Errorf("%d lines, %d bytes", lines, b.Len())
			}
		})
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	text := written(t, func(w io.Writer) error {
		return report.WriteLinks(w, []report.Link{{Label: "ghcr.io/owner/app:1", URL: "https://ghcr.io/owner/app"}, {Label: "commit c0ffee", URL: "https://gitlab.example.org/-/commit/c0ffee"}})
	})
	golden.Check(t, "links.json", text)
	if text := written(t, func(w io.Writer) error { return report.WriteLinks(w, nil) }); !strings.Contains(text, "[]") {
		t.Errorf("without links: %s", text)
	}
}

func TestOtherJUnit(t *testing.T) {
	t.Parallel()
	refused := released(t)
	refused.Outcome, refused.Error = report.Rejected, "verification found errors; no tag was moved"
	refused.Platforms[0].Findings = rejected(t).Platforms[1].Findings
	for name, write := range map[string]func(io.Writer) error{"released": released(t).JUnit, "released-rejected": refused.JUnit, "verification": verification().JUnit} {
		golden.Check(t, name+".junit.xml", written(t, write))
	}
}
