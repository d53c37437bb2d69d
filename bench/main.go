// Command bench measures multiarch-action beside the chain of tools that people use today, in one run, on the same engine, the same BuildKit
// image, registry and emulators, turn by turn. It prints medians and their ratio; absolute times mean nothing on a shared machine.
// Start it by `make bench`.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	runs := flag.Int("runs", 3, "counted runs of each side, after one that does not count")
	only := flag.String("only", "", "comma-separated workloads (default: all)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *runs, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, runs int, only string) error {
	bench, err := newBench(ctx)
	if err != nil {
		return err
	}
	defer bench.close()
	fmt.Printf(`multiarch-action, with verification, beside: docker buildx create, inspect --bootstrap, buildx build --push, imagetools inspect, buildx rm
%d platforms, %s, medians of %d runs, turn by turn
cold: a fresh builder each time, emulators not registered (registered beforehand for the chain, not counted); warm: a running builder, everything cached

%-10s %-6s %14s %14s %8s %12s %12s
`, len(platforms), bench.image, runs, "WORKLOAD", "CACHE", "OURS", "CHAIN", "RATIO", "OUR PEAK", "CHAIN PEAK")
	for _, w := range workloads(bench.dir) {
		if only != "" && !strings.Contains(","+only+",", ","+w.name+",") {
			continue
		}
		if err := w.prepare(); err != nil {
			return fmt.Errorf("workload %s: preparing: %w", w.name, err)
		}
		for _, cache := range []string{"cold", "warm"} {
			row, err := bench.compare(ctx, w, cache, runs)
			if err != nil {
				return fmt.Errorf("workload %s, %s: %w", w.name, cache, err)
			}
			fmt.Println(row)
		}
	}
	return nil
}

// workload is one thing to build.
type workload struct {
	name    string
	folder  string
	prepare func() error
}

func workloads(dir string) []workload {
	nothing := func() error { return nil }
	large := filepath.Join(dir, "context")
	return []workload{
		{"hello", "examples/hello", nothing},
		{"cross", "examples/cross", nothing},
		{"mixed", "examples/mixed", nothing},
		{"context", large, func() error { return largeContext(large) }},
	}
}

var platforms = []string{
	"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/arm/v6", "linux/386", "linux/ppc64le", "linux/s390x", "linux/riscv64",
}
