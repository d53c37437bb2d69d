package plan

// Severity says what a finding means for the run.
type Severity string

// An error keeps every tag where it is; a warning is shown; a note is for those who look.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
	SeverityNote    Severity = "note"
)

// Finding is one thing that verification found wrong. Its fields are read in their order: which platform, where, what
// should be there, what is there, why that matters, and what to change.
type Finding struct {
	Check    string   `json:"check"`
	Severity Severity `json:"severity"`
	Platform string   `json:"platform,omitempty"`
	Path     string   `json:"path,omitempty"`
	Expected string   `json:"expected,omitempty"`
	Found    string   `json:"found,omitempty"`
	Why      string   `json:"why"`
	Fix      string   `json:"fix,omitempty"`
	// Ignored is set where the user's policy says that it does not count. It is shown all the same.
	Ignored bool `json:"ignored,omitempty"`
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
