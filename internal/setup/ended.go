package setup

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/go-units"
	"github.com/moby/moby/client"
)

const (
	// endedPatience is how long the engine may take to notice that a container has ended whose connections are closed already.
	endedPatience = 2 * time.Second
	// ExitKilled is what a shell, docker-init and the engine say of a process that was ended by SIGKILL (128 + 9).
	ExitKilled = 137
)

// EndedError says that a builder's container ended before its work was done.
type EndedError struct {
	When     string // "before BuildKit answered" or "in the middle of the work"
	ExitCode int
	Memory   bool   // the kernel killed it because its memory was not enough
	Limit    int64  // of its memory, in bytes; 0: only the machine's
	Removed  bool   // somebody took the container away
	Logs     string // its last lines
}

// Error says how it ended, and gives its last words.
func (e *EndedError) Error() string {
	var text string
	switch {
	case e.Removed:
		return "somebody removed its container " + e.When
	case e.Memory:
		text = fmt.Sprintf("the kernel killed it for want of memory %s (exit status %d%s)", e.When, e.ExitCode, e.limit())
	case e.ExitCode == ExitKilled:
		text = fmt.Sprintf("it was killed %s (exit status %d%s)", e.When, e.ExitCode, e.limit())
	default:
		text = fmt.Sprintf("it ended %s (exit status %d)", e.When, e.ExitCode)
	}
	if e.Logs != "" {
		text += "; its last words:\n" + e.Logs
	}
	return text
}

func (e *EndedError) limit() string {
	if e.Limit == 0 {
		return ""
	}
	return ", memory limit " + units.BytesSize(float64(e.Limit))
}

// Hint says what to do about it.
func (e *EndedError) Hint() string {
	switch {
	case e.Removed:
		return "see who removes containers on this machine: a docker prune in another job, for example"
	case e.Memory:
		return MoreMemory(e.Limit)
	case e.ExitCode == ExitKilled:
		return "mostly that is the kernel when memory is short (dmesg tells): " + MoreMemory(e.Limit)
	}
	return "its last words above should say why; try another image with --buildkit-image, or other flags and configuration"
}

// MoreMemory says what to do when memory runs out, under a limit in bytes or, if that is 0, under the machine's own.
func MoreMemory(limit int64) string {
	more := "use a machine with more memory"
	if limit > 0 {
		more = "raise the limit (--driver-opt memory=…, now " + units.BytesSize(float64(limit)) + ")"
	}
	return more + ", or let fewer steps run at once (max-parallelism below [worker.oci] of --buildkitd-config)"
}

// Ended returns an EndedError if the builder has ended, and nil while BuildKit answers. It is asked after an error that may come from a
// broken connection; the engine learns a little later that a container has ended.
func (b *Builder) Ended(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, endedPatience)
	defer cancel()
	if _, err := b.Client.Info(ctx); err == nil {
		return nil
	}
	retry := time.NewTicker(50 * time.Millisecond)
	defer retry.Stop()
	for {
		if err := b.ended(context.WithoutCancel(ctx), "in the middle of the work"); err != nil {
			return fmt.Errorf("builder %s: %w", b.Name, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-retry.C:
		}
	}
}

// ended asks the engine once.
func (b *Builder) ended(ctx context.Context, when string) error {
	result, err := b.engine.api.ContainerInspect(ctx, b.Name, client.ContainerInspectOptions{})
	if errdefs.IsNotFound(err) {
		return &EndedError{When: when, Removed: true}
	}
	found := result.Container
	if err != nil || found.State == nil || found.State.Running {
		return nil
	}
	e := &EndedError{When: when, ExitCode: found.State.ExitCode, Memory: found.State.OOMKilled, Logs: strings.TrimSpace(b.Logs(ctx))}
	if found.HostConfig != nil {
		e.Limit = found.HostConfig.Memory
	}
	return e
}
