package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/org/multiarch-action/internal/plan"
)

// ReleasedSchema is raised when a field of the JSON of a Released changes its meaning or goes away. New fields do not raise it.
const ReleasedSchema = 1

// Released is what came of publishing or promoting images that existed. Sizes are in bytes, times in seconds.
type Released struct {
	SchemaVersion int                `json:"schemaVersion"`
	Program       string             `json:"program"` // version of multiarch-action
	Outcome       Outcome            `json:"outcome"`
	Verify        plan.Level         `json:"verify"`
	Error         string             `json:"error,omitempty"`
	Image         string             `json:"image,omitempty"`  // first tag and digest: what to pull
	Digest        string             `json:"digest,omitempty"` // of the index, or of the manifest if there is one platform
	Platforms     []ReleasedPlatform `json:"platforms"`
	Findings      []plan.Finding     `json:"findings,omitempty"` // about the image as a whole
	Pushed        []string           `json:"pushed,omitempty"`   // repositories that hold the digest
	Copied        Copied             `json:"copied"`
	Companions    int                `json:"companions"` // signatures and other referrers that went along
	Tags          []Tag              `json:"tags,omitempty"`
	Notes         []string           `json:"notes,omitempty"` // what was decided without being asked
	Seconds       float64            `json:"seconds"`
}

// ReleasedPlatform is one platform of it.
type ReleasedPlatform struct {
	VerifiedPlatform
	Source       string `json:"source"` // as it was named
	Attestations int    `json:"attestations"`
}

// Copied is what the repositories did not hold yet.
type Copied struct {
	Manifests int   `json:"manifests"`
	Blobs     int   `json:"blobs"`
	Bytes     int64 `json:"bytes"`
}

// All returns all findings, those about the image as a whole first.
func (r *Released) All() []plan.Finding {
	out := append([]plan.Finding{}, r.Findings...)
	for _, p := range r.Platforms {
		out = append(out, p.Findings...)
	}
	return out
}

// JSON writes the result for programs.
func (r *Released) JSON(w io.Writer) error { return writeJSON(w, r) }

// headline is the run in one line.
func (r *Released) headline() string {
	verified := ", verified"
	if r.Verify == plan.VerifyOff {
		verified = ", not verified,"
	}
	switch r.Outcome {
	case Published:
		return fmt.Sprintf("%s%s and published", plural(len(r.Platforms), "platform"), verified)
	case Rejected:
		return "verification found errors; " + tagsPhrase(r.Tags)
	case Cancelled:
		return "cancelled; " + tagsPhrase(r.Tags)
	}
	return "failed; " + tagsPhrase(r.Tags)
}

func (r *Released) checks(p ReleasedPlatform) string {
	if r.Verify == plan.VerifyOff {
		return "off"
	}
	return p.checks()
}

// Terminal writes the result for a person at a terminal: a row for each platform, what is wrong, the tags, and the image last.
func (r *Released) Terminal(w io.Writer) error {
	var b strings.Builder
	if len(r.Platforms) > 0 {
		rows := []string{"PLATFORM\tDIGEST\tSIZE\tLAYERS\tATTESTATIONS\tCHECKS\tSOURCE"}
		for _, p := range r.Platforms {
			rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%d\t%d\t%s\t%s",
				visible(p.Platform), shortDigest(p.Digest), size(p.Size), p.Layers, p.Attestations, r.checks(p), plainLine(p.Source)))
		}
		b.WriteString("\n" + aligned(rows))
	}
	for _, severity := range []plan.Severity{plan.SeverityWarning, plan.SeverityError} {
		for _, f := range r.All() {
			if f.Severity == severity {
				b.WriteString("\n" + Platform{}.finding(f))
			}
		}
	}
	if len(r.Tags) > 0 {
		b.WriteString("\n" + (&Report{Tags: r.Tags}).tagLines())
	}
	fmt.Fprintf(&b, "\n%s (%.1fs)\n", r.headline(), r.Seconds)
	if r.Outcome == Published {
		fmt.Fprintf(&b, "\n  %s\n", r.Image)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Markdown writes the result for a CI host's summary page: the verdict, what is wrong, the platforms and the tags.
func (r *Released) Markdown(w io.Writer) error { return r.MarkdownWithin(w, maxMarkdown) }

// MarkdownWithin is like Markdown for a page that has room for so many bytes.
func (r *Released) MarkdownWithin(w io.Writer, room int) error {
	var p page
	p.add(head, "", r.markdownHead())
	if r.Error != "" && r.Outcome != Rejected {
		p.add(failure, "error", paragraph(r.Error))
	}
	p.addFindings(r.All(), plan.SeverityError)
	if len(r.Platforms) > 0 {
		p.add(table, "table", r.markdownTable())
	}
	p.add(result, "table", markdownTags(r.Tags))
	p.add(result, "fold", r.markdownUse())
	p.addFindings(r.All(), plan.SeverityWarning)
	p.addFindings(r.All(), plan.SeverityNote)
	return p.write(w, min(room, maxMarkdown))
}

func (r *Released) markdownHead() string {
	sign := map[Outcome]string{Published: "✅", Cancelled: "⏹️"}[r.Outcome]
	words := map[Outcome]string{Published: "Published", Cancelled: "Cancelled", Rejected: "Rejected"}[r.Outcome]
	name := ""
	if len(r.Tags) > 0 {
		name = code(r.Tags[0].Name)
	}
	text := fmt.Sprintf("### %s %s\n\n**%s** in %s\n\n", cmp.Or(sign, "❌"), strings.TrimSpace(cmp.Or(words, "Failed")+" "+name), markdownText(capital(r.headline())), duration(r.Seconds))
	if r.Image != "" {
		text += fence(r.Image)
	}
	return text
}

func (r *Released) markdownTable() string {
	var b strings.Builder
	b.WriteString("| Platform | Digest | Size | Layers | Attestations | Checks | Source |\n|:--|:--|--:|--:|--:|:--|:--|\n")
	for _, p := range r.Platforms {
		sign := "✅"
		if p.Verdict != VerdictGood {
			sign = "❌"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %d | %s | %s |\n", sign+nbsp+markdownText(p.Platform), cell(shortDigest(p.Digest)), unbroken(size(p.Size)), p.Layers, p.Attestations,
			r.checks(p), cell(p.Source))
	}
	return b.String() + "\n"
}

// markdownUse is how to pull each platform.
func (r *Released) markdownUse() string {
	if r.Outcome != Published {
		return ""
	}
	repository := withoutVersion(r.Image)
	var lines []string
	for _, p := range r.Platforms {
		lines = append(lines, fmt.Sprintf("docker pull --platform %s %s@%s", p.Platform, repository, p.Digest))
	}
	return fold(false, "📦 Pull one platform", fenceAs("sh", strings.Join(lines, "\n")))
}

// JUnit writes the result as test results: a suite for the whole, and one for each platform with a case for each check.
func (r *Released) JUnit(w io.Writer) error {
	whole := newSuite("multiarch-action")
	result := junitCase{Name: "result", SystemOut: visible(r.headline())}
	if r.Outcome != Published {
		result.Failure = &junitProblem{Message: visible(r.headline()), Type: string(r.Outcome), Text: paragraphs(r.headline(), r.Error)}
	}
	whole.add(result)
	made := noChecks
	if r.Verify != plan.VerifyOff {
		made = ofFamilies("index/", "cross/")
	}
	whole.findings(r.Findings, made)
	out := junitSuites{Time: fmt.Sprintf("%.3f", r.Seconds), Suites: []junitSuite{*whole}}
	for _, p := range r.Platforms {
		suite := newSuite(p.Platform)
		suite.findings(p.Findings, whileBuilding(r.Verify))
		out.Suites = append(out.Suites, *suite)
	}
	return writeJUnit(w, out)
}
