package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// mostMemory is what our process may have at most, whatever is built.
const mostMemory = 150 << 20

// sixteen platforms, of which nothing is executed.
const sixteen = "linux/386,linux/amd64,linux/amd64/v2,linux/amd64/v3,linux/arm64,linux/arm/v5,linux/arm/v6,linux/arm/v7,linux/loong64," +
	"linux/mips,linux/mips64,linux/mips64le,linux/mipsle,linux/ppc64le,linux/riscv64,linux/s390x"

// limit is a build with much of something.
type limit struct {
	name, platforms string
	prepare         func(folder string) (sent int64, err error) // sent: bytes of the context
}

var limits = []limit{
	{"stages", sixteen, manyStages},
	{"files", "linux/amd64,linux/arm64,linux/s390x", manyFiles},
	{"steps", "linux/amd64,linux/386", manySteps},
}

const limitsHead = `builds with much of something, on a fresh builder: the most memory that our process ever had (VmHWM), of %d MiB that it may have
stages: 16 platforms, 16 stages each; files: a context of 2 GiB in 50,000 files, for 3 platforms; steps: 200 RUN, for 2 platforms
CONTEXT, SENT: its size, and what was sent of it: both are the same where it was sent once

%-8s %9s %12s %12s %12s
`

// compareLimits fails if our process takes more memory than it may, or sends the context more than once.
func compareLimits(ctx context.Context, b *bench, only string) error {
	fmt.Printf(limitsHead, mostMemory>>20, "", "TOOK", "OUR MEMORY", "CONTEXT", "SENT")
	for _, l := range limits {
		if !wanted(only, l.name) {
			continue
		}
		folder := filepath.Join(b.dir, l.name)
		size, err := l.prepare(folder)
		if err != nil {
			return fmt.Errorf("%s: preparing: %w", l.name, err)
		}
		var text strings.Builder
		f, err := watched(ctx, step{
			b.program, "build", "--platform", l.platforms, "--binfmt", "never", "--verify", "manifest", "--progress", "rawjson",
			"--buildkitd-config", b.config, "--buildkit-image", b.image, folder,
		}, &text)
		if err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
		sent := transferred(text.String())
		fmt.Printf("%-8s %7.1f s %8d MiB %8d MiB %8d MiB\n", l.name, f.took.Seconds(), f.peak>>20, size>>20, sent>>20)
		switch {
		case f.peak > mostMemory:
			return fmt.Errorf("%s: our process took %d MiB, and may take %d", l.name, f.peak>>20, mostMemory>>20)
		case sent > size+size/20+1<<20: // names and sizes of the files are sent, too
			return fmt.Errorf("%s: %d bytes were sent of a context of %d", l.name, sent, size)
		}
	}
	return nil
}

// transferred adds up what BuildKit's messages say was sent of the context.
func transferred(messages string) int64 {
	most := map[string]int64{}
	for line := range strings.Lines(messages) {
		var message struct {
			Statuses []struct {
				ID      string
				Vertex  string
				Current int64
			}
		}
		if json.Unmarshal([]byte(line), &message) != nil {
			continue
		}
		for _, s := range message.Statuses {
			if strings.HasPrefix(s.ID, "transferring context") {
				most[s.Vertex] = max(most[s.Vertex], s.Current)
			}
		}
	}
	var sum int64
	for _, n := range most {
		sum += n
	}
	return sum
}

// dockerfile writes one into a folder of its own.
func dockerfile(folder, text string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "Dockerfile"), []byte(text), 0o644)
}

func manyStages(folder string) (int64, error) {
	text := ""
	for i := range 16 {
		text += fmt.Sprintf("FROM --platform=$BUILDPLATFORM busybox AS stage%d\nARG TARGETPLATFORM\nRUN echo %[1]d $TARGETPLATFORM > /out\n", i)
	}
	text += "FROM scratch\n"
	for i := range 16 {
		text += fmt.Sprintf("COPY --from=stage%d /out /out%[1]d\n", i)
	}
	return 0, dockerfile(folder, text)
}

func manyFiles(folder string) (int64, error) {
	const files, size = 50_000, 2 << 30 / 50_000
	block := make([]byte, size)
	for i := range files {
		_, _ = rand.Read(block) // never fails
		sub := filepath.Join(folder, fmt.Sprint(i/500))
		if err := os.MkdirAll(sub, 0o755); err != nil {
			return 0, err
		}
		if err := os.WriteFile(filepath.Join(sub, fmt.Sprint(i)), block, 0o644); err != nil {
			return 0, err
		}
	}
	return files * size, dockerfile(folder, "FROM scratch\nCOPY --link . /data\n")
}

func manySteps(folder string) (int64, error) {
	text := "FROM busybox\n"
	for i := range 200 {
		text += fmt.Sprintf("RUN echo step %d\n", i)
	}
	return 0, dockerfile(folder, text)
}
