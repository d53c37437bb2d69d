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
	outer := ctx
	g, ctx := errgroup.WithContext(ctx)
	emulated := make(chan struct{})
	if r.plan.Push {
		g.Go(func() error { return r.registry.CheckPush(ctx, r.plan.Repositories()) })
	}
	g.Go(func() error {
		defer close(emulated)
		return r.emulate(ctx)
	})
	g.Go(func() error { return r.dialNodes(ctx) })
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
	err := g.Wait()
	if r.own != nil {
		r.nodes = append([]*node{r.own}, r.nodes...)
	}
	if err != nil {
		return err
	}
	return r.settleNodes(outer)
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
	if r.plan.Builder.Elsewhere() || r.plan.Builder.RequireNative {
		r.say("setup", "no emulator is registered on this machine: %s", map[bool]string{
			true: "its builders are elsewhere", false: "every platform is to be built natively",
		}[r.plan.Builder.Elsewhere()])
		return nil
	}
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

// startBuilder makes the default builder ready, if it is not elsewhere.
func (r *run) startBuilder(ctx context.Context, before func(context.Context) error) error {
	started := time.Now()
	if err := r.connectEngine(ctx); err != nil {
		return err
	}
	var err error
	switch b := r.plan.Builder; {
	case b.Elsewhere():
		return nil
	case r.engine == nil || b.Local:
		err = r.startLocal(ctx, before)
	case b.Use != "":
		r.builder, err = setup.UseBuilder(ctx, r.engine, b.Use)
	default:
		r.builder, err = r.newBuilder(ctx, r.engine, before)
	}
	if err != nil {
		return err
	}
	if b := r.builder; b != nil {
		r.own = &node{name: b.Name, here: true, version: b.Version, client: b.Client, close: b.Close, logs: b.Logs}
	}
	r.say("setup", "builder %s ready (BuildKit %s) in %d ms", r.own.name, r.own.version, time.Since(started).Milliseconds())
	return nil
}

// connectEngine connects to the Docker Engine, if this run needs one. Where none answers and none was named, a buildkitd that is
// installed takes its place.
func (r *run) connectEngine(ctx context.Context) error {
	b := r.plan.Builder
	if (b.Elsewhere() || b.Local) && !r.plan.Load {
		return nil
	}
	engine, err := setup.Connect(ctx, r.Getenv)
	if err == nil {
		r.engine = engine
		return nil
	}
	daemon := setup.FindBuildkitd(filepath.SplitList(r.Getenv("PATH")))
	if !b.Started() || r.plan.Load || b.Keep || daemon == "" || r.Getenv("DOCKER_HOST") != "" {
		return err
	}
	r.say("setup", "no Docker Engine answers: %s is started instead", daemon)
	return nil
}

func (r *run) newBuilder(ctx context.Context, engine *setup.Engine, before func(context.Context) error) (*setup.Builder, error) {
	config, err := r.plan.Builder.Config.TOML()
	if err != nil {
		return nil, fmt.Errorf("builder configuration: encoding: %w", err)
	}
	return setup.StartBuilder(ctx, engine, setup.BuilderConfig{
		Run: r.id, Version: r.version(), Image: r.plan.Builder.Image, TOML: config, Files: r.plan.Builder.Files,
		HostNetwork: r.plan.Builder.HostNetwork, Keep: r.plan.Builder.Keep, Before: before,
		Say: func(text string) { r.say("setup", "%s", text) },
	})
}
