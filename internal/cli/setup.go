package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/org/multiarch-action/internal/setup"
)

// setup does at the same time what does not depend on each other: ask the registries, register emulators, start the builder.
func (r *run) setup(ctx context.Context) error {
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

func (r *run) emulationConfig() setup.EmulationConfig {
	run := r.id
	if r.plan.KeepHandlers {
		run = setup.KeptRun
	}
	return setup.EmulationConfig{
		Run:        run,
		SearchPath: append(filepath.SplitList(r.Getenv("PATH")), "/usr/local/bin", "/usr/bin"),
	}
}

func (r *run) emulate(ctx context.Context) error {
	started := time.Now()
	emulation, err := setup.Emulate(ctx, r.emulationConfig(), r.plan.Platforms)
	if err != nil {
		return err
	}
	r.emulation = emulation
	for _, e := range emulation {
		switch e.Way {
		case setup.WayMissing:
			r.say("setup", "%s: programs for it do not run here: %s; %s", e.Architecture, e.Problem, e.Hint)
		case setup.WayNative:
			r.say("setup", "%s: runs natively", e.Architecture)
		default:
			r.say("setup", "%s: %s (%s), proved by executing a program", e.Architecture, e.Way, emulator(e))
			if e.Problem != "" {
				r.say("setup", "%s: %s; %s", e.Architecture, e.Problem, e.Hint)
			}
		}
	}
	r.say("setup", "architectures looked at in %d ms", time.Since(started).Milliseconds())
	return nil
}

// emulator names what runs an architecture's programs, or is empty.
func emulator(e setup.Emulation) string {
	switch {
	case e.Way == setup.WayNative || e.Way == setup.WayMissing:
		return ""
	case e.Version != "":
		return "QEMU " + e.Version
	}
	return e.Emulator
}

func (r *run) startBuilder(ctx context.Context, before func(context.Context) error) error {
	started := time.Now()
	engine, err := setup.Connect(ctx, r.Getenv, func(text string) { r.say("setup", "%s", text) })
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
	for _, note := range r.plan.Builder.Adopt(registries) {
		r.say("setup", "%s", note)
	}
	config, err := r.plan.Builder.Config.TOML()
	if err != nil {
		return nil, fmt.Errorf("builder configuration: encoding: %w", err)
	}
	return setup.StartBuilder(ctx, engine, setup.BuilderConfig{
		Run: r.id, Folder: r.home.Folder(), Version: r.version(), Image: r.plan.Builder.Image, TOML: config, Files: r.plan.Builder.Files,
		HostNetwork: r.plan.Builder.HostNetwork, Options: r.plan.Builder.Options, Flags: r.plan.Builder.Flags, Keep: r.plan.Builder.Keep, Before: before,
		Say: func(text string) { r.say("setup", "%s", text) },
	})
}
