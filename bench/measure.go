package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/setup"
)

// bench holds what all measurements share.
type bench struct {
	dir      string // for temporary files
	program  string
	buildx   string
	image    string
	qemu     string
	config   string
	registry string
	kept     string // our running builder, for warm runs; empty until it is started
}

// figure is one run of one side.
type figure struct {
	took time.Duration
	peak int64 // bytes; of the largest process of ours, without the engine and BuildKit, which both sides share
}

func newBench(ctx context.Context) (*bench, error) {
	text, err := output(ctx, "go", "run", "./lab", "env")
	if err != nil {
		return nil, err
	}
	lab := map[string]string{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		lab[key] = value
	}
	buildx, err := output(ctx, "go", "run", "./lab", "tool", "buildx")
	if err != nil {
		return nil, err
	}
	program, err := filepath.Abs("bin/multiarch-action")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "multiarch-bench-")
	if err != nil {
		return nil, err
	}
	return &bench{
		dir: dir, program: program, buildx: strings.TrimSpace(buildx), image: lab["LAB_BUILDKIT_IMAGE"],
		qemu: lab["LAB_QEMU_DIR"], config: lab["LAB_BUILDKITD_CONFIG"], registry: lab["LAB_REGISTRY"],
	}, nil
}

// close takes away what the measurements used.
func (b *bench) close() {
	ctx := context.Background()
	if b.kept != "" {
		_, _ = b.command(ctx, b.program, "cleanup", "--run", strings.TrimPrefix(b.kept, "multiarch-action-"))
	}
	_, _ = b.command(ctx, b.buildx, "rm", "--force", builderName) // may not be there
	_, _ = setup.Unregister(b.emulation())
	_ = os.RemoveAll(b.dir)
}

func (b *bench) emulation() setup.EmulationConfig {
	return setup.EmulationConfig{Run: "bench", SearchPath: []string{b.qemu}}
}

// compare measures both sides turn by turn.
func (b *bench) compare(ctx context.Context, w workload, cache string, runs int) (string, error) {
	ours, chain := b.cold, b.chainCold
	if cache == "warm" {
		ours, chain = b.warm, b.chainWarm
	}
	var our, their []figure
	for i := range runs + 1 {
		a, err := ours(ctx, w)
		if err != nil {
			return "", err
		}
		c, err := chain(ctx, w)
		if err != nil {
			return "", err
		}
		if i > 0 { // the first of each warms what a cold builder does not count: files in memory, the registry's own caches
			our, their = append(our, a), append(their, c)
		}
	}
	a, c := median(our), median(their)
	return fmt.Sprintf("%-10s %-6s %12.2f s %12.2f s %8.2f %8.0f MiB %8.0f MiB",
		w.name, cache, a.took.Seconds(), c.took.Seconds(), a.took.Seconds()/c.took.Seconds(), mebibytes(a.peak), mebibytes(c.peak)), nil
}

func mebibytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// median returns the median time and the median peak, which may be of two runs.
func median(figures []figure) figure {
	times := make([]time.Duration, len(figures))
	peaks := make([]int64, len(figures))
	for i, f := range figures {
		times[i], peaks[i] = f.took, f.peak
	}
	slices.Sort(times)
	slices.Sort(peaks)
	return figure{times[len(times)/2], peaks[len(peaks)/2]}
}

func (b *bench) ref(side string, w workload) string {
	return fmt.Sprintf("%s/bench/%s-%s:1", b.registry, side, w.name)
}

func (b *bench) buildArgs(w workload, more ...string) []string {
	return append([]string{
		"build", "--platform", strings.Join(platforms, ","), "-t", b.ref("ours", w), "--push", "--progress", "plain", w.folder,
	}, more...)
}

// cold is our program as a newcomer starts it.
func (b *bench) cold(ctx context.Context, w workload) (figure, error) {
	return b.time(ctx, []string{b.program}, [][]string{b.buildArgs(w, "--buildkitd-config", b.config)})
}

// warm uses a builder that runs and has built this before.
func (b *bench) warm(ctx context.Context, w workload) (figure, error) {
	if b.kept == "" {
		text, err := b.command(ctx, b.program, "build", "--platform", "linux/amd64", "--buildkitd-config", b.config,
			"--buildkit-image", b.image, "-t", b.ref("ours", w), "--push", "--keep-builder", "--progress", "quiet", "examples/hello")
		if err != nil {
			return figure{}, err
		}
		_, after, _ := strings.Cut(text, "close    builder ")
		b.kept, _, _ = strings.Cut(after, " ")
	}
	return b.time(ctx, []string{b.program}, [][]string{b.buildArgs(w, "--builder", b.kept)})
}

const builderName = "multiarch-bench"

func (b *bench) chainBuild(w workload) [][]string {
	return [][]string{
		{
			"build", "--builder", builderName, "--provenance=false", "--platform", strings.Join(platforms, ","),
			"-t", b.ref("chain", w), "--push", "--progress", "plain", w.folder,
		},
		{"imagetools", "inspect", b.ref("chain", w)},
	}
}

func (b *bench) chainStart() [][]string {
	return [][]string{
		{
			"create", "--name", builderName, "--driver", "docker-container", "--driver-opt", "image=" + b.image,
			"--driver-opt", "network=host", "--buildkitd-config", b.config,
		},
		{"inspect", "--bootstrap", builderName},
	}
}

// chainCold is what a workflow of five actions does, without starting a Node for each.
func (b *bench) chainCold(ctx context.Context, w workload) (figure, error) {
	_, _ = b.command(ctx, b.buildx, "rm", "--force", builderName) // left by warm runs, if any
	if err := b.emulate(ctx); err != nil {
		return figure{}, err
	}
	defer func() { _, _ = setup.Unregister(b.emulation()) }()
	steps := append(append(b.chainStart(), b.chainBuild(w)...), []string{"rm", builderName})
	return b.time(ctx, []string{b.buildx}, steps)
}

func (b *bench) chainWarm(ctx context.Context, w workload) (figure, error) {
	if err := b.emulate(ctx); err != nil {
		return figure{}, err
	}
	defer func() { _, _ = setup.Unregister(b.emulation()) }()
	if _, err := b.command(ctx, b.buildx, "inspect", builderName); err != nil {
		if _, err := b.time(ctx, []string{b.buildx}, b.chainStart()); err != nil {
			return figure{}, err
		}
	}
	return b.time(ctx, []string{b.buildx}, b.chainBuild(w))
}

// emulate registers for the chain what our program registers itself.
func (b *bench) emulate(ctx context.Context) error {
	var wanted []plan.Platform
	for _, text := range platforms {
		p, err := plan.ParsePlatform(text)
		if err != nil {
			return err
		}
		wanted = append(wanted, p)
	}
	_, err := setup.Emulate(ctx, b.emulation(), wanted)
	return err
}

// time runs steps of one program one after the other.
func (b *bench) time(ctx context.Context, program []string, steps [][]string) (figure, error) {
	var f figure
	started := time.Now()
	for _, args := range steps {
		cmd := exec.CommandContext(ctx, program[0], args...)
		var text bytes.Buffer
		cmd.Stdout, cmd.Stderr = io.Discard, &text
		cmd.Env = b.environment()
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // so that it takes away what it made
		cmd.WaitDelay = 15 * time.Second
		if err := cmd.Run(); err != nil {
			return figure{}, fmt.Errorf("%s %s: %w\n%s", program[0], strings.Join(args, " "), err, text.String())
		}
		if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			f.peak = max(f.peak, usage.Maxrss<<10)
		}
	}
	f.took = time.Since(started)
	return f, nil
}

func (b *bench) environment() []string {
	return append(os.Environ(), "PATH="+b.qemu+":"+os.Getenv("PATH"), "BUILDX_CONFIG="+b.dir,
		"MULTIARCH_BUILDKIT_IMAGE="+b.image)
}

// command runs a program outside any measurement and returns what it printed.
func (b *bench) command(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = b.environment()
	text, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, text)
	}
	return string(text), nil
}

func output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	return string(text), err
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
