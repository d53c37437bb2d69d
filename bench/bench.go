package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
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
	image    string // of BuildKit
	qemu     string
	config   string
	registry string
	closing  []func()
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
	b := &bench{
		dir: dir, program: program, buildx: strings.TrimSpace(buildx), image: lab["LAB_BUILDKIT_IMAGE"],
		qemu: lab["LAB_QEMU_DIR"], config: lab["LAB_BUILDKITD_CONFIG"], registry: lab["LAB_REGISTRY"],
	}
	b.atClose(func() { _ = os.RemoveAll(dir) })
	return b, nil
}

func (b *bench) atClose(do func()) { b.closing = append(b.closing, do) }

// close takes away what the measurements shared.
func (b *bench) close() {
	for _, do := range b.closing {
		do()
	}
}

// step is one command of a measurement.
type step []string

// time runs steps one after the other.
func (b *bench) time(ctx context.Context, steps ...step) (figure, error) {
	var f figure
	started := time.Now()
	for _, s := range steps {
		cmd := exec.CommandContext(ctx, s[0], s[1:]...)
		var text bytes.Buffer
		cmd.Stdout, cmd.Stderr = io.Discard, &text
		cmd.Env = b.environment()
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // so that it takes away what it made
		cmd.WaitDelay = 15 * time.Second
		if err := cmd.Run(); err != nil {
			return figure{}, fmt.Errorf("%s: %w\n%s", strings.Join(s, " "), err, text.String())
		}
		f.cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			f.peak = max(f.peak, usage.Maxrss<<10)
		}
	}
	f.took = time.Since(started)
	return f, nil
}

func (b *bench) environment() []string {
	return append(os.Environ(), "PATH="+b.qemu+":"+os.Getenv("PATH"), "BUILDX_CONFIG="+b.dir)
}

// command runs a program outside any measurement and returns what it printed.
func (b *bench) command(ctx context.Context, s ...string) (string, error) {
	cmd := exec.CommandContext(ctx, s[0], s[1:]...)
	cmd.Env = b.environment()
	text, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(s, " "), err, text)
	}
	return string(text), nil
}

// cleanUp runs a program that takes something away, also after an interrupt. What it removes may not be there.
func (b *bench) cleanUp(s ...string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, _ = b.command(ctx, s...)
}

func output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	return string(text), err
}

// emulate registers for the chain what our program registers itself, until the returned function is called.
func (b *bench) emulate(ctx context.Context) (unregister func(), err error) {
	var wanted []plan.Platform
	for _, text := range platforms {
		p, err := plan.ParsePlatform(text)
		if err != nil {
			return nil, err
		}
		wanted = append(wanted, p)
	}
	config := setup.EmulationConfig{Run: "bench", SearchPath: []string{b.qemu}}
	unregister = func() { _, _ = setup.Unregister(config) } // what stays is found before the next measurement
	if _, err := setup.Emulate(ctx, config, wanted); err != nil {
		unregister()
		return nil, err
	}
	return unregister, nil
}
