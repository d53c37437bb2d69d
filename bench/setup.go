package main

import (
	"context"
	"slices"
)

// installer is the image that installs emulators for the chain.
const installer = "tonistiigi/binfmt"

// ourBuilder is the name of our builder that stays.
const ourBuilder = "multiarch-bench-ours"

// ourSetup makes emulators and a builder by our program.
type ourSetup struct{ *bench }

func (o ourSetup) setup(w workload) step {
	return step{
		o.program, "setup", "--platform", "linux/arm64,linux/arm/v7,linux/ppc64le,linux/s390x,linux/riscv64", "--name", ourBuilder,
		"--buildkit-image", o.image, "--buildkitd-config", w.config,
	}
}

func (o ourSetup) cold(ctx context.Context, w workload) (figure, error) {
	defer o.stop()
	return o.time(ctx, o.setup(w))
}

func (o ourSetup) start(ctx context.Context, w workload) error {
	_, err := o.time(ctx, o.setup(w))
	return err
}

func (o ourSetup) warm(ctx context.Context, w workload) (figure, error) {
	return o.time(ctx, o.setup(w))
}

func (o ourSetup) stop() { o.cleanUp(o.program, "cleanup", "--name", ourBuilder) }

// chainSetup makes them as two actions do.
type chainSetup struct{ *bench }

// binfmt runs the installer as its documents say.
func binfmt(args ...string) step {
	return append(step{"docker", "run", "--privileged", "--rm", installer}, args...)
}

var install = binfmt("--install", "arm64,arm,ppc64le,s390x,riscv64")

func (c chainSetup) cold(ctx context.Context, w workload) (figure, error) {
	defer c.stop()
	return c.time(ctx, slices.Insert(c.create(w.config), 0, install)...)
}

func (c chainSetup) start(ctx context.Context, w workload) error {
	_, err := c.time(ctx, slices.Insert(c.create(w.config), 0, install)...)
	return err
}

// warm is what the two actions do where their work is done already.
func (c chainSetup) warm(ctx context.Context, _ workload) (figure, error) {
	return c.time(ctx, install, step{c.buildx, "inspect", "--bootstrap", chainBuilder})
}

func (c chainSetup) stop() {
	c.removeBuilder()
	c.cleanUp(binfmt("--uninstall", "qemu-aarch64,qemu-arm,qemu-ppc64le,qemu-s390x,qemu-riscv64")...)
}
