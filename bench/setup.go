package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/org/multiarch-action/internal/setup"
)

// installer is the image that installs emulators for the chain.
const installer = "tonistiigi/binfmt"

// ourBuilder is the name of our builder that stays.
const ourBuilder = "multiarch-bench-ours"

// ourSetup makes emulators and a builder by our program.
type ourSetup struct{ *bench }

func (o ourSetup) setup(more ...string) step {
	return append(step{o.program, "setup", "--platform", "linux/arm64,linux/arm/v7,linux/ppc64le,linux/s390x,linux/riscv64"}, more...)
}

func (o ourSetup) create(w workload) step {
	return o.setup("--name", ourBuilder, "--buildkit-image", o.image, "--buildkitd-config", w.config)
}

func (o ourSetup) cold(ctx context.Context, w workload) (figure, error) {
	defer o.stop()
	return o.time(ctx, o.create(w))
}

func (o ourSetup) start(ctx context.Context, w workload) error {
	_, err := o.time(ctx, o.create(w))
	return err
}

// warm looks after the emulators, and shows that the builder works by a build of nothing.
func (o ourSetup) warm(ctx context.Context, w workload) (figure, error) {
	return o.time(ctx, o.setup("--no-builder"), step{
		o.program, "build", "--builder", ourBuilder, "--platform", "linux/" + runtime.GOARCH, "--verify", "off", w.folder,
	})
}

func (o ourSetup) stop() {
	o.cleanUp(o.program, "cleanup", "--name", ourBuilder)
	o.cleanUp(o.program, "cleanup", "--run", setup.KeptRun) // there were none before, or nothing would have been measured
}

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

// buildOfNothing makes the context that shows that a builder works.
func buildOfNothing(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\nCOPY Dockerfile /\n"), 0o644)
}
