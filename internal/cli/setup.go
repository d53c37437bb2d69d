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
		g.Go(func() error { return r.registry.CheckPush(ctx, r.plan.Repositories()) })
	}
	g.Go(func() error {
		defer close(emulated)
		return r.emulate(ctx)
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
	if r.emulation, err = setup.Emulate(ctx, config, r.plan.Platforms); err != nil {
		return err
	}
	for _, e := range r.emulation {
		r.say("setup", "%s", inWords(e))
	}
	r.say("setup", "architectures looked at in %d ms", time.Since(started).Milliseconds())
	return nil
}

func (r *run) startBuilder(ctx context.Context, before func(context.Context) error) error {
	started := time.Now()
	engine, err := setup.Connect(ctx, r.Getenv)
	if err != nil {
		return err
	}
	r.engine = engine
	if name := r.plan.Builder.Use; name != "" {
		r.builder, err = setup.UseBuilder(ctx, engine, name)
	} else {
		r.builder, err = r.newBuilder(ctx, engine, before)
	}
	if err != nil {
		return err
	}
	r.report.Builder = r.builder.Version
	r.say("setup", "builder %s ready (BuildKit %s) in %d ms", r.builder.Name, r.builder.Version, time.Since(started).Milliseconds())
	return nil
}

func (r *run) newBuilder(ctx context.Context, engine *setup.Engine, before func(context.Context) error) (*setup.Builder, error) {
	config, err := r.plan.Builder.Config.TOML()
	if err != nil {
		return nil, fmt.Errorf("builder configuration: encoding: %w", err)
	}
	return setup.StartBuilder(ctx, engine, setup.BuilderConfig{
		Name: r.builderName, Run: r.id, Version: r.version(), Image: r.plan.Builder.Image, TOML: config, Files: r.plan.Builder.Files,
		HostNetwork: r.plan.Builder.HostNetwork, Keep: r.plan.Builder.Keep, Before: before,
		Say: func(text string) { r.say("setup", "%s", text) },
	})
}
