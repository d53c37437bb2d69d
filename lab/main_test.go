package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestWhatAPersonSeesOfAWrongCommand(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"an unknown command", []string{"upp"}, "lab: error: unknown command \"upp\" for \"lab\"\n\nDid you mean this?\n\tup\n\n"},
		{"an unknown tool", []string{"tool", "gcc"}, "lab: error: invalid argument \"gcc\" for \"lab tool\"\n"},
		{"no tool", []string{"tool"}, "lab: error: requires at least 1 arg(s), only received 0\n"},
		{"an argument too many", []string{"up", "now"}, "lab: error: unknown command \"now\" for \"lab up\"\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), tt.args, func(string) string { return "" }, &stdout, &stderr)
			if code != 1 || stdout.Len() != 0 || stderr.String() != tt.want {
				t.Errorf("got exit code %d, stdout %q, stderr %q; want 1, nothing, %q", code, &stdout, &stderr, tt.want)
			}
		})
	}
}

func TestEveryCommandExplainsItself(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"up", "down", "status", "env", "tool"} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), []string{name, "--help"}, func(string) string { return "" }, &stdout, &stderr)
		if code != 0 || !strings.Contains(stdout.String(), "Usage:\n  lab "+name) {
			t.Errorf("%s --help: got exit code %d and %q %q", name, code, &stdout, &stderr)
		}
	}
}

func TestAHintStaysWithTheInnermostError(t *testing.T) {
	t.Parallel()
	inner := withHint(errors.New("cause"), "do this")
	outer := withHint(fmt.Errorf("step: %w", inner), "do that")
	var hint *hintedError
	if !errors.As(outer, &hint) || hint.hint != "do this" || outer.Error() != "step: cause" {
		t.Errorf("got %q with hint %q", outer, hint.hint)
	}
}

func TestAChildThatFailsIsQuoted(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, script, want string }{
		{"by its stderr", "echo out; echo one >&2; echo two >&2; exit 3", "running \"SH -c SCRIPT\": exit status 3; it said:\n    one\n    two"},
		{"by its stdout where it has no stderr", "echo out; exit 4", "running \"SH -c SCRIPT\": exit status 4; it said:\n    out"},
		{"by its exit code where it says nothing", "exit 5", "running \"SH -c SCRIPT\": exit status 5"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := quiet(child(t.Context(), "sh", "-c", tt.script))
			if err == nil {
				t.Fatal("got no error")
			}
			if got := strings.NewReplacer(program("sh"), "SH", tt.script, "SCRIPT").Replace(err.Error()); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}
