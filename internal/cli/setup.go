package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/setup"
)

// setup prepares everything, and lets the builder confirm what runs.
func (r *run) setup(ctx context.Context) error {
	if err := r.prepare(ctx); err != nil {
		return err
	}
	return r.confirm(ctx)
}

// prepare does at the same time what does not depend on each other: ask the registries, register emulators, start the builder.
func (r *run) prepare(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	emulated := make(chan struct{})
	if r.plan.Push {
		g.Go(func() error {
			return r.stage("setup/registries", func() error { return r.registry.CheckPush(ctx, r.plan.Repositories()) })
		})
	}
	g.Go(func() error {
		defer close(emulated)
		return r.stage("setup/handlers", func() error { return r.emulate(ctx) })
	})
	g.Go(func() error {
		return r.startBuilder(ctx, func(ctx context.Context) error {
			select {
			case <-emulated:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
	})
	return g.Wait()
}

func (r *run) emulationConfig() (setup.EmulationConfig, error) {
	run := r.id
	if r.plan.KeepHandlers {
		run = setup.KeptRun
	}
	image, err := r.emulatorImage()
	return setup.EmulationConfig{
		Run:        run,
		SearchPath: append(filepath.SplitList(r.Getenv("PATH")), "/usr/local/bin", "/usr/bin"),
		Never:      r.plan.Binfmt == plan.BinfmtNever,
		Image:      image,
		Helper:     r.helper,
	}, err
}

func (r *run) emulate(ctx context.Context) error {
	started := time.Now()
	config, err := r.emulationConfig()
	if err != nil {
		return err
	}
	if r.emulation, err = setup.Emulate(ctx, config, r.platformsToRun(ctx)); err != nil {
		return err
	}
	for _, e := range r.emulation {
		r.say("setup", "%s", inWords(e))
	}
	r.say("setup", "architectures looked at in %d ms", time.Since(started).Milliseconds())
	return nil
}

// connect reaches the engine, and says so where that takes time.
func (a *app) connect(ctx context.Context, stage string) (*setup.Engine, error) {
	return setup.Connect(ctx, a.Getenv, func(text string) { a.say(stage, "%s", text) })
}

func (r *run) startBuilder(ctx context.Context, before func(context.Context) error) error {
	started := time.Now()
	engine, err := r.connect(ctx, "setup")
	r.timeline.Took("setup/engine", started, time.Now())
	if err != nil {
		return err
	}
	r.engine = engine
	defer r.sweep(ctx)()
	if name := r.plan.Builder.Use; name != "" {
		r.builder, err = setup.UseBuilder(ctx, engine, name)
	} else {
		r.builder, err = r.newBuilder(ctx, engine, before)
	}
	if err != nil {
		return err
	}
	r.report.Builder = r.builder.Version
	if warning := r.builder.VersionWarning(); warning != "" {
		r.report.Notes = append(r.report.Notes, warning)
		r.say("setup", "%s", warning)
	}
	r.say("setup", "builder %s ready (BuildKit %s) in %d ms", r.builder.Name, r.builder.Version, time.Since(started).Milliseconds())
	return nil
}

func (r *run) newBuilder(ctx context.Context, engine *setup.Engine, before func(context.Context) error) (*setup.Builder, error) {
	registries, err := engine.Registries(ctx)
	if err != nil {
		return nil, err
	}
	for _, note := range r.plan.Builder.Config.Adopt(registries) {
		r.say("setup", "%s", note)
	}
	config, err := r.plan.Builder.Config.TOML()
	if err != nil {
		return nil, fmt.Errorf("builder configuration: encoding: %w", err)
	}
	return setup.StartBuilder(ctx, engine, setup.BuilderConfig{
		Name: r.builderName, Run: r.id, Folder: r.home.Folder(), Version: r.version(), Image: r.plan.Builder.Image, TOML: config, Files: r.plan.Builder.Files,
		HostNetwork: r.plan.Builder.HostNetwork, Options: r.plan.Builder.Options, Flags: r.plan.Builder.Flags, Keep: r.plan.Builder.Keep, Before: before,
		Say:   func(text string) { r.say("setup", "%s", text) },
		Timed: func(part string, do func() error) error { return r.stage("setup/"+part, do) },
	})
}
