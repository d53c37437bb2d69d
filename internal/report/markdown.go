package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/org/multiarch-action/internal/plan"
)

// maxMarkdown is how long the Markdown may be. GitHub drops a step's whole summary if it is longer than 1 MiB.
const maxMarkdown = 900 << 10

// Markdown writes the report for a CI host's summary page. Failures come first, because they are what it is opened for. Of a report
// that is too long whole problems are left out, so that what is shown stays readable.
func (r *Report) Markdown(w io.Writer) error {
	end := r.markdownEnd()
	var b strings.Builder
	fmt.Fprintf(&b, "### %s %s\n\n", r.sign(), markdownText(r.headline()))
	if r.Image != "" {
		fmt.Fprintf(&b, "%s\n\n", code(r.Image))
	}
	left := 0
	for _, problem := range r.markdownProblems() {
		if b.Len()+len(problem)+len(end) > maxMarkdown {
			left++
			continue
		}
		b.WriteString(problem)
	}
	if left > 0 {
		fmt.Fprintf(&b, "*Left out, because the summary would be too long: %d more. The JSON report holds everything.*\n\n", left)
	}
	b.WriteString(end)
	_, err := io.WriteString(w, b.String())
	return err
}

// markdownEnd is what stands below the problems: all platforms, the tags, what to do with the result, and where the time went.
func (r *Report) markdownEnd() string {
	var b strings.Builder
	if r.begun() {
		r.markdownTable(&b)
	}
	if phrase := r.attested(); phrase != "" {
		b.WriteString(markdownText(phrase) + "\n\n")
	}
	r.markdownTags(&b)
	if r.Outcome == Published {
		fmt.Fprintf(&b, "Run it:\n\n%s", fence(r.runCommand()))
	}
	for _, hint := range r.Hints {
		fmt.Fprintf(&b, "*Faster:* %s\n\n", markdownText(hint.Text))
	}
	if len(r.Stages) > 0 {
		b.WriteString(fold("Time line", r.timeRows()))
	}
	return b.String()
}

func (r *Report) sign() string {
	switch r.Outcome {
	case Published, Built, Staged:
		if len(r.Missing) > 0 {
			return "⚠️"
		}
		return "✅"
	case Cancelled:
		return "⏹️"
	}
	return "❌"
}

func (r *Report) markdownTable(b *strings.Builder) {
	node := func(text string) string { // a column that a single builder does not need
		if !r.manyNodes() {
			return ""
		}
		return text + " | "
	}
	fmt.Fprintf(b, "| Platform | Status | Digest | Size | Layers | %sRun | Time | Checks | Smoke test |\n|---|---|---|---:|---:|%s---|---:|---|---|\n",
		node("Node"), strings.ReplaceAll(node("---"), " ", ""))
	for _, p := range r.Platforms {
		layers := ""
		if p.Layers > 0 {
			layers = fmt.Sprint(p.Layers)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s%s | %.1f s | %s | %s |\n", p.Platform, p.status(), cell(shortDigest(p.Digest)), size(p.Size),
			layers, node(cell(p.Node)), markdownText(p.execution()), p.Seconds, r.checks(p), cell(p.tests()))
	}
	b.WriteString("\n")
}

func (r *Report) markdownTags(b *strings.Builder) {
	if len(r.Tags) == 0 {
		return
	}
	b.WriteString("| Tag | |\n|---|---|\n")
	for _, t := range r.Tags {
		fmt.Fprintf(b, "| %s | %s |\n", cell(t.Name), t.phrase())
	}
	b.WriteString("\n")
}

// markdownProblems are the parts of the report that are about what is wrong, the worst first.
func (r *Report) markdownProblems() []string {
	var out []string
	if r.Error != "" && r.Outcome != Rejected { // the headline says it
		out = append(out, paragraph(r.Error)+r.Explanation.markdown(r.Error))
	}
	for _, f := range r.failures() {
		out = append(out, f.markdown())
	}
	for _, n := range r.Nodes {
		if n.Problem != "" {
			out = append(out, n.markdown())
		}
	}
	for _, severity := range []plan.Severity{plan.SeverityError, plan.SeverityWarning, plan.SeverityNote} {
		for _, f := range slices.Concat(r.Preflight, r.Findings) {
			if f.Severity == severity {
				out = append(out, markdownFinding(f))
			}
		}
		for _, p := range r.Platforms {
			for _, f := range p.Findings {
				if f.Severity == severity {
					out = append(out, markdownFinding(f))
				}
			}
		}
	}
	for _, w := range r.Warnings {
		line := "**warning of BuildKit** " + code(strings.TrimSuffix(w.place(), ": ")) + " " + markdownText(w.Text)
		if strings.HasPrefix(w.URL, "https://") && !strings.ContainsAny(w.URL, " <>()") {
			line += " ([more](" + w.URL + "))"
		}
		out = append(out, line+"\n\n")
	}
	for _, p := range r.Platforms {
		if p.Status == StatusRejected {
			out = append(out, fold("output of the smoke test on "+p.Platform.String(), p.output()))
		}
	}
	return out
}

func (g failures) markdown() string {
	var b strings.Builder
	f := g.Failure
	place := ""
	if f.Line > 0 {
		place = fmt.Sprintf(" at %s", code(fmt.Sprintf("%s:%d", f.File, f.Line)))
	}
	fmt.Fprintf(&b, "**%s failed**%s: %s", g.names(), place, paragraph(f.Error))
	if len(f.Excerpt) > 0 {
		b.WriteString(fence(strings.Join(f.Excerpt, "\n")))
	}
	b.WriteString(fold("last output", f.Output))
	b.WriteString(f.Explanation.markdown(f.Error))
	return b.String()
}

func markdownFinding(f plan.Finding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s** %s", title(f), code(f.Check))
	if f.Path != "" {
		fmt.Fprintf(&b, " %s", code(f.Path))
	}
	b.WriteString("\n")
	for _, line := range lines(f) {
		fmt.Fprintf(&b, "- %s: %s\n", line.Name, markdownText(line.Text))
	}
	b.WriteString("\n")
	return b.String()
}

// paragraph writes a text of one line as such, and what follows as a block.
func paragraph(text string) string {
	first, rest := firstLine(text)
	out := markdownText(first) + "\n\n"
	if len(rest) > 0 {
		out += fence(strings.Join(rest, "\n"))
	}
	return out
}

func fold(title string, lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return fmt.Sprintf("<details><summary>%s</summary>\n\n%s</details>\n\n", title, fence(strings.Join(lines, "\n")))
}
