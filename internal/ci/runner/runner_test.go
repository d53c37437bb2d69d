package runner_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/ci/runner"
)

// What GitHub's runner is known to do with lines.
func TestCommands(t *testing.T) {
	t.Parallel()
	x := func(name string) []runner.Command {
		return []runner.Command{{Name: name, Properties: map[string]string{}, Data: "x"}}
	}
	tests := []struct {
		name, log string
		want      []runner.Command
	}{
		{"a command", "::error::x", x("error")},
		{"leading blanks", " \t\u00a0\u3000::error::x", x("error")},
		{"capital letters", "::ERROR::x", x("error")},
		{"a lone carriage return ends a line", "50%\r::error::x", x("error")},
		{"text before it", "y ::error::x", nil},
		{"an unknown name", "::fault::x", nil},
		{"no second mark", "::error:x", nil},
		{"the old form anywhere", "y ##[error]x", x("error")},
		{"the old form without an end", "y ##[error", nil},
		{"properties", "::error file=a%2Cb,LINE=3::100%25%0Ax", []runner.Command{{Name: "error", Properties: map[string]string{"file": "a,b", "line": "3"}, Data: "100%\nx"}}},
		{"the old form's properties", "##[set-output name=digest;]evil", []runner.Command{{Name: "set-output", Properties: map[string]string{"name": "digest"}, Data: "evil"}}},
		{"stopped", "::stop-commands::Token\n::error::x\n##[error]x\n::TOKEN::\n::warning::x", x("warning")},
		{"stopped for ever", "::stop-commands::token\n::other::\n::error::x", nil},
		{"a token that is a command", "::stop-commands::error\n::warning::x", append([]runner.Command{{Name: "stop-commands", Properties: map[string]string{}, Data: "error"}}, x("warning")...)},
		{"marks with what has no weight in them", ":\u200b:error::x", nil},
		{"nothing", "", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, runner.Commands(test.log)); diff != "" {
				t.Errorf("Commands(%q) (-want +got):\n%s", test.log, diff)
			}
		})
	}
}

func TestPairs(t *testing.T) {
	t.Parallel()
	got, err := runner.Pairs("a=1\n\nb<<E=F\nx\ny=2\nE=F\nc=<<E\n")
	want := []runner.Pair{{Name: "a", Value: "1"}, {Name: "b", Value: "x\ny=2"}, {Name: "c", Value: "<<E"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("Pairs() gives %v and (-want +got):\n%s", err, diff)
	}
	for _, text := range []string{"a<<E\nx\n", "a<<\nx\n\n", "<<E\nE\n", "a\n"} {
		if got, err := runner.Pairs(text); err == nil {
			t.Errorf("Pairs(%q) = %v, want it refused", text, got)
		}
	}
}

// Most of the lines do something as they are, or they would prove nothing.
func TestHostileLinesAct(t *testing.T) {
	t.Parallel()
	lines := runner.Hostile()
	acting := map[string]bool{}
	count := 0
	for _, line := range lines {
		found := runner.Commands(line.Text)
		for _, command := range found {
			acting[command.Name] = true
		}
		if len(found) > 0 {
			count++
		}
	}
	if len(acting) < len(runner.Names)-1 || 2*count < len(lines) { // what stop-commands does is not seen
		t.Errorf("%d of %d lines act, with %d commands", count, len(lines), len(acting))
	}
}
