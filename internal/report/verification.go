package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/org/multiarch-action/internal/plan"
)

// VerificationSchema is raised when a field of the JSON of a Verification changes its meaning or goes away. New fields do not
// raise it.
const VerificationSchema = 1

// Verdict says what came of verifying something.
type Verdict string

// The verdicts.
const (
	VerdictGood     Verdict = "good"     // no finding is an error
	VerdictBad      Verdict = "bad"      // some are
	VerdictUnread   Verdict = "unread"   // it could not be read, so nothing is known
	VerdictUnwanted Verdict = "unwanted" // it is not among the platforms that were asked for, and was not looked into
)

// Verification is what came of verifying images that are there already. Sizes are in bytes, times in seconds.
type Verification struct {
	SchemaVersion int        `json:"schemaVersion"`
	Program       string     `json:"program"` // version of multiarch-action
	Verdict       Verdict    `json:"verdict"` // the worst of the images'
	Images        []Verified `json:"images"`
	Seconds       float64    `json:"seconds"`
}

// Verified is what came of one image.
type Verified struct {
	Reference string             `json:"reference"` // as it was written
	Digest    string             `json:"digest,omitempty"`
	MediaType string             `json:"mediaType,omitempty"`
	Verdict   Verdict            `json:"verdict"`
	Error     string             `json:"error,omitempty"` // why it could not be read
	Hint      string             `json:"hint,omitempty"`
	Platforms []VerifiedPlatform `json:"platforms,omitempty"`
	Findings  []plan.Finding     `json:"findings,omitempty"` // about the image as a whole
	Against   *Comparison        `json:"against,omitempty"`
}

// VerifiedPlatform is what came of one platform of an image.
type VerifiedPlatform struct {
	Platform string         `json:"platform"`
	Digest   string         `json:"digest,omitempty"`
	Verdict  Verdict        `json:"verdict"`
	Size     int64          `json:"size,omitempty"` // of the layers as they are stored
	Layers   int            `json:"layers,omitempty"`
	Findings []plan.Finding `json:"findings,omitempty"`
}

// Comparison is what changed since an earlier image. Its findings are among those of the image.
type Comparison struct {
	Reference string            `json:"reference"`
	Digest    string            `json:"digest,omitempty"`
	Platforms []ComparePlatform `json:"platforms"`
}

// ComparePlatform is what changed on one platform.
type ComparePlatform struct {
	Platform   string   `json:"platform"`
	SizeBefore int64    `json:"sizeBefore,omitempty"`
	Size       int64    `json:"size,omitempty"`
	Gone       bool     `json:"gone,omitempty"`
	New        bool     `json:"new,omitempty"`
	Worse      []string `json:"worse,omitempty"`  // checks with errors that were not there
	Better     []string `json:"better,omitempty"` // checks with errors that are not there any more
}

// All returns all findings, those about the image as a whole first.
func (v Verified) All() []plan.Finding {
	out := append([]plan.Finding{}, v.Findings...)
	for _, p := range v.Platforms {
		out = append(out, p.Findings...)
	}
	return out
}

// JSON writes the verification for programs.
func (v *Verification) JSON(w io.Writer) error { return writeJSON(w, v) }

// writeJSON writes a value for programs. Where standard output is also a CI host's log, "##[" would begin a command in it, so the
// bracket is written as JSON's escape.
func writeJSON(w io.Writer, v any) error {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("report: encoding: %w", err)
	}
	if _, err := io.WriteString(w, strings.ReplaceAll(b.String(), "##[", `##\u005b`)); err != nil {
		return fmt.Errorf("report: writing: %w", err)
	}
	return nil
}

// headline is an image in one line.
func (v Verified) headline() string {
	counts := map[Verdict]int{}
	for _, p := range v.Platforms {
		counts[p.Verdict]++
	}
	looked := len(v.Platforms) - counts[VerdictUnwanted]
	switch {
	case v.Verdict == VerdictUnread && v.Error != "":
		return "could not be read"
	case v.Verdict == VerdictGood:
		return fmt.Sprintf("%s good", platformCount(looked))
	case counts[VerdictGood] == looked:
		return "the image as a whole is not good"
	}
	return fmt.Sprintf("%d of %s good", counts[VerdictGood], platformCount(looked))
}

func platformCount(n int) string {
	if n == 1 {
		return "1 platform is"
	}
	return fmt.Sprintf("%d platforms are", n)
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// checks says in a few words what came of a platform.
func (p VerifiedPlatform) checks() string {
	if p.Verdict == VerdictUnread || p.Verdict == VerdictUnwanted {
		return map[Verdict]string{VerdictUnread: "not read", VerdictUnwanted: "not asked for"}[p.Verdict]
	}
	count, ignored := tally(p.Findings)
	words := []string{"ok"}
	if errs := count[plan.SeverityError]; errs > 0 {
		return plural(errs, "error")
	}
	if warnings := count[plan.SeverityWarning]; warnings > 0 {
		words = append(words, plural(warnings, "warning"))
	}
	if ignored > 0 {
		words = append(words, fmt.Sprintf("%d ignored", ignored))
	}
	return strings.Join(words, ", ")
}

// Terminal writes the verification for a person at a terminal: for each image a row for each platform, then what is wrong, the
// worst last, where eyes are.
func (v *Verification) Terminal(w io.Writer) error {
	var b strings.Builder
	for _, image := range v.Images {
		if image.Error == "" {
			image.terminal(&b)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (v Verified) terminal(b *strings.Builder) {
	fmt.Fprintf(b, "\n%s %s\n", visible(v.Reference), v.Digest)
	rows := []string{"PLATFORM\tDIGEST\tSIZE\tLAYERS\tCHECKS"}
	for _, p := range v.Platforms {
		rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%d\t%s", visible(p.Platform), shortDigest(p.Digest), size(p.Size), p.Layers, p.checks()))
	}
	b.WriteString(aligned(rows))
	if v.Against != nil {
		fmt.Fprintf(b, "\ncompared with %s %s\n%s", visible(v.Against.Reference), v.Against.Digest, aligned(v.Against.rows()))
	}
	for _, severity := range []plan.Severity{plan.SeverityWarning, plan.SeverityError} {
		for _, f := range v.All() {
			if f.Severity == severity {
				b.WriteString("\n" + Platform{}.finding(f))
			}
		}
	}
	fmt.Fprintf(b, "\n%s: %s\n", visible(v.Reference), v.headline())
}

// rows are the changes as a table.
func (c Comparison) rows() []string {
	rows := []string{"PLATFORM\tBEFORE\tNOW\tCHANGE"}
	for _, p := range c.Platforms {
		rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s", visible(p.Platform), size(p.SizeBefore), size(p.Size), p.change()))
	}
	return rows
}

func (p ComparePlatform) change() string {
	var words []string
	switch {
	case p.Gone:
		words = append(words, "gone")
	case p.New:
		words = append(words, "new")
	case p.SizeBefore > 0:
		words = append(words, fmt.Sprintf("%+.1f %%", 100*(float64(p.Size)/float64(p.SizeBefore)-1)))
	}
	if len(p.Worse) > 0 {
		words = append(words, "worse: "+strings.Join(p.Worse, " "))
	}
	if len(p.Better) > 0 {
		words = append(words, "better: "+strings.Join(p.Better, " "))
	}
	return strings.Join(words, ", ")
}

// Markdown writes the verification for a page: of each image the verdict, what is wrong, and the platforms.
func (v *Verification) Markdown(w io.Writer) error { return v.MarkdownWithin(w, maxMarkdown) }

// MarkdownWithin is like Markdown for a page that has room for so many bytes.
func (v *Verification) MarkdownWithin(w io.Writer, room int) error {
	var p page
	for _, image := range v.Images {
		image.markdown(&p)
	}
	return p.write(w, min(room, maxMarkdown))
}

func (v Verified) markdown(p *page) {
	sign := map[Verdict]string{VerdictGood: "✅", VerdictBad: "❌", VerdictUnread: "❌"}[v.Verdict]
	p.add(head, "", fmt.Sprintf("### %s %s: %s\n\n", sign, code(v.Reference), v.headline()))
	if v.Error != "" {
		p.add(failure, "error", paragraph(v.Error))
	}
	p.addFindings(v.All(), plan.SeverityError)
	if len(v.Platforms) > 0 {
		p.add(table, "table", v.markdownTable())
	}
	if v.Against != nil {
		p.add(result, "table", v.Against.markdown())
	}
	p.addFindings(v.All(), plan.SeverityWarning)
	p.addFindings(v.All(), plan.SeverityNote)
}

func (v Verified) markdownTable() string {
	var b strings.Builder
	b.WriteString("| Platform | Digest | Size | Layers | Checks |\n|:--|:--|--:|--:|:--|\n")
	for _, p := range v.Platforms {
		sign := map[Verdict]string{VerdictGood: "✅", VerdictUnwanted: "▫️"}[p.Verdict]
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %s |\n", cmp.Or(sign, "❌")+nbsp+markdownText(p.Platform), cell(shortDigest(p.Digest)), unbroken(size(p.Size)), p.Layers, p.checks())
	}
	return b.String() + "\n"
}

func (c Comparison) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Compared with %s:\n\n| Platform | Before | Now | Change |\n|:--|--:|--:|:--|\n", code(c.Reference))
	for _, p := range c.Platforms {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", markdownText(p.Platform), unbroken(size(p.SizeBefore)), unbroken(size(p.Size)), markdownText(p.change()))
	}
	return b.String() + "\n"
}
