package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/org/multiarch-action/internal/build"
	"github.com/org/multiarch-action/internal/ci"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/report"
	"github.com/org/multiarch-action/internal/setup"
)

// fill puts what became of a platform into its row of the report.
func (r *run) fill(row *report.Platform, result build.Result) {
	if !result.Done {
		return
	}
	row.Seconds, row.Findings = result.Duration.Seconds(), result.Findings
	row.Node, row.Execution, row.Emulator, row.RunsHere = r.execution(result.Platform)
	row.Retries = result.Retries
	row.Need, row.Crash = r.needOf(result.Platform).Why, r.crashed(result.Crash)
	if result.Crash != nil && result.Good() {
		row.Findings = append(row.Findings, r.crashFinding(result.Platform, result.Crash))
	}
	row.Way = r.way(result.Platform)
	row.Status = report.StatusBuilt
	if !result.Good() {
		row.Status = report.StatusRejected
	}
	row.SmokeTest, row.StartTest = testRow(result.Test), testRow(result.Start)
	if f := result.Failure; f != nil {
		row.Status = report.StatusFailed
		row.Failure = &report.Failure{
			Step: f.Step, File: f.File, Line: f.Line, Excerpt: f.Excerpt, ExitCode: f.ExitCode, Output: f.Output,
			Error: f.Error(), Explanation: r.explanation(result.Platform, f),
		}
	}
}

// sameFile is for places that are named as the host knows them.
func sameFile(file string) string { return file }

// testRow is a test in the report; nil: there was none.
func testRow(t *build.TestResult) *report.SmokeTest {
	if t == nil {
		return nil
	}
	return &report.SmokeTest{Command: t.Args, ExitCode: t.ExitCode, Passed: t.Passed, Output: t.Output, Seconds: t.Duration.Seconds()}
}

// annotate shows problems on the host.
func (a *app) annotate(problems []report.Annotation, shown func(file string) string) {
	for _, p := range problems {
		show := a.host.Warning
		switch {
		case p.Lint:
			show = a.host.Lint
		case p.Severity == plan.SeverityError:
			show = a.host.Error
		}
		show(shown(p.File), p.Line, p.Text)
	}
}

// emulationOf finds how programs of a platform run here.
func (r *run) emulationOf(p plan.Platform) (setup.Emulation, bool) {
	for _, e := range r.emulation {
		for _, served := range e.Platforms {
			if served.Equal(p) {
				return e, true
			}
		}
	}
	return setup.Emulation{}, false
}

// execution says where a platform was built, how its programs run there, by which emulator, and whether they will run on this machine
// when this run has ended.
func (r *run) execution(p plan.Platform) (name, execution, by string, stays bool) {
	placed := r.placed[p.String()]
	n := r.nodes[placed.Node]
	e, ok := r.emulationOf(p)
	need := r.needOf(p)
	if !ok && need.Needs { // not its own programs, but those of another platform that a stage names
		e, ok = r.emulationOf(need.Foreign[0])
	}
	switch {
	case !ok && need.Why != "" && placed.Execution != plan.Native:
		return n.name, "cross", "", false
	case !ok: // nothing was looked at on this machine
		return n.name, string(placed.Execution), "", n.here && placed.Execution == plan.Native
	}
	switch e.Way {
	case setup.WayMissing:
		execution = string(plan.Unlisted)
	case setup.WayNative:
		execution, stays = string(plan.Native), true
	default:
		execution, by, stays = string(plan.Emulated), emulator(e), e.Way == setup.WayPresent || r.plan.KeepHandlers
	}
	if !n.here {
		execution, by = string(placed.Execution), ""
	}
	return n.name, execution, by, stays
}

// way is how a platform's programs came to run.
func (r *run) way(p plan.Platform) string {
	e, _ := r.emulationOf(p)
	return string(e.Way)
}

// verdict is an error unless every platform is good, or may fail. Its report has the details.
func (r *run) verdict() error {
	var failed, rejected []string
	for i := range r.report.Platforms {
		row := &r.report.Platforms[i]
		bad := row.Status == report.StatusFailed || row.Status == report.StatusRejected
		switch {
		case bad && r.plan.Course.MayFail(row.Platform):
			row.Allowed = true
			r.report.Missing = append(r.report.Missing, row.Platform.String())
		case row.Status == report.StatusFailed:
			failed = append(failed, row.Platform.String())
		case row.Status == report.StatusRejected:
			rejected = append(rejected, row.Platform.String())
		}
	}
	switch {
	case len(failed) == len(r.report.Platforms):
		return errors.New("building: every platform failed; no tag was moved")
	case len(failed) > 0 && r.plan.Course.FailFast:
		return fmt.Errorf("building %s: it failed, which ended the build of the others; no tag was moved", strings.Join(failed, ", "))
	case len(failed) > 0:
		return fmt.Errorf("building %s: it failed; the other platforms went on, and no tag was moved", strings.Join(failed, ", "))
	case len(rejected) > 0:
		return errRejected
	}
	for _, name := range r.report.Missing {
		r.say("warning", "%s failed and is missing in the result, as --allow-failure allows", name)
	}
	return nil
}

// publishReport writes the report everywhere that it is wanted.
func (r *run) publishReport(asJSON bool) error {
	r.annotate(r.report.Annotations(), r.shownFile)
	problems := []error{r.outputs(), r.host.DeclareSubjects(r.subjects())}
	good := r.report.Outcome == report.Published || r.report.Outcome == report.Built
	if !r.muted || r.plan.Progress.Silent() && !good {
		foreign := r.host.Foreign() // the report quotes what the build printed
		problems = append(problems, r.report.Terminal(r.coloured(foreign)), foreign.Close())
	}
	if path := r.plan.Report; path != "" {
		problems = append(problems, writeFile(path, os.O_TRUNC, r.report.JSON))
	}
	if path := r.plan.JUnit; path != "" {
		problems = append(problems, writeFile(path, os.O_TRUNC, r.report.JUnit))
	}
	problems = append(problems, r.jobFiles(r.plan.Dotenv, r.report.Variables(), r.plan.Links, r.report.Tags), r.resultFiles())
	problems = append(problems, r.summarise(r.plan.Summary, r.report.MarkdownWithin))
	if asJSON {
		problems = append(problems, r.report.JSON(r.results()))
	} else if text := r.result(); text != "" && !r.usesStdout() {
		_, err := fmt.Fprintln(r.Stdout, text)
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// result is the line that a program reads of standard output: the first tag with the digest, or, as docker buildx build --quiet has it, the
// image's ID.
func (r *run) result() string {
	switch good := r.report.Outcome == report.Published || r.report.Outcome == report.Built; {
	case good && r.plan.Progress == plan.ProgressQuiet:
		return r.report.ImageID
	case r.report.Outcome == report.Published && r.plan.Progress != plan.ProgressNone:
		return r.report.Image
	}
	return ""
}

func writeFile(path string, mode int, write func(io.Writer) error) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|mode, 0o644)
	if err != nil {
		return fmt.Errorf("file %q: opening: %w", path, err)
	}
	return errors.Join(write(file), file.Close())
}

// summarise appends to a file, else to the host's page, Markdown that is told how much room there is: GitHub drops a page that is too long.
func (a *app) summarise(path string, write func(w io.Writer, room int) error) error {
	path = cmp.Or(path, a.host.SummaryFile())
	if path == "" {
		return nil
	}
	room := maxSummary
	if info, err := os.Stat(path); err == nil {
		room -= int(info.Size())
	}
	return writeFile(path, os.O_APPEND, func(w io.Writer) error { return write(w, room) })
}

// maxSummary is how long a summary may be, in bytes. GitHub drops that of a step if it is longer than 1 MiB.
const maxSummary = 900 << 10

// outputs gives the results to later steps of a workflow.
func (r *run) outputs() error {
	digests := map[string]string{}
	for _, row := range r.report.Platforms {
		if row.Digest != "" {
			digests[row.Platform.String()] = row.Digest
		}
	}
	byPlatform, err := json.Marshal(digests)
	if err != nil {
		return fmt.Errorf("output digests: encoding: %w", err)
	}
	keys, err := r.metadata()
	if err != nil {
		return err
	}
	metadata, err := json.Marshal(keys)
	if err != nil {
		return fmt.Errorf("output metadata: encoding: %w", err)
	}
	var whole strings.Builder
	if err := r.report.JSON(&whole); err != nil {
		return err
	}
	described, err := metadataOutputs(r.plan.Metadata)
	if err != nil {
		return err
	}
	return r.host.SetOutputs(append([]ci.Output{
		{Name: "digest", Value: r.report.Digest},
		{Name: "digests", Value: string(byPlatform)},
		{Name: "imageid", Value: r.report.ImageID},
		{Name: "metadata", Value: string(metadata)},
		{Name: "report", Value: whole.String()},
	}, described...))
}
