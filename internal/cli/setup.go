package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
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
	if err := r.confirm(ctx); err != nil {
		return err
	}
	err := r.settleNodes(ctx)
	if err == nil {
		err = r.settleHosts(ctx)
	}
	if err != nil || r.soloHere() {
		return err
	}
	return r.preflight(ctx)
}

// prepare does at the same time what does not depend on each other: ask the registries, register emulators, start the builder.
func (r *run) prepare(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	emulated, configured := make(chan struct{}), make(chan struct{})
	r.configured = sync.OnceFunc(func() { close(configured) })
	if r.soloHere() {
		g.Go(func() error {
			<-configured
			return r.preflight(ctx)
		})
	}
	if r.plan.Push {
		g.Go(func() error {
			return r.stage("setup/registries", func() error { return r.registry.CheckPush(ctx, r.plan.Repositories()) })
		})
	}
	g.Go(func() error {
		defer close(emulated)
		return r.stage("setup/handlers", func() error { return r.emulate(ctx) })
	})
	g.Go(func() error { return r.dialNodes(ctx) })
	g.Go(func() error {
		defer r.configured()
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
	return err
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
	if r.plan.Builder.Elsewhere() || r.plan.Builder.RequireNative {
		why := "every platform is to be built natively"
		if r.plan.Builder.Elsewhere() {
			why = "its builders are elsewhere"
		}
		r.say("setup", "no emulator is registered on this machine: %s", why)
		return nil
	}
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

// startBuilder makes the default builder ready, if it is not elsewhere.
func (r *run) startBuilder(ctx context.Context, before func(context.Context) error) error {
	started := time.Now()
	if err := r.connectEngine(ctx); err != nil {
		return err
	}
	if r.engine != nil {
		defer r.sweep(ctx)()
	}
	if err := r.mayLoad(ctx); err != nil {
		return err
	}
	err := r.useNamed(ctx)
	switch b := r.plan.Builder; {
	case err != nil:
		return err
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
		r.own = &node{name: b.Name, here: true, version: b.Version, client: b.Client, close: b.Close, logs: b.Logs, gateway: b.Gateway}
	}
	r.say("setup", "builder %s ready (BuildKit %s) in %d ms", r.own.name, r.own.version, time.Since(started).Milliseconds())
	return nil
}

// useNamed takes the builder that has the wanted name already, if it is one of this program's and runs.
func (r *run) useNamed(ctx context.Context) error {
	if r.builderName == "" || r.engine == nil {
		return nil
	}
	running, err := r.engine.HasBuilder(ctx, r.builderName)
	if running {
		r.plan.Builder.Use = r.builderName
		r.say("setup", "builder %s runs already and is used as it is", r.builderName)
	}
	return err
}

// connectEngine connects to the Docker Engine, if this run needs one. Where none answers and none was named, a buildkitd that is
// installed takes its place.
func (r *run) connectEngine(ctx context.Context) error {
	b := r.plan.Builder
	if (b.Elsewhere() || b.Local) && !r.plan.Load {
		return nil
	}
	err := r.stage("setup/engine", func() (err error) {
		r.engine, err = r.connect(ctx, "setup")
		if err == nil {
			r.engine.Keychain = r.keychain
		}
		return err
	})
	if err == nil {
		return nil
	}
	daemon := setup.FindBuildkitd(filepath.SplitList(r.Getenv("PATH")))
	if !b.Started() || r.plan.Load || b.Keep || daemon == "" || r.Getenv("DOCKER_HOST") != "" {
		return err
	}
	r.say("setup", "no Docker Engine answers: %s is started instead", daemon)
	return nil
}

// mayLoad refuses to build what the engine could not take in the end.
func (r *run) mayLoad(ctx context.Context) error {
	if len(r.plan.Platforms) == 1 || !r.plan.Load {
		return nil
	}
	able, err := r.engine.HoldsIndexes(ctx)
	if err != nil || able {
		return err
	}
	return plan.InputErrors{{
		Input: "--load", Rule: fmt.Sprintf("this Docker Engine's image store holds one platform a tag, and %d are asked for", len(r.plan.Platforms)),
		Hint: `write {"features": {"containerd-snapshotter": true}} into its /etc/docker/daemon.json and restart it, or name one --platform, or use --push`,
	}}
}

func (r *run) newBuilder(ctx context.Context, engine *setup.Engine, before func(context.Context) error) (*setup.Builder, error) {
	registries, err := engine.Registries(ctx)
	if err != nil {
		return nil, err
	}
	for _, note := range r.plan.Builder.Adopt(registries) {
		r.say("setup", "%s", note)
	}
	r.configured()
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
