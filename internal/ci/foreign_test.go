package ci_test

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/org/multiarch-action/internal/ci"
)

// hostile are lines that act on some runner, or that hide what acts.
func hostile() map[string]string {
	return map[string]string{
		"a command":                                                  "::error::x",
		"a command with properties":                                  "::set-output name=digest::evil",
		"a command in capital letters":                               "::ERROR::x",
		"a command after blanks":                                     " \t ::error::x",
		"a command after a no-break space":                           "\u00a0::error::x",
		"a command after a next-line character":                      "\u0085::error::x",
		"a command after an ideographic space":                       "\u3000::error::x",
		"a command after a zero-width space":                         "\u200b::error::x",
		"a command after a vertical tab":                             "\v\f::error::x",
		"a command after a null":                                     "\x00::error::x",
		"a command after a byte that is no text":                     "\xff::error::x",
		"a command split by a zero-width space":                      ":\u200b:error::x",
		"a third colon":                                              ":::error::x",
		"a command behind a progress bar":                            "50%\r::error::x",
		"a command behind a Windows line end":                        "ok\r\n::error::x",
		"a command behind two carriage returns":                      "ok\r\r::error::x",
		"a command behind cursor movement":                           "\x1b[2K\x1b[1G::error::x",
		"a command behind a lone escape":                             "\x1b::error::x",
		"the old form":                                               "##[error]x",
		"the old form inside a line":                                 "foo ##[set-output name=digest;]evil",
		"the old form twice":                                         "##[##[error]x",
		"the old form after a third sign":                            "###[error]x",
		"the old form split by a control sequence":                   "##\x1b[2K[error]x",
		"the old form split by a null":                               "##\x00[error]x",
		"the old form split by C1 control":                           "##\u009b[error]x",
		"the old form split by an escape sequence":                   "#\x1b(B#[error]x",
		"the old form over an escaped line end":                      "##\x1b\n[error]x",
		"the old form over a control sequence that meets a line end": "##\x1b[\n[error]x",
		"the old form behind a zero-width space":                     "##\u200b[error]x ##[error]x",
		"resume":                                                     "::token::",
		"stop commands":                                              "::stop-commands::x\n::x::\n::error::x",
		"no line end":                                                "::error::x\n::error::y",
	}
}

func TestHarmless(t *testing.T) {
	t.Parallel()
	acting := 0
	for name, text := range hostile() {
		acting += len(logCommands(text))
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := logCommands(ci.Harmless(text)); got != nil {
				t.Errorf("Harmless(%q) = %q, in which the runner finds %q", text, ci.Harmless(text), got)
			}
		})
	}
	if acting < 10 {
		t.Errorf("the runner's grammar finds %d commands in the hostile lines as they are, want many", acting)
	}
}

func TestHarmlessKeepsWhatPeopleRead(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"text", "gcc -o x x.c\n", "gcc -o x x.c\n"},
		{"indentation and tabs", "\t  a\tb\n", "\t  a\tb\n"},
		{"colour", "\x1b[1;31mred\x1b[0m\n", "\x1b[1;31mred\x1b[0m\n"},
		{"other languages", "größer → 大\n", "größer → 大\n"},
		{"colons inside a line", "std::string a::b\n", "std::string a::b\n"},
		{"a carriage return ends a line", "10%\r20%\r\n", "10%\n20%\n"},
		{"cursor movement goes", "a\x1b[2Jb\x1b[10;10Hc\x1b(Bd\n", "abcd\n"},
		{"bytes that are no text are shown as such", "a\xff\xfeb\n", "a\ufffdb\n"},
		{"no line end stays none", "a", "a"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := ci.Harmless(test.text); got != test.want {
				t.Errorf("Harmless(%q) = %q, want %q", test.text, got, test.want)
			}
		})
	}
}

func TestForeignStopsCommands(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	w := github(&log, nil).Foreign()
	if _, err := io.WriteString(w, "::error::a\nb"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(`^::stop-commands::([A-Z2-7]{26})\n:\x{200b}:error::a\nb\n::([A-Z2-7]{26})::\n$`).FindStringSubmatch(log.String())
	if match == nil || match[1] != match[2] {
		t.Errorf("the log is %q, want the text between stop-commands and the same random token", log.String())
	}
	var second bytes.Buffer
	_ = github(&second, nil).Foreign().Close() // a buffer takes everything
	if strings.Contains(second.String(), match[1]) {
		t.Error("two stretches of foreign text have one token, want a fresh one for each")
	}
}

func TestForeignOnATerminalWritesTextOnly(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	w := ci.Detect(func(string) string { return "" }, &log).Foreign()
	_, _ = io.WriteString(w, "a\n\x1b[2J") // a buffer takes everything
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := log.String(), "a\n\n"; got != want {
		t.Errorf("the log is %q, want %q", got, want)
	}
}

func TestForeignBoundsALineThatNeverEnds(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	w := ci.Detect(func(string) string { return "" }, &log).Foreign()
	for range 100 {
		if _, err := io.WriteString(w, strings.Repeat("x", 1000)); err != nil {
			t.Fatal(err)
		}
	}
	if log.Len() < 64<<10 {
		t.Errorf("of a line of 100000 bytes %d are written, want all but the last 64 KiB at most", log.Len())
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(log.String(), "x"); got != 100_000 {
		t.Errorf("%d bytes arrived, want 100000", got)
	}
}

func TestForeignReturnsTheWritersError(t *testing.T) {
	t.Parallel()
	broken := errors.New("the pipe is broken")
	for name, host := range map[string]*ci.Host{
		"terminal": ci.Detect(func(string) string { return "" }, failing{broken}), "github": github(failing{broken}, nil),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := host.Foreign()
			if _, err := io.WriteString(w, "a\n"); !errors.Is(err, broken) {
				t.Errorf("Write() gives %v, want %v", err, broken)
			}
			if err := w.Close(); !errors.Is(err, broken) {
				t.Errorf("Close() gives %v, want %v", err, broken)
			}
		})
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// No text acts on the runner, in whatever pieces it arrives, and no line is lost.
func FuzzForeign(f *testing.F) {
	for _, text := range hostile() {
		f.Add(text, uint8(1))
		f.Add(text, uint8(7))
	}
	f.Fuzz(func(t *testing.T, text string, size uint8) {
		harmless := ci.Harmless(text)
		if got := logCommands(harmless); got != nil {
			t.Errorf("Harmless(%q) = %q, in which the runner finds %q", text, harmless, got)
		}
		if again := ci.Harmless(harmless); again != harmless {
			t.Errorf("Harmless(%q) = %q, and again %q, want the same", text, harmless, again)
		}
		var log bytes.Buffer
		w := ci.Detect(func(string) string { return "" }, &log).Foreign()
		for rest := text; rest != ""; {
			n := min(len(rest), int(size)+1)
			if _, err := io.WriteString(w, rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got := logCommands(log.String()); got != nil {
			t.Errorf("%q in pieces of %d is written as %q, in which the runner finds %q", text, int(size)+1, log.String(), got)
		}
		if got, want := strings.TrimRight(log.String(), "\n"), strings.TrimRight(harmless, "\n"); got != want {
			t.Errorf("%q in pieces of %d is written as %q, want %q", text, int(size)+1, got, want)
		}
	})
}
