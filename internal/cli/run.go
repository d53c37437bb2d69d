package cli

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/org/multiarch-action/internal/build"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/progress"
	"github.com/org/multiarch-action/internal/publish"
	"github.com/org/multiarch-action/internal/report"
	"github.com/org/multiarch-action/internal/setup"
)

// run is one build: set-up, build, publish, report, and taking away what it made.
type run struct {
	*app
	plan     *plan.Plan
	id       string
	started  time.Time
	registry publish.Registry
	report   *report.Report

	engine    *setup.Engine
	builder   *setup.Builder
	emulation []setup.Emulation

	verification verification
}

func newRun(a *app, p *plan.Plan) (*run, error) {
	transport, err := publish.Trusting(p.Builder.Authorities)
	if err != nil {
		return nil, err
	}
	raw := make([]byte, 6)
	_, _ = rand.Read(raw) // never fails
	r := &run{
		app: a, plan: p, id: hex.EncodeToString(raw), started: time.Now(),
		registry:     publish.Registry{Transport: transport},
		verification: verification{level: p.Verify, policy: p.Policy},
	}
	r.report = &report.Report{SchemaVersion: report.SchemaVersion, Program: a.version(), Run: r.id, Outcome: report.Failed, Verify: p.Verify, Notes: p.Notes}
	for _, platform := range p.Platforms {
		r.report.Platforms = append(r.report.Platforms, report.Platform{Platform: platform, Status: report.StatusUnknown})
	}
	return r, nil
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
		r.report.Error = err.Error()
		if errors.Is(err, errRejected) {
			r.report.Outcome = report.Rejected
		}
	}
	r.report.Seconds = time.Since(r.started).Seconds()
	return errors.Join(err, r.close(ctx), r.publishReport(asJSON))
}

func (r *run) stages(ctx context.Context) error {
	for _, note := range r.plan.Notes {
		r.say("plan", "%s", note)
	}
	if err := r.stage("setup", func() error { return r.setup(ctx) }); err != nil {
		return err
	}
	// A cancelled build ends faster if its builder is gone: BuildKit's client would wait for last words.
	defer context.AfterFunc(ctx, func() { _ = r.builder.Close(ctx) })()
	var exported build.Exported
	err := r.stage("build", func() (err error) {
		exported, err = r.build(ctx)
		return err
	})
	if err != nil {
		return err
	}
	if r.plan.Push {
		return r.stage("publish", func() error { return r.publish(ctx, exported) })
	}
	if err := r.verdict(); err != nil {
		return err
	}
	r.report.Outcome, r.report.Loaded = report.Built, r.plan.Load
	return nil
}

func (r *run) stage(name string, do func() error) error {
	started := time.Now()
	err := do()
	r.report.Took(name, r.started, started)
	return err
}

func (r *run) build(ctx context.Context) (build.Exported, error) {
	display, closeDisplay, err := r.display(ctx)
	if err != nil {
		return build.Exported{}, err
	}
	results, exported, err := build.All(ctx, r.builder.Client, build.Request{
		Plan: r.plan, Check: r.check(), Status: display.Status, Load: r.engine.LoadImage,
	})
	err = errors.Join(err, closeDisplay())
	for i, result := range results {
		r.fill(&r.report.Platforms[i], result)
	}
	if err != nil && ctx.Err() == nil {
		return exported, fmt.Errorf("%w; the builder's last words:\n%s", err, r.builder.Logs(ctx))
	}
	return exported, err
}

// check is what every platform must pass before it is pushed.
func (r *run) check() build.Check {
	if r.plan.Verify == plan.VerifyOff {
		return nil
	}
	return r.verification.image
}

// display shows the build the way the user asked for.
func (r *run) display(ctx context.Context) (display progress.Display, closeDisplay func() error, err error) {
	file, terminal := r.terminal()
	switch mode := r.plan.Progress; {
	case mode == plan.ProgressQuiet:
		display = progress.Quiet()
	case mode == plan.ProgressTTY || mode == plan.ProgressAuto && terminal && r.host.SummaryFile() == "":
		if display, err = progress.Terminal(ctx, file); err != nil {
			return nil, nil, err
		}
	default:
		foreign := r.host.Foreign()
		display = progress.Plain(foreign)
		return display, func() error { return errors.Join(display.Close(), foreign.Close()) }, nil
	}
	return display, display.Close, nil
}

// close takes away what the run made, also after it was cancelled.
func (r *run) close(ctx context.Context) error {
	var problems []error
	if r.builder != nil {
		problems = append(problems, r.builder.Close(ctx))
		if r.plan.Builder.Keep {
			r.say("close", "builder %s is left running; use it by --builder %[1]s, remove it by: multiarch-action cleanup --run %s", r.builder.Name, r.id)
		}
	}
	if r.engine != nil {
		problems = append(problems, r.engine.Close())
	}
	problems = append(problems, r.closeHandlers())
	return errors.Join(problems...)
}

func (r *run) closeHandlers() error {
	if !r.plan.KeepHandlers {
		_, err := setup.Unregister(r.emulationConfig())
		return err
	}
	for _, e := range r.emulation {
		if e.Way == setup.WayRegistered {
			r.say("close", "emulators stay registered; remove them by: multiarch-action cleanup --run %s", setup.KeptRun)
			break
		}
	}
	return nil
}
