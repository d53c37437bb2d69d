package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/org/multiarch-action/internal/plan"
)

// Markdown writes the report for a CI host's summary page: the verdict, what is wrong, the platforms, the tags, and how to use the result.
// What would make it longer than the host takes is left out.
func (r *Report) Markdown(w io.Writer) error { return r.MarkdownWithin(w, maxMarkdown) }

// MarkdownWithin is like Markdown for a page that has room for so many bytes.
func (r *Report) MarkdownWithin(w io.Writer, room int) error {
	var p page
	p.add(head, "", r.markdownHead())
	r.markdownErrors(&p)
	if r.begun() {
		p.add(table, "table", r.markdownTable()+r.markdownLegend())
	}
	if phrase := r.attested(); phrase != "" {
		p.add(result, "line", markdownText(capital(phrase))+".\n\n")
	}
	p.add(result, "table", markdownTags(r.Tags))
	p.add(result, "fold", r.markdownUse())
	for _, hint := range r.Hints {
		p.add(remark, "hint", "💡 **Faster:** "+sentence(hint.Text)+"\n\n")
	}
	r.markdownWarnings(&p)
	p.add(remark, "fold", r.markdownOutput())
	if chart := r.gantt(); chart != "" {
		p.add(remark, "chart", fold(r.good(), "⏱️ "+inHTML(r.timePhrase()), chart))
	}
	return p.write(w, min(room, maxMarkdown))
}

// good reports whether the run did what it was asked to.
func (r *Report) good() bool {
	return r.Outcome == Published || r.Outcome == Built || r.Outcome == Staged
}

// markdownHead is the verdict: what it is about, how it ended, and the reference with its digest, to be copied.
func (r *Report) markdownHead() string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s %s\n\n**%s** in %s\n\n", r.sign(), r.verdict(), markdownText(capital(r.headline())), duration(r.Seconds))
	switch {
	case r.Image != "":
		b.WriteString(fence(r.Image))
	case r.Digest != "":
		b.WriteString(fence(r.Digest))
	}
	return b.String()
}

// verdict is the end of the run in a word or two, and the image that it was about.
func (r *Report) verdict() string {
	words := map[Outcome]string{Published: "Published", Built: "Built", Staged: "Built and handed over", Cancelled: "Cancelled", Rejected: "Rejected"}[r.Outcome]
	switch {
	case words == "":
		words = "Failed"
	case r.Outcome == Published && len(r.Missing) > 0:
		words = "Published in part"
	}
	return strings.TrimSpace(words + " " + code(r.Reference))
}

func (r *Report) sign() string {
	switch {
	case r.good() && len(r.Missing) > 0:
		return "⚠️"
	case r.good():
		return "✅"
	case r.Outcome == Cancelled:
		return "⏹️"
	}
	return "❌"
}

// markdownErrors adds what kept the run from success.
func (r *Report) markdownErrors(p *page) {
	if r.Error != "" && r.Outcome != Rejected && !r.saidBelow() {
		p.add(failure, "error", paragraph(r.Error)+r.Explanation.markdown(r.Error))
	}
	failed := r.failures()
	for _, f := range failed {
		p.add(failure, "failure", f.markdown(len(failed) <= fewProblems))
	}
	for _, n := range r.Nodes {
		if n.Problem != "" {
			sign := "❌"
			if r.good() {
				sign = "⚠️"
			}
			p.add(failure, "node", n.markdown(sign))
		}
	}
	p.addFindings(r.all(), plan.SeverityError)
	for _, platform := range r.Platforms {
		if platform.Status == StatusRejected && len(platform.output()) > 0 {
			p.add(finding, "output", fold(false, "Output of the smoke test on "+platform.Platform.String(), fence(lastOf(platform.output()))))
		}
	}
}

// saidBelow reports whether the run's error says only that a platform failed.
func (r *Report) saidBelow() bool {
	return r.Explanation == nil && strings.HasPrefix(r.Error, "building") && len(r.failures()) > 0
}

// markdownWarnings adds what should be looked at some day.
func (r *Report) markdownWarnings(p *page) {
	p.addFindings(r.all(), plan.SeverityWarning)
	for _, w := range r.Warnings {
		p.add(finding, "warning", w.markdown())
	}
	p.addFindings(r.all(), plan.SeverityNote)
}

// markdownUse is how to pull each platform, and how to run one here.
func (r *Report) markdownUse() string {
	if r.Outcome != Published {
		return ""
	}
	width := 0
	for _, p := range r.Platforms {
		width = max(width, len(p.Platform.String()))
	}
	repository := withoutVersion(r.Image)
	var lines []string
	for _, p := range r.Platforms {
		if p.Digest != "" {
			lines = append(lines, fmt.Sprintf("docker pull --platform %-*s %s@%s", width, p.Platform, repository, p.Digest))
		}
	}
	return fold(false, "📦 Pull one platform, or run one here", fenceAs("sh", strings.Join(append(lines, "", r.runCommand()), "\n")))
}

// markdownOutput is what the tests printed that passed, where that is more than the table shows.
func (r *Report) markdownOutput() string {
	var b strings.Builder
	for _, p := range r.Platforms {
		if p.Status == StatusRejected || !slices.ContainsFunc([]*SmokeTest{p.SmokeTest, p.StartTest}, (*SmokeTest).more) {
			continue
		}
		for _, t := range []*SmokeTest{p.SmokeTest, p.StartTest} {
			if t != nil && len(t.Output) > 0 {
				fmt.Fprintf(&b, "%s: %s\n\n%s", p.Platform, code(inCell(strings.Join(t.Command, " "))), fence(lastOf(t.Output)))
			}
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return fold(false, "🧪 Output of the smoke tests", b.String())
}

// more reports whether a test printed more than a cell of a table shows.
func (t *SmokeTest) more() bool {
	return t != nil && (len(t.Output) > 1 || len(t.Output) == 1 && shortened(t.Output[0], longestTest) != strings.TrimSpace(t.Output[0]))
}

// paragraph writes a text of one line as such, and what follows as a block.
func paragraph(text string) string {
	first, rest := firstLine(clipped(text))
	out := markdownText(first) + "\n\n"
	if len(rest) > 0 {
		out += fence(strings.Join(rest, "\n"))
	}
	return out
}
