package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/org/multiarch-action/internal/plan"
)

// Terminal writes the report for a person at a terminal: a row for each platform, then what went wrong, the worst nearest to the
// end, where eyes are; then what to do with the result.
func (r *Report) Terminal(w io.Writer) error {
	var b strings.Builder
	if r.begun() {
		b.WriteString("\n" + r.table())
	}
	for _, problem := range r.terminalProblems() {
		b.WriteString("\n" + problem)
	}
	if phrase := r.attested(); phrase != "" {
		b.WriteString("\n" + phrase + "\n")
	}
	if len(r.Tags) > 0 {
		b.WriteString("\n" + r.tagLines())
	}
	fmt.Fprintf(&b, "\n%s (%.1fs)\n", r.headline(), r.Seconds)
	if phrase := r.timePhrase(); phrase != "" {
		fmt.Fprintf(&b, "  %s\n", phrase)
	}
	for _, hint := range r.Hints {
		fmt.Fprintf(&b, "  faster: %s\n", visible(hint.Text))
	}
	if r.Outcome == Published {
		fmt.Fprintf(&b, "\n  %s\n\nrun it:\n\n  %s\n", r.Image, r.runCommand())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// begun reports whether there is anything to say about a platform.
func (r *Report) begun() bool {
	for _, p := range r.Platforms {
		if p.Status != StatusUnknown {
			return true
		}
	}
	return false
}

func (r *Report) table() string {
	node := func(text string) string { // a column that a single builder does not need
		if !r.manyNodes() {
			return ""
		}
		return text + "\t"
	}
	rows := []string{"PLATFORM\tSTATUS\tDIGEST\tSIZE\tLAYERS\t" + node("NODE") + "RUN\tTIME\tCHECKS\tSMOKE TEST"}
	for _, p := range r.Platforms {
		layers := ""
		if p.Layers > 0 {
			layers = fmt.Sprint(p.Layers)
		}
		rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s%s\t%.1fs\t%s\t%s",
			p.Platform, p.status(), shortDigest(p.Digest), size(p.Size), layers, node(p.Node), p.execution(), p.Seconds, r.checks(p), p.tests()))
	}
	return aligned(rows)
}

func (r *Report) tagLines() string {
	var rows []string
	for _, t := range r.Tags {
		rows = append(rows, t.Name+"\t"+t.phrase())
	}
	return aligned(rows)
}

// aligned puts the cells of rows, which tabs separate, below each other.
func aligned(rows []string) string {
	var b strings.Builder
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(rows, "\n"))
	_ = t.Flush() // a strings.Builder takes everything
	var out strings.Builder
	for line := range strings.Lines(b.String()) {
		out.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return out.String()
}

func shortDigest(digest string) string {
	_, hex, _ := strings.Cut(digest, ":")
	return hex[:min(12, len(hex))]
}

// passed is what Passed says of a command.
const passed = "passed"

// tests are the results of both tests in a cell.
func (p Platform) tests() string {
	phrases := []string{p.SmokeTest.phrase(), p.StartTest.phrase()}
	return strings.Join(slices.DeleteFunc(phrases, func(text string) bool { return text == "" }), "; ")
}

// output is what the last test printed: the next runs only where nothing is wrong, so a finding is about the last.
func (p Platform) output() []string {
	switch {
	case p.StartTest != nil:
		return p.StartTest.Output
	case p.SmokeTest != nil:
		return p.SmokeTest.Output
	}
	return nil
}

// phrase is the smoke test's result in a cell: what it printed last, or its exit status.
func (t *SmokeTest) phrase() string {
	switch {
	case t == nil:
		return ""
	case t.ExitCode != 0:
		return fmt.Sprintf("exit status %d", t.ExitCode)
	case t.Passed == "":
		return "failed"
	case t.Passed != passed || len(t.Output) == 0:
		return t.Passed
	}
	return inCell(t.Output[len(t.Output)-1])
}

func (t Tag) phrase() string {
	switch {
	case t.To == "":
		return "not moved"
	case !t.Moved:
		return "has this digest already"
	case t.From == "":
		return "created"
	}
	return "moved from " + t.From
}

// terminalProblems are the parts of the report that are about what is wrong, the worst last. Notes are for those who look into
// the other reports.
func (r *Report) terminalProblems() []string {
	var out []string
	for _, n := range r.Nodes {
		if n.Problem != "" {
			out = append(out, n.terminal())
		}
	}
	for _, w := range r.Warnings {
		out = append(out, fmt.Sprintf("warning of BuildKit: %s\n", visible(w.place()+w.Text)))
	}
	for _, severity := range []plan.Severity{plan.SeverityWarning, plan.SeverityError} {
		for _, f := range r.Preflight {
			if f.Severity == severity {
				out = append(out, Platform{}.finding(f))
			}
		}
		for _, p := range r.Platforms {
			for _, f := range p.Findings {
				if f.Severity == severity {
					out = append(out, p.finding(f))
				}
			}
		}
		for _, f := range r.Findings {
			if f.Severity == severity {
				out = append(out, Platform{}.finding(f))
			}
		}
	}
	for _, f := range r.failures() {
		out = append(out, f.terminal())
	}
	return out
}

func (g failures) terminal() string {
	var b strings.Builder
	f := g.Failure
	fmt.Fprintf(&b, "%s failed", g.names())
	if f.Line > 0 {
		fmt.Fprintf(&b, " at %s:%d", visible(f.File), f.Line)
	}
	first, rest := firstLine(f.Error)
	fmt.Fprintf(&b, ": %s\n", first)
	indent(&b, "  ", rest)
	indent(&b, "  > ", f.Excerpt)
	indent(&b, "  | ", f.Output)
	for _, l := range f.Lines(f.Error) {
		fmt.Fprintf(&b, "  %s: %s\n", l.Name, visible(l.Text))
	}
	return b.String()
}

// finding writes a finding's fields in their order: which platform, where, what should be there, what is there, why, and what to do.
func (p Platform) finding(f plan.Finding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s [%s]", title(f), f.Check)
	if f.Path != "" {
		fmt.Fprintf(&b, " %s", visible(f.Path))
	}
	b.WriteString("\n")
	for _, line := range lines(f) {
		first, rest := firstLine(line.Text)
		fmt.Fprintf(&b, "  %-9s %s\n", line.Name+":", first)
		indent(&b, "            ", rest)
	}
	if f.Fails() {
		indent(&b, "  | ", p.output()) // tests run only where nothing else is wrong, so the finding is about one
	}
	return b.String()
}

func indent(b *strings.Builder, prefix string, lines []string) {
	for _, line := range lines {
		fmt.Fprintf(b, "%s%s\n", prefix, strings.ReplaceAll(visible(line), "\n", "\n"+prefix))
	}
}

// title says how bad a finding is, whether it counts, and for which platform it is if it is about one.
func title(f plan.Finding) string {
	text := string(f.Severity)
	if f.Ignored {
		text += " (ignored)"
	}
	if f.Platform != "" {
		text += ": " + f.Platform
	}
	return text
}

// subject is what tells a finding from others of its check and platform.
func subject(f plan.Finding) string {
	if f.Path == "" && f.Layer.Number > 0 {
		return fmt.Sprintf("layer %d", f.Layer.Number)
	}
	return f.Path
}

// lines are a finding's texts that are not empty.
func lines(f plan.Finding) []Line {
	return notEmpty(
		Line{"layer", f.Layer.String()}, Line{"expected", f.Expected}, Line{"found", f.Found}, Line{"why", f.Why}, Line{"fix", f.Fix}, Line{"policy", f.Policy},
	)
}
