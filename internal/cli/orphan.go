package cli

import (
	"context"
	"errors"
	"io"
	"syscall"
	"time"
)

// The reasons why a run ends that nobody has asked to end.
var (
	errOrphaned = errors.New("the process that started this one has ended")
	errUnread   = errors.New("nobody reads the log any more")
)

// parentInterval is how often the parent is looked for. CI hosts kill what is left of a job some seconds after its shell.
const parentInterval = 200 * time.Millisecond

// untilOrphaned returns a context that ends, on a CI host, when the process that started this one has ended: when hosts cancel a job, they
// end its shell or their own helper, and not everything that these have started. Elsewhere people send a program into the background and leave.
func (a *app) untilOrphaned(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	if a.Parent == nil || !a.host.CI() {
		return ctx, cancel
	}
	parent := a.Parent()
	go func() {
		tick := time.NewTicker(parentInterval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if a.Parent() != parent {
					cancel(errOrphaned)
					return
				}
			}
		}
	}()
	return ctx, cancel
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
