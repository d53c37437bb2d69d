package ci_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/org/multiarch-action/internal/ci"
	"github.com/org/multiarch-action/internal/ci/runner"
)

func TestHarmless(t *testing.T) {
	t.Parallel()
	for _, line := range runner.Hostile() {
		got := ci.Harmless(line.Text)
		if found := runner.Commands(got); found != nil {
			t.Errorf("%s: Harmless(%q) = %q, in which the runner finds %q", line.Name, line.Text, got, found)
		}
		// A runner that passes over more than ours does would find these.
		for _, l := range runner.Lines(got) {
			plain := strings.TrimPrefix(strings.TrimPrefix(l, "\x1b[m"), "\x1b[31m")
			if strings.HasPrefix(strings.TrimFunc(plain, unicode.IsSpace), "::") || strings.Contains(plain, "##[") || strings.Contains(strings.ToLower(plain), "##vso[") || strings.ContainsFunc(strings.ReplaceAll(plain, "\x1b[", ""), acts) {
				t.Errorf("%s: Harmless(%q) = %q, which may act somewhere", line.Name, line.Text, got)
			}
		}
	}
}

// acts is a character that moves or hides something on a terminal. GitLab's marks of sections need carriage returns.
func acts(c rune) bool { return unicode.IsControl(c) && c != '\t' }

// Whole, and cut anywhere, each hostile line comes through both writers without a command. On GitHub that is so even if stop-commands
// did nothing.
func TestForeignCutAnywhere(t *testing.T) {
	t.Parallel()
	hosts := map[string]func(io.Writer) *ci.Host{
		"terminal": func(log io.Writer) *ci.Host { return ci.Detect(func(string) string { return "" }, log) },
		"github":   func(log io.Writer) *ci.Host { return github(log, nil) },
	}
	for name, host := range hosts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, line := range runner.Hostile() {
				text := line.Text + "\n" + line.Text
				for cut := range len(text) {
					log := written(t, host, text[:cut], text[cut:])
					if found := append(runner.Commands(log), runner.Commands(strings.Replace(log, "::stop-commands::", "", 1))...); found != nil {
						t.Fatalf("%s: cut at %d it is written as %q, in which the runner finds %q", line.Name, cut, log, found)
					}
				}
			}
		})
	}
}

// written is the log after foreign text was written in pieces.
func written(t *testing.T, host func(io.Writer) *ci.Host, pieces ...string) string {
	t.Helper()
	var log bytes.Buffer
	w := host(&log).Foreign()
	for _, piece := range pieces {
		if _, err := io.WriteString(w, piece); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return log.String()
}

// A line that is too long is written as several, each of which might begin with a command.
func TestForeignCutsLongLinesHarmlessly(t *testing.T) {
	t.Parallel()
	for _, line := range runner.Hostile()[:60] {
		for _, length := range []int{64<<10 - 3, 64<<10 - 2, 64<<10 - 1, 64 << 10, 64<<10 + 1} {
			log := written(t, func(log io.Writer) *ci.Host { return ci.Detect(func(string) string { return "" }, log) },
				strings.Repeat("x", length), line.Text, line.Text+strings.Repeat(" ", 64<<10), line.Text)
			if found := runner.Commands(log); found != nil {
				t.Errorf("%s: behind %d characters the runner finds %q", line.Name, length, found)
			}
		}
	}
}

// What programs read from standard output is the same document, and no command.
func TestResultsAreNoCommands(t *testing.T) {
	t.Parallel()
	for _, line := range runner.Hostile() {
		var log bytes.Buffer
		encoder := json.NewEncoder(github(nil, nil).Results(&log))
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(map[string]string{line.Text: line.Text}); err != nil {
			t.Fatal(err)
		}
		if found := runner.Commands(log.String()); found != nil {
			t.Errorf("%s: in %q the runner finds %q", line.Name, log.String(), found)
		}
		var got, want map[string]string
		plain, err := json.Marshal(map[string]string{line.Text: line.Text})
		if err = errors.Join(err, json.Unmarshal(plain, &want), json.Unmarshal(log.Bytes(), &got)); err != nil || !maps.Equal(got, want) {
			t.Errorf("%s: %q reads as %q (%v)", line.Name, log.String(), got, err)
		}
		log.Reset()
		if n, err := io.WriteString(github(nil, nil).Results(&log), line.Text+"\n"); n != len(line.Text)+1 || err != nil || runner.Commands(log.String()) != nil {
			t.Errorf("%s: %q is written (%d, %v), in which the runner finds %q", line.Name, log.String(), n, err, runner.Commands(log.String()))
		}
	}
	var log bytes.Buffer
	_, _ = io.WriteString(ci.Detect(func(string) string { return "" }, nil).Results(&log), "##[x") // a buffer takes everything
	if log.String() != "##[x" {
		t.Errorf("on a terminal %q is written, want what was given", log.String())
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
	for _, line := range runner.Hostile()[:80] { // what follows differs little
		f.Add(line.Text, uint8(1))
		f.Add(line.Text, uint8(7))
	}
	f.Fuzz(func(t *testing.T, text string, size uint8) {
		harmless := ci.Harmless(text)
		if got := runner.Commands(harmless); got != nil {
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
		if got := runner.Commands(log.String()); got != nil {
			t.Errorf("%q in pieces of %d is written as %q, in which the runner finds %q", text, int(size)+1, log.String(), got)
		}
		if got, want := strings.TrimRight(log.String(), "\n"), strings.TrimRight(harmless, "\n"); got != want {
			t.Errorf("%q in pieces of %d is written as %q, want %q", text, int(size)+1, got, want)
		}
	})
}
