package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// allTargets are the systems and architectures that a release has programs for.
var allTargets = []string{
	"linux/amd64", "linux/arm64", "linux/arm", "linux/ppc64le", "linux/s390x", "linux/riscv64", "darwin/amd64", "darwin/arm64", "windows/amd64",
}

// actionTargets are those of runners that execute JavaScript actions. Their programs are in the release commit.
var actionTargets = []string{"linux/amd64", "linux/arm64", "linux/arm", "darwin/amd64", "darwin/arm64", "windows/amd64"}

const sumsFile = "SHA256SUMS"

func programOf(target string) string {
	name := "multiarch-action-" + strings.ReplaceAll(target, "/", "-")
	if strings.HasPrefix(target, "windows/") {
		name += ".exe"
	}
	return name
}

// build builds the programs out of the checkout. Nothing of this machine gets into them: no path, no time, no state of Git.
func (r *release) build(ctx context.Context) error {
	for _, target := range r.targets {
		system, architecture, ok := strings.Cut(target, "/")
		if !ok {
			return fmt.Errorf("--targets: %q is not a system and an architecture; write them like linux/arm64", target)
		}
		start := time.Now()
		file := filepath.Join(r.programs(), programOf(target))
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-mod=readonly",
			"-ldflags", fmt.Sprintf("-s -w -buildid= -X main.version=%s -X main.date=%s", r.version, r.date), "-o", file, ".")
		cmd.Dir = r.checkout()
		// Version 6 is what all ARM runners understand.
		cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+architecture, "GOARM=6", "GOAMD64=v1", "CGO_ENABLED=0", "GOFLAGS=")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("building for %s: %w\n%s", target, err, out)
		}
		if err := os.Chtimes(file, time.Unix(r.epoch, 0), time.Unix(r.epoch, 0)); err != nil { // images keep the time of a file
			return err
		}
		fmt.Printf("release: program     %s (%.1fs)\n", filepath.Base(file), time.Since(start).Seconds())
	}
	return nil
}

// sum writes the sums of all programs and of their bill of materials.
func (r *release) sum(context.Context) error {
	files, err := os.ReadDir(r.programs())
	if err != nil {
		return err
	}
	var names []string
	for _, file := range files {
		names = append(names, file.Name())
	}
	return r.writeSums(filepath.Join(r.programs(), sumsFile), names)
}

// writeSums writes what sha256sum --check reads.
func (r *release) writeSums(file string, names []string) error {
	var text strings.Builder
	slices.Sort(names)
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(r.programs(), name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "%x  %s\n", sha256.Sum256(content), name)
	}
	return os.WriteFile(file, []byte(text.String()), 0o644)
}
