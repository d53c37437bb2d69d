package plan

import (
	"fmt"
	"slices"
	"strings"
)

// InputError is one thing wrong with what the user asked for. It is found before anything is started.
type InputError struct {
	Input string // the name of the input as the user knows it, for example "--platform"; may be empty
	Value string // what was written
	Rule  string // the rule that the value breaks
	Hint  string // what to write instead; may be empty
}

// Error gives the problem on one line: input, value, rule, and what to write instead.
func (e *InputError) Error() string {
	var b strings.Builder
	if e.Input != "" {
		b.WriteString(e.Input + " ")
	}
	if e.Value != "" {
		fmt.Fprintf(&b, "%q", e.Value)
	}
	text := strings.TrimSpace(b.String())
	if text != "" {
		text += ": "
	}
	text += e.Rule
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// InputErrors are all the problems of one request, in the order in which the inputs are documented.
type InputErrors []*InputError

// Error lists the problems, one on a line.
func (e InputErrors) Error() string {
	lines := make([]string, len(e))
	for i, problem := range e {
		lines[i] = problem.Error()
	}
	return strings.Join(lines, "\n")
}

// inOrder sorts the problems as the inputs are documented; those of anything else come last.
func (e InputErrors) inOrder() InputErrors {
	table := BuildInputs()
	position := func(problem *InputError) int {
		if i := slices.IndexFunc(table, func(input Input) bool { return input.Label() == problem.Input }); i >= 0 {
			return i
		}
		return len(table)
	}
	slices.SortStableFunc(e, func(a, b *InputError) int { return position(a) - position(b) })
	return e
}
