package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"
	"time"
)

// The reasons why a run ends that nobody has asked to end.
var (
	errOrphaned = errors.New("the process that started this one has ended")
	errUnread   = errors.New("nobody reads the log any more")
)

// orphanInterval is how often parent and log are looked at. CI hosts kill what is left of a job some seconds after its shell.
const orphanInterval = 200 * time.Millisecond

// untilOrphaned returns a context that ends when nobody reads the log any more or, on a CI host, when the process that started this one has
// ended: when hosts cancel a job, they end its shell or their own helper, and not everything that these have started. Elsewhere people
// send a program into the background and leave.
func (a *app) untilOrphaned(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	parent := a.parent()
	log, isFile := a.Stderr.(*os.File)
	if parent == 0 && !isFile {
		return ctx, cancel
	}
	go func() {
		tick := time.NewTicker(orphanInterval)
		defer tick.Stop()
		for ctx.Err() == nil {
			if a.parent() != parent {
				cancel(errOrphaned)
			}
			if isFile && !hasReader(log) {
				cancel(errUnread)
			}
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		}
	}()
	return ctx, cancel
}

// parent is the number of the process that started this one; 0: it does not count.
func (a *app) parent() int {
	if a.Parent == nil || !a.host.CI() {
		return 0
	}
	return a.Parent()
}

// whyCancelled says why a run ends where nobody has asked for it.
func whyCancelled(ctx context.Context) string {
	if cause := context.Cause(ctx); errors.Is(cause, errOrphaned) || errors.Is(cause, errUnread) {
		return ": " + cause.Error()
	}
	return ""
}

// watched is a stream of which it is told when nobody reads it any more.
type watched struct {
	io.Writer
	broken func()
}

// Write gives the stream's own error.
func (w watched) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if errors.Is(err, syscall.EPIPE) {
		w.broken()
	}
	return n, err
}
