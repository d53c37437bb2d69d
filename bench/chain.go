package main

import (
	"context"
	"strings"
)

// chainBuilder is the chain's builder.
const chainBuilder = "multiarch-bench"

// chain builds as a workflow of five actions does, without starting a Node for each.
type chain struct{ *bench }

// create makes a builder and waits for it.
func (b *bench) create(config string) []step {
	return []step{
		{
			b.buildx, "create", "--name", chainBuilder, "--driver", "docker-container", "--driver-opt", "image=" + b.image,
			"--driver-opt", "network=host", "--buildkitd-config", config,
		},
		{b.buildx, "inspect", "--bootstrap", chainBuilder},
	}
}

func (b *bench) removeBuilder() { b.cleanUp(b.buildx, "rm", "--force", chainBuilder) }

func (c *chain) build(w workload) []step {
	return []step{
		{
			c.buildx, "build", "--builder", chainBuilder, "--provenance=false", "--platform", strings.Join(platforms, ","),
			"-t", w.ref("chain"), "--push", "--progress", "plain", w.folder,
		},
		{c.buildx, "imagetools", "inspect", w.ref("chain")},
	}
}

func (c *chain) cold(ctx context.Context, w workload) (figure, error) {
	defer c.removeBuilder() // after an error
	unregister, err := c.emulate(ctx)
	if err != nil {
		return figure{}, err
	}
	defer unregister()
	return c.time(ctx, append(append(c.create(w.config), c.build(w)...), step{c.buildx, "rm", chainBuilder})...)
}

func (c *chain) start(ctx context.Context, w workload) error {
	_, err := c.time(ctx, c.create(w.config)...)
	return err
}

func (c *chain) warm(ctx context.Context, w workload) (figure, error) {
	unregister, err := c.emulate(ctx)
	if err != nil {
		return figure{}, err
	}
	defer unregister()
	return c.time(ctx, c.build(w)...)
}

func (c *chain) stop() { c.removeBuilder() }
