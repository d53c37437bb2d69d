// Package redact takes secrets out of text that others wrote, also in the forms that programs write them in: each line on its own,
// Base64 at any offset, hexadecimal, and as URLs and JSON escape it. Start at New. It does not find a secret that a program has
// changed in another way.
package redact

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

const (
	// Mark stands where a secret was.
	Mark = "***"
	// Shortest is the length in bytes from which on a line of a secret is looked for: shorter ones are in many words.
	Shortest = 6
)

// Redactor knows some secrets. It may be used from several goroutines.
type Redactor struct {
	forms    []string // the longest first
	replacer *strings.Replacer
	longest  int
	begins   [256]bool // with which bytes forms begin
}

// New returns a redactor for the secrets. Without any it changes nothing.
func New(secrets ...[]byte) *Redactor {
	r := &Redactor{}
	for _, secret := range secrets {
		r.forms = append(r.forms, Forms(secret)...)
	}
	// One may be a part of another.
	slices.SortFunc(r.forms, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	r.forms = slices.Compact(r.forms)
	pairs := make([]string, 0, 2*len(r.forms))
	for _, form := range r.forms {
		pairs = append(pairs, form, Mark)
		r.longest, r.begins[form[0]] = max(r.longest, len(form)), true
	}
	r.replacer = strings.NewReplacer(pairs...)
	return r
}

// Text returns text without the secrets.
func (r *Redactor) Text(text string) string {
	if r == nil || len(r.forms) == 0 {
		return text
	}
	return r.replacer.Replace(text)
}

// Stream takes secrets out of output that comes in pieces. One that is cut by the end of a piece is found too.
type Stream struct {
	redactor *Redactor
	held     []byte
}

// Stream returns one for output that has not begun.
func (r *Redactor) Stream() *Stream { return &Stream{redactor: r} }

// Next returns what can be shown once this piece has come. What may be the beginning of a secret is held back.
func (s *Stream) Next(piece []byte) []byte {
	if len(s.redactor.forms) == 0 {
		return piece
	}
	text := string(s.held) + string(piece)
	end := s.redactor.undecided(text)
	s.held = []byte(text[end:])
	return []byte(s.redactor.Text(text[:end]))
}

// Rest returns what was held back, when nothing more will come.
func (s *Stream) Rest() []byte {
	rest := s.redactor.Text(string(s.held))
	s.held = nil
	return []byte(rest)
}

// undecided is where the end of text begins that may be the beginning of a secret, or of a longer form of one that is there already.
func (r *Redactor) undecided(text string) int {
	end := len(text)
	for i := max(0, len(text)-r.longest+1); i < end; i++ {
		if r.begins[text[i]] && slices.ContainsFunc(r.forms, func(form string) bool { return strings.HasPrefix(form, text[i:]) }) {
			end = i
		}
	}
	for i := end - 1; i >= 0 && i > end-r.longest; i-- { // what is whole must not be cut
		if r.begins[text[i]] && slices.ContainsFunc(r.forms, func(form string) bool { return i+len(form) > end && strings.HasPrefix(text[i:], form) }) {
			end = i
		}
	}
	return end
}

// lines are the lines of a secret that are long enough to be looked for.
func lines(secret []byte) (out [][]byte) {
	for line := range bytes.Lines(secret) {
		if line = bytes.TrimSpace(line); len(line) >= Shortest {
			out = append(out, line)
		}
	}
	return out
}
