package report

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Explanation is what a known error means. It stands beside the original text.
type Explanation struct {
	Cause    string `json:"cause,omitempty"`
	Evidence string `json:"evidence,omitempty"` // the line that shows it
	Hint     string `json:"hint,omitempty"`     // what to do about it
}

// failures are those of several platforms that differ in nothing.
type failures struct {
	*Failure
	platforms []string
}

func (g failures) names() string { return strings.Join(g.platforms, ", ") }

// failures groups the platforms that failed in the same way, in the order of the first: a mistake in the Dockerfile is one mistake.
func (r *Report) failures() []failures {
	var out []failures
	for _, p := range r.Platforms {
		if p.Failure == nil {
			continue
		}
		same := func(g failures) bool { return reflect.DeepEqual(*g.Failure, *p.Failure) }
		if i := slices.IndexFunc(out, same); i >= 0 {
			out[i].platforms = append(out[i].platforms, p.Platform.String())
		} else {
			out = append(out, failures{p.Failure, []string{p.Platform.String()}})
		}
	}
	return out
}

// Line is a text of the report with its name.
type Line struct{ Name, Text string }

// Lines are the texts of an explanation that are not empty, without an evidence that the error shows itself. nil has none.
func (e *Explanation) Lines(message string) []Line {
	if e == nil {
		return nil
	}
	evidence := e.Evidence
	if first, _ := firstLine(clipped(message)); strings.Contains(first, evidence) {
		evidence = ""
	}
	return notEmpty(Line{"cause", e.Cause}, Line{"evidence", evidence}, Line{"hint", e.Hint})
}

func notEmpty(all ...Line) []Line {
	return slices.DeleteFunc(all, func(l Line) bool { return l.Text == "" })
}

func (e *Explanation) markdown(message string) string {
	var b strings.Builder
	for _, l := range e.Lines(message) {
		text := sentence(l.Text)
		if l.Name == "evidence" {
			text = code(l.Text)
		}
		fmt.Fprintf(&b, "**%s:** %s\n\n", capital(l.Name), text)
	}
	return b.String()
}
