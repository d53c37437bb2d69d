package ci

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"
)

// longestLine is how much of a line is kept until it ends. A line that is longer is written as several: a build that prints
// gigabytes without a line end must not fill our memory.
const longestLine = 64 << 10

// foreign passes text on line by line. Between the lines that it writes itself the runner obeys no command.
type foreign struct {
	w       io.Writer
	token   string
	pending []byte
	err     error
}

// Write keeps what does not yet end a line.
func (f *foreign) Write(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	f.pending = append(f.pending, p...)
	if end := bytes.LastIndexByte(f.pending, '\n'); end >= 0 {
		f.err = f.pass(f.pending[:end+1])
		f.pending = append(f.pending[:0], f.pending[end+1:]...)
	}
	if f.err == nil && len(f.pending) > longestLine {
		f.err = f.pass(append(f.pending, '\n'))
		f.pending = f.pending[:0]
	}
	return len(p), f.err
}

// Close writes what is left and lets the host obey commands again.
func (f *foreign) Close() error {
	if f.err == nil && len(f.pending) > 0 {
		f.err = f.pass(append(f.pending, '\n'))
	}
	if f.token != "" {
		if _, err := fmt.Fprintf(f.w, "::%s::\n", f.token); err != nil && f.err == nil {
			f.err = err
		}
	}
	return f.err
}

func (f *foreign) pass(text []byte) error {
	_, err := io.WriteString(f.w, Harmless(string(text)))
	return err
}

// Results returns a writer for results on standard output, which a runner reads as a log too. Each document, or part of one between
// whole words, is one Write. JSON says the same as before; in other text commands are broken.
func (h *Host) Results(stdout io.Writer) io.Writer {
	if h.action == nil {
		return stdout
	}
	return results{stdout}
}

type results struct{ w io.Writer }

// Write reports the length of what it was given.
func (r results) Write(p []byte) (int, error) {
	text := string(p)
	if json.Valid(p) {
		text = strings.ReplaceAll(text, "##[", `##\u005b`) // inside a string, or it would not be valid
	} else {
		text = Harmless(text)
	}
	if _, err := io.WriteString(r.w, text); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Harmless returns text in which no runner finds a command: a lone carriage return ends a line for some of them, "##[" (GitHub) and
// "##vso[" (Azure Pipelines) begin a command anywhere in a line and "::" at its beginning, and control characters could hide or repaint
// what stands before. Colour (SGR sequences) stays.
func Harmless(text string) string {
	text = strings.ReplaceAll(strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\r\n", "\n"), "\r", "\n")
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = stripControl(line)
		if strings.Contains(line, "##") {
			line = anywhere.ReplaceAllString(line, "##\u200b$1")
		}
		if begin := beginning(line); strings.HasPrefix(line[begin:], "::") {
			line = line[:begin] + ":\u200b:" + line[begin+2:]
		}
		b.WriteString(line)
	}
	return b.String()
}

var anywhere = regexp.MustCompile(`(?i)##((?:vso)?\[)`)

// beginning is where what can be seen of a line begins.
func beginning(line string) int {
	for i, c := range line {
		if !unicode.IsSpace(c) && !unicode.Is(unicode.Cf, c) {
			if c == 0x1b { // of the sequences only colour is left
				sequence := escapeSequence(line[i:])
				return i + len(sequence) + beginning(line[i+len(sequence):])
			}
			return i
		}
	}
	return len(line)
}

// stripControl removes control characters and all escape sequences but colour.
func stripControl(line string) string {
	var b strings.Builder
	for len(line) > 0 {
		if line[0] == 0x1b {
			sequence := escapeSequence(line)
			if strings.HasPrefix(sequence, "\x1b[") && strings.HasSuffix(sequence, "m") {
				b.WriteString(sequence)
			}
			line = line[len(sequence):]
			continue
		}
		end := strings.IndexByte(line, 0x1b)
		if end < 0 {
			end = len(line)
		}
		b.WriteString(strings.Map(printable, line[:end]))
		line = line[end:]
	}
	return b.String()
}

func printable(c rune) rune {
	if unicode.IsControl(c) && c != '\t' && c != '\n' {
		return -1
	}
	return c
}

// escapeSequence returns the sequence at the beginning of text: a control sequence up to its final byte (ECMA-48, 5.4), or an
// escape sequence (ECMA-35, 13.1). Bytes that do not belong into a sequence end it; a line end never belongs into one.
func escapeSequence(text string) string {
	i := 1
	low, lastMiddle := byte(0x30), byte(0x2f)
	if strings.HasPrefix(text, "\x1b[") {
		i, low, lastMiddle = 2, 0x40, 0x3f
	}
	for i < len(text) && text[i] >= 0x20 && text[i] <= lastMiddle {
		i++
	}
	if i < len(text) && text[i] >= low && text[i] <= 0x7e {
		i++
	}
	return text[:i]
}
