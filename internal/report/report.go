// Package report is the result of a run as a value, and its renderings: JSON for programs (JSON), Markdown for a CI host's summary page
// (Markdown) and a table for a terminal (Terminal). It decides nothing and reads nothing.
package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/org/multiarch-action/internal/plan"
)

// SchemaVersion is raised when a field of the JSON report changes its meaning or goes away. New fields do not raise it.
const SchemaVersion = 1

// Outcome says how a run ended.
type Outcome string

// The outcomes of a run.
const (
	Published Outcome = "published" // the index is in the registry and the tags have moved
	Built     Outcome = "built"     // nothing was to be pushed
	Staged    Outcome = "staged"    // handed over to the run that publishes; no tag has moved
	Failed    Outcome = "failed"    // a platform, the engine or a registry failed; no tag has moved unless tags says so
	Rejected  Outcome = "rejected"  // verification found errors; no tag has moved
	Cancelled Outcome = "cancelled"
)

// Report is everything that a run has to say. Times are in seconds, sizes in bytes.
type Report struct {
	SchemaVersion int            `json:"schemaVersion"`
	Program       string         `json:"program"` // version of multiarch-action
	Run           string         `json:"run"`
	Outcome       Outcome        `json:"outcome"`
	Verify        plan.Level     `json:"verify"` // how much of each platform was checked
	Error         string         `json:"error,omitempty"`
	*Explanation                 // of the error, where it is a known one
	Reference     string         `json:"reference,omitempty"` // first tag that was asked for
	Image         string         `json:"image,omitempty"`     // first tag and digest: what to pull
	Digest        string         `json:"digest,omitempty"`    // of the index, or of the manifest if there is one platform
	MediaType     string         `json:"mediaType,omitempty"` // of what has the digest
	Size          int64          `json:"size,omitempty"`      // of its document alone
	ImageID       string         `json:"imageID,omitempty"`
	Loaded        bool           `json:"loaded,omitempty"` // the local Docker engine has it
	Pushed        []string       `json:"pushed,omitempty"` // repositories that hold the digest
	Tags          []Tag          `json:"tags,omitempty"`
	Compared      *Compared      `json:"compared,omitempty"` // the image that sizes are compared with; nil: there was none
	Outputs       []Output       `json:"outputs,omitempty"`  // that were written
	Platforms     []Platform     `json:"platforms"`
	Missing       []string       `json:"missing,omitempty"`   // platforms that failed, as they were allowed to: the result is without them
	Preflight     []plan.Finding `json:"preflight,omitempty"` // what was found before anything was built
	Warnings      []Warning      `json:"warnings,omitempty"`  // of BuildKit, about the Dockerfile for example
	Findings      []plan.Finding `json:"findings,omitempty"`  // about the index as a whole
	Builder       string         `json:"builder,omitempty"`   // version of BuildKit
	Nodes         []Node         `json:"nodes,omitempty"`     // that were built on, or were to be
	Hints         []Hint         `json:"hints,omitempty"`     // where time or work could be saved
	Notes         []string       `json:"notes,omitempty"`
	Stages        []Stage        `json:"stages,omitempty"`
	Seconds       float64        `json:"seconds"`
}

// Tag is what became of one tag.
type Tag struct {
	Name  string `json:"name"`
	From  string `json:"from,omitempty"` // the digest that it had; empty: it is new
	To    string `json:"to,omitempty"`   // the digest that it has; empty: it was not moved
	Moved bool   `json:"moved"`
}

// Compared is the image that a tag held before, whose sizes the platforms know.
type Compared struct {
	Tag    string   `json:"tag"`
	Digest string   `json:"digest"`
	Gone   []string `json:"gone,omitempty"` // platforms that it had and the new image has not
}

// Platform is what became of one platform.
type Platform struct {
	Platform plan.Platform `json:"platform"`
	Status   Status        `json:"status"`
	Node     string        `json:"node,omitempty"` // where it was built
	Digest   string        `json:"digest,omitempty"`
	Size     int64         `json:"size,omitempty"` // compressed layers
	// SizeBefore is the size of the platform in the image that Report.Compared names; 0: it is new.
	SizeBefore int64 `json:"sizeBefore,omitempty"`
	Layers     int   `json:"layers,omitempty"`
	// Attestations are manifests about this platform's image: the entries of the index that others show as unknown/unknown.
	Attestations []Attestation  `json:"attestations,omitempty"`
	Execution    string         `json:"execution"`      // native, emulated, cross: nothing foreign was executed, or none: nothing on the node runs its programs
	Need         string         `json:"need,omitempty"` // why an emulator was needed, or why not; empty: nobody looked
	Emulator     string         `json:"emulator,omitempty"`
	Steps        int            `json:"steps,omitempty"`       // instructions of the Dockerfile that were done for it alone
	CachedSteps  int            `json:"cachedSteps,omitempty"` // of them: that the cache had
	Way          string         `json:"way,omitempty"`         // native, present, registered, builtin or missing: see docs/emulation.md
	RunsHere     bool           `json:"runsHere"`              // its programs still run on this machine when the run has ended
	Crash        *Crash         `json:"crash,omitempty"`
	Retries      int            `json:"retries,omitempty"` // because a registry, or the way to it, had failed
	Allowed      bool           `json:"allowed,omitempty"` // to fail: the result is without it
	Seconds      float64        `json:"seconds"`           // until it was built and checked
	Findings     []plan.Finding `json:"findings,omitempty"`
	SmokeTest    *SmokeTest     `json:"smokeTest,omitempty"`
	StartTest    *SmokeTest     `json:"startTest,omitempty"` // the image, started as it is
	Failure      *Failure       `json:"failure,omitempty"`
}

// Status says what became of one platform.
type Status string

// The statuses of a platform.
const (
	StatusPushed   Status = "pushed"   // in the registry, by digest
	StatusBuilt    Status = "built"    // built and verified, not pushed
	StatusFailed   Status = "failed"   // not built
	StatusRejected Status = "rejected" // built, but verification found an error
	StatusUnknown  Status = "unknown"  // the run ended before
)

// SmokeTest is what a test did that was executed in the image.
type SmokeTest struct {
	Command  []string `json:"command"`
	ExitCode int      `json:"exitCode"`
	Passed   string   `json:"passed,omitempty"` // "passed", or how an image that was started as it is has passed; empty: it has not
	Output   []string `json:"output,omitempty"` // the last lines
	Seconds  float64  `json:"seconds"`
}

// Failure is why a platform was not built.
type Failure struct {
	Step     string   `json:"step,omitempty"`
	File     string   `json:"file,omitempty"`
	Line     int      `json:"line,omitempty"`
	Excerpt  []string `json:"excerpt,omitempty"`
	ExitCode int      `json:"exitCode,omitempty"`
	Output   []string `json:"output,omitempty"` // the last lines
	Error    string   `json:"error"`
	Explanation
}

// Hint is where time or work could be saved. One of the figures is set.
type Hint struct {
	ID      string  `json:"id"` // emulated-step, missed-cache or copy-link
	Text    string  `json:"text"`
	Seconds float64 `json:"seconds,omitempty"`
	Bytes   int64   `json:"bytes,omitempty"`
}

// Warning is what BuildKit warned of.
type Warning struct {
	File   string   `json:"file,omitempty"`
	Line   int      `json:"line,omitempty"`
	Text   string   `json:"text"`
	Detail []string `json:"detail,omitempty"`
	URL    string   `json:"url,omitempty"`
}

// place names file and line, with a colon behind them, or is empty.
func (w Warning) place() string {
	if w.Line == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d: ", w.File, w.Line)
}

// Crash is of an emulator, after which the platform was tried once more.
type Crash struct {
	Emulator string `json:"emulator"` // that crashed: version and path
	Signal   int    `json:"signal"`
	ExitCode int    `json:"exitCode"` // of the step's command
	Step     string `json:"step,omitempty"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
}

// Stage is one part of the run: a stage such as "setup", or a part of one, such as "setup/handlers". Parts may overlap.
type Stage struct {
	Name    string  `json:"name"`
	Start   float64 `json:"start"` // since the run began
	Seconds float64 `json:"seconds"`
}

// JSON writes the report for programs.
func (r *Report) JSON(w io.Writer) error { return writeJSON(w, r) }

// headline is the run in one line.
func (r *Report) headline() string {
	good := 0
	for _, p := range r.Platforms {
		if p.Status == StatusPushed || p.Status == StatusBuilt {
			good++
		}
	}
	built, and := fmt.Sprintf("%d of %d platforms built", good, len(r.Platforms)), " and verified"
	if r.Verify == plan.VerifyOff {
		and = ", not verified"
	}
	return r.end(good, built, and) + r.withoutPhrase()
}

// end says how the run ended.
func (r *Report) end(good int, built, and string) string {
	switch {
	case r.Outcome == Published && r.Verify == plan.VerifyOff:
		return built + " and published" + and
	case r.Outcome == Published:
		return built + ", verified and published"
	case r.Loaded:
		return built + and + "; the Docker engine has it"
	case r.Outcome == Built && len(r.Outputs) > 0:
		return built + and + "; written to " + r.destinations()
	case r.Outcome == Staged:
		return built + and + "; handed over to publish, no tag was moved"
	case r.Outcome == Built:
		return built + and + "; nothing was pushed"
	case r.Outcome == Rejected:
		return fmt.Sprintf("verification found errors: %d of %d platforms are good; %s", good, len(r.Platforms), r.tagsPhrase())
	case r.Outcome == Cancelled:
		return "cancelled; " + r.tagsPhrase()
	case !r.begun():
		return "failed before a platform was built; " + r.tagsPhrase()
	}
	return fmt.Sprintf("failed: %d of %d platforms are good; %s", good, len(r.Platforms), r.tagsPhrase())
}

// withoutPhrase says loudly what the result lacks.
func (r *Report) withoutPhrase() string {
	if len(r.Missing) == 0 {
		return ""
	}
	return "; WITHOUT " + strings.Join(r.Missing, ", ") + ", which failed and may"
}

func (r *Report) tagsPhrase() string { return tagsPhrase(r.Tags) }

// tagsPhrase says how many tags have moved.
func tagsPhrase(tags []Tag) string {
	moved := 0
	for _, t := range tags {
		if t.Moved {
			moved++
		}
	}
	if moved == 0 {
		return "no tag was moved"
	}
	return fmt.Sprintf("%d of %d tags had been moved", moved, len(tags))
}

// runCommand shows how to start the result here; on a foreign platform where that works, because it is the surprising part.
func (r *Report) runCommand() string {
	for _, emulated := range []bool{true, false} {
		for _, p := range r.Platforms {
			if p.Status == StatusPushed && p.RunsHere && (p.Execution == "emulated") == emulated {
				return fmt.Sprintf("docker run --rm --platform %s %s", p.Platform, r.Image)
			}
		}
	}
	return fmt.Sprintf("docker run --rm %s    # on a machine for %s", r.Image, r.Platforms[0].Platform)
}

// Size writes bytes as people read them.
func Size(bytes int64) string { return size(bytes) }

func size(bytes int64) string {
	const unit = 1000
	if bytes == 0 {
		return ""
	}
	if bytes < unit {
		return fmt.Sprintf("%d B", bytes)
	}
	value, suffix := float64(bytes), ""
	for _, suffix = range []string{"kB", "MB", "GB", "TB"} {
		if value /= unit; value < unit {
			break
		}
	}
	return fmt.Sprintf("%.1f %s", value, suffix)
}

// execution says how a platform's programs ran.
func (p Platform) execution() string {
	text := p.Execution
	if p.Emulator != "" {
		text += " (" + p.Emulator + ")"
	}
	if p.Crash != nil {
		text += ", second try"
	}
	return text
}

// status says what became of the platform, and loudly if the result is without it.
func (p Platform) status() string {
	if p.Allowed {
		return strings.ToUpper(string(p.Status)) + ", LEFT OUT"
	}
	return string(p.Status)
}

// tally counts findings by their severity, apart from those that are ignored.
func tally(findings []plan.Finding) (count map[plan.Severity]int, ignored int) {
	count = map[plan.Severity]int{}
	for _, f := range findings {
		if f.Ignored {
			ignored++
		} else {
			count[f.Severity]++
		}
	}
	return count, ignored
}

// checks says in a few words what came of checking a platform.
func (r *Report) checks(p Platform) string {
	count, ignored := tally(p.Findings)
	errs, warnings := count[plan.SeverityError], count[plan.SeverityWarning]
	switch {
	case p.Status == StatusUnknown || p.Failure != nil:
		return ""
	case errs == 1:
		return "1 error"
	case errs > 1:
		return fmt.Sprintf("%d errors", errs)
	case r.Verify == plan.VerifyOff:
		return "off"
	}
	text := "ok"
	switch {
	case warnings == 1:
		text += ", 1 warning"
	case warnings > 1:
		text += fmt.Sprintf(", %d warnings", warnings)
	}
	if ignored > 0 {
		text += fmt.Sprintf(", %d ignored", ignored)
	}
	return text
}
