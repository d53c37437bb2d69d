package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/org/multiarch-action/internal/plan"
)

// Annotation is a problem for a CI host to show, at its place in a file where it has one.
type Annotation struct {
	Severity plan.Severity // an error or a warning
	File     string        // as BuildKit names it; empty: none
	Line     int
	Text     string
	Lint     bool // a check of the Dockerfile says so
}

// Annotations are the problems of the run, the worst first. What is the same on several platforms is one.
func (r *Report) Annotations() []Annotation {
	var out []Annotation
	for _, f := range r.failures() {
		severity := plan.SeverityError
		if r.allowed(f.platforms) {
			severity = plan.SeverityWarning
		}
		out = append(out, Annotation{Severity: severity, File: f.File, Line: f.Line, Text: f.names() + ": " + f.Failure.Error})
	}
	out = append(out, annotationsOf(r.all(), r.allowed)...)
	for _, name := range r.Missing {
		out = append(out, Annotation{Severity: plan.SeverityWarning, Text: name + " failed and is missing in the result, as --allow-failure allows"})
	}
	for _, w := range r.Warnings {
		text := w.Text
		if w.URL != "" {
			text += " (" + w.URL + ")"
		}
		out = append(out, Annotation{plan.SeverityWarning, w.File, w.Line, text, true})
	}
	return worstFirst(out)
}

// Annotations are the errors of a published image's verification.
func (r *Released) Annotations() []Annotation { return worstFirst(annotationsOf(r.All(), nobody)) }

// Annotations are the errors and warnings of images that were verified.
func (v *Verification) Annotations() []Annotation {
	var out []Annotation
	for _, image := range v.Images {
		for _, a := range annotationsOf(image.All(), nobody) {
			a.Text = image.Reference + ": " + a.Text
			out = append(out, a)
		}
	}
	return worstFirst(out)
}

func nobody([]string) bool { return false }

// allowed reports whether all of these platforms may fail, and did.
func (r *Report) allowed(platforms []string) bool {
	return len(platforms) > 0 && !slices.ContainsFunc(platforms, func(name string) bool { return !slices.Contains(r.Missing, name) })
}

// annotationsOf are the errors and warnings among findings.
func annotationsOf(all []plan.Finding, allowed func([]string) bool) []Annotation {
	var out []Annotation
	for _, g := range grouped(all) {
		f := g.all[0]
		if f.Ignored || f.Severity == plan.SeverityNote {
			continue
		}
		a := Annotation{Severity: f.Severity, Text: f.Why}
		if allowed(g.platforms()) {
			a.Severity = plan.SeverityWarning
		}
		if file, number, _ := strings.Cut(f.Path, ":"); number != "" { // what was found before the build is in the Dockerfile
			if line, err := strconv.Atoi(number); err == nil {
				a.File, a.Line = file, line
			}
		}
		if f.Found != "" {
			a.Text += "; found " + f.Found
		}
		if f.Fix != "" {
			a.Text += "; " + f.Fix
		}
		for _, before := range []string{f.Path, strings.Join(g.platforms(), ", ")} {
			if before != "" {
				a.Text = before + ": " + a.Text
			}
		}
		a.Text += fmt.Sprintf(" [%s]", f.Check)
		out = append(out, a)
	}
	return out
}

func worstFirst(all []Annotation) []Annotation {
	slices.SortStableFunc(all, func(a, b Annotation) int { return rank(a.Severity) - rank(b.Severity) })
	return all
}

func rank(s plan.Severity) int {
	return slices.Index([]plan.Severity{plan.SeverityError, plan.SeverityWarning, plan.SeverityNote}, s)
}
