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
}

// Failed reports whether any finding is an error.
func Failed(findings []Finding) bool {
	for _, f := range findings {
		if f.Severity == SeverityError {
			return true
		}
	}
	return false
}
