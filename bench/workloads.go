package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/org/multiarch-action/lab/slow"
)

var platforms = []string{
	"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/arm/v6", "linux/386", "linux/ppc64le", "linux/s390x", "linux/riscv64",
}

// distance is how far away a CI machine's registry is.
var distance = slow.Link{Delay: 20 * time.Millisecond, BytesPerSecond: 200_000_000 / 8}

// workload is one thing to do, by both sides.
type workload struct {
	name        string
	ours, chain side
	folder      string // to build
	registry    string // to pull from and push to
	config      string // buildkitd.toml that says so
	long        bool   // so long that what the first run of a side warms (files in memory, the registry's own caches) means nothing
	handlers    bool   // it is about handlers, so that those of others always make it wrong
	prepare     func(ctx context.Context, w *workload) error
}

func workloads(b *bench) []workload {
	nothing := func(context.Context, *workload) error { return nil }
	large, empty := filepath.Join(b.dir, "context"), filepath.Join(b.dir, "nothing")
	list := []workload{
		{
			name: "setup", handlers: true, folder: empty, ours: ourSetup{b}, chain: chainSetup{b},
			prepare: func(context.Context, *workload) error { return buildOfNothing(empty) },
		},
		{name: "hello", folder: "examples/hello", prepare: nothing},
		{name: "slow", folder: "examples/hello", prepare: b.slowRegistry},
		{name: "context", folder: large, prepare: func(context.Context, *workload) error { return largeContext(large) }},
		{name: "cross", folder: "examples/cross", long: true, prepare: nothing},
		{name: "mixed", folder: "examples/mixed", long: true, prepare: nothing},
	}
	for i := range list {
		w := &list[i]
		w.registry, w.config = b.registry, b.config
		if w.ours == nil {
			w.ours, w.chain = &ours{bench: b}, &chain{b}
		}
	}
	return list
}

func (w workload) ref(side string) string {
	return fmt.Sprintf("%s/bench/%s-%s:1", w.registry, side, w.name)
}

// slowRegistry puts the lab's registry behind a long way, for both sides, until the bench is closed.
func (b *bench) slowRegistry(ctx context.Context, w *workload) error {
	proxy, err := slow.Start(ctx, b.registry, distance)
	if err != nil {
		return err
	}
	b.atClose(func() { _ = proxy.Close() }) // its connections are idle
	near, err := os.ReadFile(b.config)
	if err != nil {
		return err
	}
	w.registry, w.config = proxy.Address(), filepath.Join(b.dir, "slow.toml")
	return os.WriteFile(w.config, []byte(strings.ReplaceAll(string(near), b.registry, w.registry)), 0o644)
}

// largeContext makes a context of 256 MiB that does not compress, in files of 1 MiB, copied once into every platform.
func largeContext(dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "data"), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\nCOPY --link data /data\n"), 0o644); err != nil {
		return err
	}
	block := make([]byte, 1<<20)
	for i := range 256 {
		_, _ = rand.Read(block) // never fails
		if err := os.WriteFile(filepath.Join(dir, "data", fmt.Sprint(i)), block, 0o644); err != nil {
			return err
		}
	}
	return nil
}
