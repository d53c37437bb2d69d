package plan

import (
	"fmt"
	"strings"
)

// Severity says what a finding means for the run.
type Severity string

// An error keeps every tag where it is; a warning is shown; a note is for those who look.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
	SeverityNote    Severity = "note"
)

// Layer is the layer of an image that a file came from, as far as it is known.
type Layer struct {
	Number int    `json:"number,omitempty"` // from 1, the lowest; 0: not known
	Of     int    `json:"of,omitempty"`     // how many there are
	Digest string `json:"digest,omitempty"` // as it is stored
	Made   string `json:"made,omitempty"`   // the instruction that made it
	Base   bool   `json:"base,omitempty"`   // it is one of the base image, which Made names
}

// String is the layer for people: "2 of 3, sha256:…, by COPY app /"; empty if nothing is known.
func (l Layer) String() string {
	var parts []string
	if l.Number > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d", l.Number, l.Of))
	}
	if l.Digest != "" {
		parts = append(parts, l.Digest)
	}
	switch {
	case l.Base:
		parts = append(parts, "of the base image ("+l.Made+")")
	case l.Made != "":
		parts = append(parts, "by "+l.Made)
	}
	return strings.Join(parts, ", ")
}

// Finding is one thing that verification found wrong. Its fields are read in their order: which platform, where, in which layer,
// what should be there, what is there, why that matters, and what to change.
type Finding struct {
	Check    string   `json:"check"`
	Severity Severity `json:"severity"`
	Platform string   `json:"platform,omitempty"`
	Path     string   `json:"path,omitempty"`
	Layer    Layer    `json:"layer,omitzero"`
	Expected string   `json:"expected,omitempty"`
	Found    string   `json:"found,omitempty"`
	Why      string   `json:"why"`
	Fix      string   `json:"fix,omitempty"`
	// Ignored is set where the user's policy says that it does not count. It is shown all the same.
	Ignored bool `json:"ignored,omitempty"`
	// Policy is what the policy file says of it: the reason, and where it is written.
	Policy string `json:"policy,omitempty"`
}

// Fails reports whether the finding keeps every tag where it is.
func (f Finding) Fails() bool { return f.Severity == SeverityError && !f.Ignored }

// Failed reports whether any finding is an error that counts.
func Failed(findings []Finding) bool {
	for _, f := range findings {
		if f.Fails() {
			return true
		}
	}
	return false
}
