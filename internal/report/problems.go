package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/org/multiarch-action/internal/plan"
)

// fewProblems is how many problems are unfolded: with more of them a page is easier to read as a list of their first lines.
const fewProblems = 3

// markdown is a failure in a fold: the instruction, what it printed last, and what that means.
func (g failures) markdown(open bool) string {
	f := g.Failure
	first, rest := firstLine(clipped(f.Error))
	title := fmt.Sprintf("❌ <b>%s</b> failed", named(g.platforms))
	if f.Line > 0 {
		title += fmt.Sprintf(" at <code>%s</code>", inHTML(fmt.Sprintf("%s:%d", f.File, f.Line)))
	}
	body := f.Explanation.markdown(f.Error)
	if len(rest) > 0 {
		body += fence(clipped(strings.Join(rest, "\n")))
	}
	if len(f.Excerpt) > 0 {
		body += fenceAs("dockerfile", clipped(strings.Join(f.Excerpt, "\n")))
	}
	if len(f.Output) > 0 {
		body += "Last output:\n\n" + fence(lastOf(f.Output))
	}
	if len(g.platforms) > maxNames {
		body += "On " + markdownText(strings.Join(g.platforms, ", ")) + ".\n\n"
	}
	return fold(open, title+": "+inHTML(first), body)
}

// findings are those of one check at one path, usually on several platforms.
type findings struct{ all []plan.Finding }

// grouped puts findings together that differ in nothing but the platform and what is said of it, in the order of the first. Those about
// the whole are apart from those about a platform.
func grouped(all []plan.Finding) []findings {
	var out []findings
	for _, f := range all {
		same := func(g findings) bool {
			first := g.all[0]
			return first.Check == f.Check && first.Path == f.Path && first.Severity == f.Severity && first.Ignored == f.Ignored && (first.Platform == "") == (f.Platform == "")
		}
		if i := slices.IndexFunc(out, same); i >= 0 {
			out[i].all = append(out[i].all, f)
		} else {
			out = append(out, findings{[]plan.Finding{f}})
		}
	}
	return out
}

// platforms are those that it is about; none: it is about the whole.
func (g findings) platforms() []string {
	var out []string
	for _, f := range g.all {
		for name := range strings.SplitSeq(f.Platform, ", ") { // what was found before the build may be about several
			if name != "" && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

var signs = map[plan.Severity]string{plan.SeverityError: "❌", plan.SeverityWarning: "⚠️", plan.SeverityNote: "ℹ️"}

// markdown is what was found in a fold. What is the same for all platforms is said once.
func (g findings) markdown(open bool) string {
	f := g.all[0]
	title := signs[f.Severity]
	if f.Ignored {
		title += " (ignored)"
	}
	if names := g.platforms(); len(names) > 0 {
		title += " <b>" + named(names) + "</b>"
	}
	title += " <code>" + inHTML(f.Check) + "</code>"
	if f.Path != "" {
		title += " <code>" + inHTML(f.Path) + "</code>"
	}
	return fold(open, title, g.body())
}

// body lists what is the same for all, and puts the rest into a table.
func (g findings) body() string {
	var b strings.Builder
	var columns []string
	for _, name := range findingFields {
		texts := make([]string, len(g.all))
		for i, f := range g.all {
			texts[i] = field(f, name)
		}
		switch same := slices.Compact(texts); {
		case len(same) > 1:
			columns = append(columns, name)
		case same[0] != "":
			fmt.Fprintf(&b, "- **%s:** %s\n", name, sentence(same[0]))
		}
	}
	if b.Len() > 0 {
		b.WriteString("\n")
	}
	if len(columns) == 0 {
		if names := g.platforms(); len(names) > maxNames {
			fmt.Fprintf(&b, "On %s.\n\n", markdownText(strings.Join(names, ", ")))
		}
		return b.String()
	}
	fmt.Fprintf(&b, "| platform | %s |\n|:--|%s\n", strings.Join(columns, " | "), strings.Repeat(":--|", len(columns)))
	for _, f := range g.all[:min(len(g.all), maxFindingRows)] {
		fmt.Fprintf(&b, "| %s |", markdownText(f.Platform))
		for _, name := range columns {
			fmt.Fprintf(&b, " %s |", sentence(field(f, name)))
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
	if left := len(g.all) - maxFindingRows; left > 0 {
		fmt.Fprintf(&b, "And %d more: the JSON report holds all.\n\n", left)
	}
	return b.String()
}

// maxFindingRows is how many rows a table of findings has: some checks compare each platform with each.
const maxFindingRows = 20

// findingFields are the names of a finding's texts in their order.
var findingFields = []string{"layer", "expected", "found", "why", "fix", "policy"}

func field(f plan.Finding, name string) string {
	for _, l := range lines(f) {
		if l.Name == name {
			return l.Text
		}
	}
	return ""
}

// addFindings adds the findings of a severity to a page, each group as a part.
func (p *page) addFindings(all []plan.Finding, severity plan.Severity) {
	groups := grouped(only(all, severity))
	for _, g := range groups {
		p.add(finding, string(severity), g.markdown(len(groups) <= fewProblems && severity == plan.SeverityError))
	}
}

// only are the findings of a severity.
func only(all []plan.Finding, severity plan.Severity) []plan.Finding {
	return slices.DeleteFunc(slices.Clone(all), func(f plan.Finding) bool { return f.Severity != severity })
}

// all are the findings about the whole, and then those of the platforms.
func (r *Report) all() []plan.Finding {
	out := slices.Concat(r.Preflight, r.Findings)
	for _, p := range r.Platforms {
		out = append(out, p.Findings...)
	}
	return out
}

// markdown is what BuildKit warned of, in a fold.
func (w Warning) markdown() string {
	title := "⚠️ BuildKit"
	if w.Line > 0 {
		title += fmt.Sprintf(" <code>%s</code>", inHTML(fmt.Sprintf("%s:%d", w.File, w.Line)))
	}
	body := ""
	for _, line := range w.Detail {
		body += sentence(line) + "\n\n"
	}
	if strings.HasPrefix(w.URL, "https://") && !strings.ContainsAny(w.URL, " <>()\n") {
		body += "[What it means](" + w.URL + ")\n\n"
	}
	return fold(false, title+" "+inHTML(w.Text), cmp.Or(body, sentence(w.Text)+"\n\n"))
}

// maxNames is how many platforms the first line of a problem names.
const maxNames = 4

// named are platforms in a title, as HTML.
func named(platforms []string) string {
	if len(platforms) <= maxNames {
		return inHTML(strings.Join(platforms, ", "))
	}
	return inHTML(strings.Join(platforms[:maxNames-1], ", ")) + fmt.Sprintf(" and %d more", len(platforms)-maxNames+1)
}

// fold is Markdown that unfolds at a click on its title, which is HTML. Without a body there is nothing to unfold.
func fold(open bool, title, body string) string {
	attribute := ""
	if open {
		attribute = " open"
	}
	if body == "" {
		return title + "\n\n"
	}
	return fmt.Sprintf("<details%s><summary>%s</summary>\n\n%s</details>\n\n", attribute, title, body)
}
