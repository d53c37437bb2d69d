package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/org/multiarch-action/internal/verify"
)

// nbsp keeps a number together with its unit.
const nbsp = "\u00a0"

// column is one of a table.
type column struct {
	title, align string
	cell         func(Platform) string
}

// longestTest is how many characters of a smoke test's output keep the table on a page. The whole is below it.
const longestTest = 24

// markdownTable has a row for each platform. A column that says nothing of any platform is not there.
func (r *Report) markdownTable() string {
	columns := []column{
		{"Platform", ":--", func(p Platform) string { return p.statusSign() + nbsp + unbroken(p.Platform.String()) }},
		{"Digest", ":--", Platform.digestCell},
		{"Size", "--:", func(p Platform) string { return unbroken(size(p.Size)) }},
		{"Change", "--:", r.changeCell},
		{"Layers", "--:", func(p Platform) string { return strings.TrimPrefix(fmt.Sprint(p.Layers), "0") }},
		{"Built", ":--", r.builtCell},
		{"Time", "--:", func(p Platform) string { return unbroken(duration(p.Seconds)) }},
		{"Checks", "--:", r.checksCell},
		{"Smoke test", ":--", func(p Platform) string { return unbroken(cell(shortened(p.tests(), longestTest))) }},
	}
	rows := make([][]string, len(r.Platforms))
	columns = slices.DeleteFunc(columns, func(c column) bool {
		empty := true
		cells := make([]string, len(r.Platforms))
		for i, p := range r.Platforms {
			cells[i] = c.cell(p)
			empty = empty && cells[i] == ""
		}
		for i := range cells {
			if !empty {
				rows[i] = append(rows[i], cells[i])
			}
		}
		return empty
	})
	var b strings.Builder
	titles, aligns := "|", "|"
	for _, c := range columns {
		titles, aligns = titles+" "+c.title+" |", aligns+c.align+"|"
	}
	b.WriteString(titles + "\n" + aligns + "\n")
	for _, row := range rows {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
	}
	return b.String() + "\n"
}

// statusSign is what became of the platform.
func (p Platform) statusSign() string {
	switch {
	case p.Allowed:
		return "⚠️"
	case p.Status == StatusPushed || p.Status == StatusBuilt:
		return "✅"
	case p.Status == StatusUnknown:
		return "⏹️"
	}
	return "❌"
}

// digestCell is the digest, or why there is none.
func (p Platform) digestCell() string {
	switch {
	case p.Digest != "":
		return cell(shortDigest(p.Digest))
	case p.Status == StatusUnknown:
		return "*not" + nbsp + "built*"
	case p.Allowed:
		return "**left" + nbsp + "out**"
	case p.Status == StatusFailed || p.Status == StatusRejected:
		return "**" + string(p.Status) + "**"
	}
	return "*" + string(p.Status) + "*"
}

// changeCell compares the size with that of the image that had the tag before.
func (r *Report) changeCell(p Platform) string {
	switch {
	case r.Compared == nil || p.Size == 0:
		return ""
	case p.SizeBefore == 0:
		return "new"
	}
	percent := 100 * (float64(p.Size)/float64(p.SizeBefore) - 1)
	text := fmt.Sprintf("%+.1f"+nbsp+"%%", percent)
	if text[1:] == fmt.Sprintf("%.1f"+nbsp+"%%", 0.0) {
		return "±0"
	}
	return strings.Replace(text, "-", "−", 1) // which is as wide as the plus
}

// builtCell says where and how the platform was built.
func (r *Report) builtCell(p Platform) string {
	text := p.Execution
	switch {
	case p.cached():
		text += ", cached"
	case p.CachedSteps > 0:
		text += fmt.Sprintf(", %d/%d"+nbsp+"cached", p.CachedSteps, p.Steps)
	}
	if p.Crash != nil {
		text += ", second" + nbsp + "try"
	}
	text = markdownText(text)
	if r.manyNodes() && p.Node != "" {
		text += " on " + cell(inCell(p.Node))
	}
	return text
}

// cached reports whether nothing was executed, because the cache had all of it.
func (p Platform) cached() bool { return p.Steps > 0 && p.CachedSteps == p.Steps }

// checksCell counts the checks that passed and those that did not.
func (r *Report) checksCell(p Platform) string {
	made := verify.Made(r.Verify, p.Platform)
	switch {
	case p.Status == StatusUnknown || p.Failure != nil:
		return ""
	case len(made) == 0 && p.SmokeTest == nil && p.StartTest == nil:
		return "off"
	}
	for id, test := range map[string]*SmokeTest{"run/test": p.SmokeTest, "run/entrypoint": p.StartTest} {
		if test != nil {
			made = append(made, id)
		}
	}
	var failed, warned, ignored, notes []string
	for _, f := range p.Findings {
		list := &notes
		switch {
		case f.Ignored:
			list = &ignored
		case f.Fails():
			list = &failed
		case f.Severity == "warning":
			list = &warned
		}
		if !slices.Contains(*list, f.Check) {
			*list = append(*list, f.Check)
		}
	}
	passed := slices.DeleteFunc(made, func(id string) bool {
		return slices.Contains(failed, id) || slices.Contains(warned, id) || slices.Contains(ignored, id)
	})
	var words []string
	for _, c := range []struct {
		n    int
		text string
	}{{len(failed), "**%d" + nbsp + "✗**"}, {len(warned), "%d" + nbsp + "⚠"}, {len(ignored), "%d" + nbsp + "ignored"}, {len(passed), "%d" + nbsp + "✓"}} {
		if c.n > 0 {
			words = append(words, fmt.Sprintf(c.text, c.n))
		}
	}
	return strings.Join(words, ", ")
}

// markdownLegend explains the table, in a line.
func (r *Report) markdownLegend() string {
	var parts []string
	if c := r.Compared; c != nil {
		text := fmt.Sprintf("Change: compressed size against %s as it was before (%s)", code(c.Tag), code(shortDigest(c.Digest)))
		if len(c.Gone) > 0 {
			text += ", which had " + markdownText(strings.Join(c.Gone, ", ")) + ", too"
		}
		parts = append(parts, text+".")
	}
	var emulators []string
	for _, p := range r.Platforms {
		if p.Emulator != "" && !slices.Contains(emulators, p.Emulator) {
			emulators = append(emulators, p.Emulator)
		}
	}
	if len(emulators) > 0 {
		parts = append(parts, "Emulated by "+markdownText(strings.Join(emulators, ", "))+".")
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, " ") + "\n\n"
}

// manyTags is how many tags are shown unfolded.
const manyTags = 8

// markdownTags has a row for each tag: what it was, and what it is.
func markdownTags(tags []Tag) string {
	if len(tags) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("| Tag | Before | Now |\n|:--|:--|:--|\n")
	for _, t := range tags {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", cell(t.Name), t.before(), t.now())
	}
	b.WriteString("\n")
	if len(tags) > manyTags {
		return fold(false, "🏷️ "+plural(len(tags), "tag"), b.String())
	}
	return b.String()
}

func (t Tag) before() string {
	switch {
	case t.From != "":
		return cell(shortDigest(t.From))
	case t.To == "": // it may not have been its turn to be read
		return ""
	}
	return "*new*"
}

func (t Tag) now() string {
	switch {
	case t.To == "":
		return "**not moved**"
	case !t.Moved:
		return cell(shortDigest(t.To)) + " (the same)"
	}
	return cell(shortDigest(t.To))
}

// duration is a time as people read it.
func duration(seconds float64) string {
	if seconds < 100 {
		return fmt.Sprintf("%.1f s", seconds)
	}
	return fmt.Sprintf("%d min %02d s", int(seconds)/60, int(seconds)%60)
}
