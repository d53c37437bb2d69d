package cli

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/org/multiarch-action/internal/build"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/progress"
	"github.com/org/multiarch-action/internal/publish"
	"github.com/org/multiarch-action/internal/registry"
	"github.com/org/multiarch-action/internal/report"
	"github.com/org/multiarch-action/internal/setup"
)

// run is one build: set-up, build, publish, report, and taking away what it made.
type run struct {
	*app
	plan     *plan.Plan
	id       string
	started  time.Time
	timeline *report.Timeline
	registry publish.Registry
	patience *registry.Transport // of everybody who asks registries
	report   *report.Report
	noting   sync.Mutex // one note of the report at a time, while nodes build

	home         *setup.Home
	engine       *setup.Engine
	builder      *setup.Builder // the default builder, where it is a container
	builderName  string         // of a new builder; empty: made from the id
	own          *node          // the default builder, where this machine runs it
	nodes        []*node        // all builders, the default one first
	helper       *setup.Helper
	emulation    []setup.Emulation
	needs        []build.Need               // by platform, in the plan's order; empty: nobody looked
	placed       map[string]plan.Assignment // by platform: where it was built
	crashes      crashes
	warnings     warnings
	steps        steps
	images       []plan.Pushed
	provenance   provenance
	leftOut      map[string]*build.Failure // by platform: what preflight found about one that may fail
	resources    setup.Resources           // of the builder on this machine
	configured   func()                    // to be called when it is settled how the builder reaches registries
	verification verification

	foldersLock sync.Mutex
	folders     string // for outputs, until they are verified; empty: there are none yet
}

func newRun(a *app, p *plan.Plan) (*run, error) {
	transport, err := a.registries(p.RegistryRetry, p.Builder.Authorities)
	for _, secret := range p.Secrets {
		a.host.Mask(string(secret.Value))
	}
	if err == nil {
		err = a.useLogins(p.Logins)
	}
	if err != nil {
		return nil, err
	}
	raw := make([]byte, 6)
	_, _ = rand.Read(raw) // never fails
	if p.Progress == plan.ProgressRawJSON || p.Progress.Silent() {
		muted := *a
		muted.muted, a = true, &muted
	}
	r := &run{
		app: a, plan: p, id: hex.EncodeToString(raw), started: time.Now(),
		registry:     publish.Registry{Keychain: a.keychain, Transport: transport, ForceTag: p.ForceTag},
		patience:     transport,
		steps:        steps{},
		configured:   func() {}, // until somebody waits for it
		verification: verification{level: p.Verify, policy: p.Policy},
	}
	r.verification.version = a.version()
	r.verification.slow = func(why string) {
		r.say("verify", "all files are read through the builder's API, which takes longer for images with many: %s", why)
	}
	r.helper = a.newHelper(r.id, p.Builder.Image)
	r.report = &report.Report{SchemaVersion: report.SchemaVersion, Program: a.version(), Run: r.id, Outcome: report.Failed, Verify: p.Verify, Notes: p.Notes}
	r.registry.Replaced = r.replaced
	if len(p.Tags) > 0 {
		r.report.Reference = p.Tags[0].Name()
	}
	for _, platform := range p.Platforms {
		r.report.Platforms = append(r.report.Platforms, report.Platform{Platform: platform, Status: report.StatusUnknown})
	}
	r.timeline = report.NewTimeline(r.started)
	return r, nil
}

// registries is the way to all registries, by which a run should go alone. It tells when it waits.
func (a *app) registries(patience time.Duration, authorities [][]byte) (*registry.Transport, error) {
	patience = max(patience, time.Nanosecond) // zero stands for the default there
	return registry.New(registry.Config{
		Authorities: authorities, Budget: patience, Say: func(text string) { a.say("waiting", "%s", text) }, Trace: a.host.Debug(),
	})
}

// execute does everything, reports whatever became of it, and always takes away what it made.
func (r *run) execute(ctx context.Context, asJSON bool) error {
	var err error
	if !r.plan.Builder.Keep {
		err = r.host.SaveState("run", r.id) // for the step that cleans up after a run that was killed
	}
	if err == nil {
		err = r.stages(ctx)
	}
	if ctx.Err() != nil {
		r.report.Outcome = report.Cancelled
	} else if err != nil {
		r.report.Error, r.report.Explanation = err.Error(), explanationOf(err)
		if errors.Is(err, errRejected) {
			r.report.Outcome = report.Rejected
		}
	}
	r.report.Seconds = time.Since(r.started).Seconds()
	r.report.Hints = r.hints()
	r.countSteps()
	err = errors.Join(err, r.stage("close", func() error { return r.close(ctx) }))
	r.report.Stages = r.timeline.Stages()
	return errors.Join(err, r.publishReport(asJSON))
}

func (r *run) stages(ctx context.Context) error {
	for _, note := range r.plan.Notes {
		r.say("plan", "%s", note)
	}
	r.claimHome()
	if err := r.stage("setup", func() error { return r.setup(ctx) }); err != nil {
		return err
	}
	// A cancelled build ends faster if its builder is gone: BuildKit's client would wait for last words.
	defer context.AfterFunc(ctx, func() { _ = r.closeNodes(ctx) })()
	if err := r.beginStaged(ctx); err != nil {
		return err
	}
	var exported []build.Exported
	err := r.stage("build", func() (err error) {
		exported, err = r.build(ctx)
		return err
	})
	if err != nil {
		return err
	}
	if err := r.deliver(ctx, exported); err != nil {
		return err
	}
	r.loaded(exported)
	return nil
}

// deliver puts what was built in its places.
func (r *run) deliver(ctx context.Context, exported []build.Exported) error {
	if r.plan.Push {
		return r.stage("publish", func() error { return r.publish(ctx, exported) })
	}
	if err := r.verdict(); err != nil {
		return err
	}
	if err := r.writeOutputs(ctx, exported); err != nil {
		return err
	}
	r.report.Outcome = report.Built
	return nil
}

// stage does something and puts it on the report's time line: a stage, or as "stage/part" a part of one. It may be called from several
// goroutines at once.
func (r *run) stage(name string, do func() error) error {
	if title := stageTitles[name]; title != "" && !r.muted {
		defer r.host.Section(name, title, name != "build")()
	}
	return r.timeline.Timed(name, do)
}

// stageTitles are how stages are called in a log that can be folded.
var stageTitles = map[string]string{
	"setup": "Set up emulators and builder", "build": "Build and verify", "outputs": "Write files", "publish": "Publish",
}

// build builds every platform on the node that it belongs to.
func (r *run) build(ctx context.Context) ([]build.Exported, error) {
	display, closeDisplay, err := r.display(ctx)
	if err != nil {
		return nil, err
	}
	building, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	f := r.newFleet(display, stop)
	platforms := r.toBuild(f)
	if len(r.nodes) == 1 {
		err = f.runAlone(building, platforms)
	} else {
		f.run(building, platforms)
	}
	if errors.Is(context.Cause(building), errFailFast) && ctx.Err() == nil {
		err = nil // the platform that ended the others says why
	}
	err = errors.Join(err, closeDisplay())
	r.report.Warnings = r.warnings.all
	r.placed = f.placed
	for i := range r.report.Platforms {
		row := &r.report.Platforms[i]
		r.fill(row, f.results[row.Platform.String()])
	}
	r.reportLost(f)
	if ended := (*setup.EndedError)(nil); errors.As(err, &ended) {
		return f.exported, err // it has its own last words
	}
	if logs := r.nodes[0].logs; err != nil && ctx.Err() == nil && logs != nil {
		return f.exported, fmt.Errorf("%w; the builder's last words:\n%s", err, logs(ctx))
	}
	return f.exported, err
}

// check is what every platform must pass before it is pushed.
func (r *run) check() build.Check {
	if r.plan.Verify == plan.VerifyOff {
		return nil
	}
	return r.verification.image
}

// cacheProblem tells of a cache that could not be used. It may be called from several goroutines.
func (r *run) cacheProblem(p *build.CacheProblem) {
	r.noting.Lock()
	defer r.noting.Unlock()
	text := strings.TrimPrefix(p.Error(), "cache ")
	if p.Missing() {
		r.say("cache", "%s", text)
		return
	}
	r.report.Notes = append(r.report.Notes, p.Error())
	r.say("cache", "warning: %s", text)
}

// display shows the build the way the user asked for.
func (r *run) display(ctx context.Context) (display progress.Display, closeDisplay func() error, err error) {
	file, terminal := r.terminal()
	switch mode := r.plan.Progress; {
	case mode.Silent():
		display = progress.Quiet()
	case mode == plan.ProgressTTY || mode == plan.ProgressAuto && terminal && r.host.SummaryFile() == "":
		display = progress.Live(r.Stderr, func() (columns, lines int) {
			columns, lines, _ = term.GetSize(int(file.Fd())) // 0 where it cannot be told
			return columns, lines
		})
	case mode == plan.ProgressRawJSON:
		foreign := r.host.Foreign()
		if display, err = progress.RawJSON(ctx, foreign); err != nil {
			return nil, nil, err
		}
		return display, func() error { return errors.Join(display.Close(), foreign.Close()) }, nil
	default:
		foreign := r.host.Foreign()
		display = progress.Plain(foreign)
		return display, func() error { return errors.Join(display.Close(), foreign.Close()) }, nil
	}
	return display, display.Close, nil
}

// close takes away what the run made, also after it was cancelled.
func (r *run) close(ctx context.Context) error {
	handlers := make(chan error, 1) // an engine may be slow, and whoever cancels does not wait long
	go func() { handlers <- r.closeHandlers(ctx) }()
	problems := []error{r.closeNodes(ctx), r.closeOutputs()}
	stays := r.builder != nil && r.plan.Builder.Keep
	if stays {
		r.say("close", "builder %s is left running; use it by --builder %[1]s, remove it by: multiarch-action cleanup --name %[1]s", r.builder.Name)
	}
	if r.engine != nil {
		problems = append(problems, r.engine.Close())
	}
	problems = append(problems, <-handlers)
	// Last, because as long as there is the folder, a later run knows that this one may have left something.
	if err := errors.Join(problems...); err != nil {
		return err
	}
	if err := r.home.Close(stays && r.builder.Run == r.id); err != nil {
		return err
	}
	return r.host.ForgetState("run", r.id)
}
