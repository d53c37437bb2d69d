// Command bench measures multiarch-action beside the chain of tools that people use today, in one run, on the same engine, the same BuildKit
// image, registry and emulators, turn by turn. It prints medians and their ratio; absolute times mean nothing on a shared machine.
// With -verify it measures what verification adds to builds of ours, and with -images how verify compares with reading an image by crane.
// Start all three by `make bench`.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	runs := flag.Int("runs", 3, "counted runs of each side")
	only := flag.String("only", "", "comma-separated workloads (default: all)")
	allow := flag.Bool("allow-handlers", false, "measure builds, though not setup, where others have registered emulators")
	levels := flag.Bool("verify", false, "measure what verification adds to a build of ours, instead")
	images := flag.Bool("images", false, "measure verify of an image that exists, instead")
	states := flag.String("states", "", "comma-separated states of the builder that -verify measures: cold, warm, new (default: all)")
	limits := flag.Bool("limits", false, "measure the memory of our process in builds with much of something, instead")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	switch {
	case *levels:
		err = with(ctx, func(b *bench) error { return compareLevels(ctx, b, *runs, *only, *states) })
	case *limits:
		err = with(ctx, func(b *bench) error { return compareLimits(ctx, b, *only) })
	case *images:
		err = with(ctx, func(b *bench) error { return compareImages(ctx, b, *runs) })
	default:
		err = with(ctx, func(b *bench) error { return run(ctx, b, *runs, *only, *allow) })
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

const head = `multiarch-action, with verification, beside the usual chain of tools: medians of %d runs, turn by turn
setup: emulators for five architectures and a builder, beside docker run --privileged %s --install (the lab's stand-in where
  Docker Hub is out of reach), buildx create, inspect --bootstrap; images are in the engine; removing both is not counted; cold:
  nothing is there; warm: both are there and are looked after, ours by setup --no-builder and a build of nothing
others: %d platforms, beside buildx create, inspect --bootstrap, buildx build --push, imagetools inspect, buildx rm; emulators for
  the chain are registered beforehand, not counted; cold: a fresh builder, removed again; warm: a running builder, everything cached
slow: hello with its base image pulled from and its result pushed to a registry %s away at %d Mbit/s
not counted: a first run of each side, where it is short or fills the cache; builder image %s

%-10s %-6s %14s %14s %8s %12s %12s
`

// with takes away afterwards what measurements share.
func with(ctx context.Context, do func(*bench) error) error {
	b, err := newBench(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	return do(b)
}

func run(ctx context.Context, b *bench, runs int, only string, allowHandlers bool) error {
	fmt.Printf(head, runs, installer, len(platforms), distance.Delay, distance.BytesPerSecond*8/1_000_000, b.image,
		"WORKLOAD", "CACHE", "OURS", "CHAIN", "RATIO", "OUR PEAK", "CHAIN PEAK")
	for _, w := range workloads(b) {
		if !wanted(only, w.name) {
			continue
		}
		if err := w.prepare(ctx, &w); err != nil {
			return fmt.Errorf("workload %s: preparing: %w", w.name, err)
		}
		for _, cache := range []cache{cold, warm} {
			if !allowHandlers || w.handlers {
				if err := noForeignHandlers(); err != nil {
					return err
				}
			}
			row, err := compare(ctx, w, cache, runs)
			if err != nil {
				return fmt.Errorf("workload %s, %s: %w", w.name, cache, err)
			}
			fmt.Println(row)
		}
	}
	return nil
}

// wanted reports whether a workload is in a list, which is empty for all.
func wanted(only, name string) bool {
	return only == "" || strings.Contains(","+only+",", ","+name+",")
}
