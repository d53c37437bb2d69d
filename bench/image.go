package main

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/stream"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	gigabyteTag    = "bench/gigabyte:2"
	gigabyteLayers = 4 // of largeSize
)

const imageHead = `multiarch-action verify beside crane export | tar t: medians of %d pairs of runs, turn by turn, an image of %d MB in a local registry
memory: the most that our process ever had (VmHWM)

%-8s %9s %9s %8s %9s %9s %12s
`

// compareImages measures how long it takes to verify a large image that exists, beside reading it with the usual tools.
func compareImages(ctx context.Context, b *bench, runs int) error {
	ref := b.registry + "/" + gigabyteTag
	if err := gigabyte(ctx, ref); err != nil {
		return fmt.Errorf("%s: making it: %w", ref, err)
	}
	crane, err := output(ctx, "go", "run", "./lab", "tool", "crane")
	if err != nil {
		return err
	}
	fmt.Printf(imageHead, runs, gigabyteLayers*largeSize>>20, "", "OURS", "CRANE", "RATIO", "CPU OURS", "CPU CRANE", "OUR MEMORY")
	commands := []step{
		{b.program, "verify", ref},
		{"sh", "-c", strings.TrimSpace(crane) + " export " + ref + " - | tar t"},
	}
	figures := make([][]figure, len(commands))
	for i := range 1 + runs {
		for j, command := range commands {
			f, err := watched(ctx, command, new(strings.Builder))
			if err != nil {
				return err
			}
			if i > 0 {
				figures[j] = append(figures[j], f)
			}
		}
	}
	ours, theirs := median(figures[0]), median(figures[1])
	fmt.Printf("%-8s %7.2f s %7.2f s %8.2f %7.2f s %7.2f s %8.0f MiB\n", "gigabyte", ours.took.Seconds(), theirs.took.Seconds(),
		ours.took.Seconds()/theirs.took.Seconds(), ours.cpu.Seconds(), theirs.cpu.Seconds(), float64(slices.MaxFunc(figures[0], byPeak).peak)/(1<<20))
	return nil
}

func byPeak(a, b figure) int { return int(a.peak - b.peak) }

// watched runs a command, and looks at its memory while it runs: what the kernel tells in the end is at least what this process had when
// it started the command.
func watched(ctx context.Context, s step, text *strings.Builder) (figure, error) {
	started := time.Now()
	cmd := exec.CommandContext(ctx, s[0], s[1:]...)
	cmd.Stderr = text
	if err := cmd.Start(); err != nil {
		return figure{}, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	var f figure
	for {
		select {
		case err := <-ended:
			if err != nil {
				return f, fmt.Errorf("%s: %w\n%s", strings.Join(s, " "), err, text.String())
			}
			f.took, f.cpu = time.Since(started), cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()
			return f, nil
		case <-ticker.C:
			status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid)) // empty once it has ended
			_, rest, _ := strings.Cut(string(status), "VmHWM:")
			var kilobytes int64
			_, _ = fmt.Sscan(rest, &kilobytes)
			f.peak = max(f.peak, kilobytes<<10)
		}
	}
}

// gigabyte pushes an image of four layers on busybox, once.
func gigabyte(ctx context.Context, text string) error {
	ref, err := name.ParseReference(text)
	if err != nil {
		return err
	}
	if _, err := remote.Head(ref, remote.WithContext(ctx)); err == nil || !isAbsent(err) {
		return err
	}
	from, err := name.ParseReference(ref.Context().RegistryStr() + "/library/busybox")
	if err != nil {
		return err
	}
	image, err := remote.Image(from, remote.WithContext(ctx), remote.WithPlatform(v1.Platform{OS: "linux", Architecture: "amd64"}))
	if err != nil {
		return err
	}
	program, err := programOf(image)
	if err != nil {
		return err
	}
	for i := range gigabyteLayers {
		reader, writer := io.Pipe()
		go func() { _ = writer.CloseWithError(writeLarge(writer, program, fmt.Sprintf("opt/%d/", i))) }() // never fails
		layer := stream.NewLayer(reader, stream.WithCompressionLevel(gzip.BestSpeed), stream.WithMediaType(types.OCILayer))
		if err := remote.WriteLayer(ref.Context(), layer, remote.WithContext(ctx)); err != nil {
			return err
		}
		if image, err = mutate.AppendLayers(image, layer); err != nil {
			return err
		}
	}
	return remote.Write(ref, image, remote.WithContext(ctx))
}
