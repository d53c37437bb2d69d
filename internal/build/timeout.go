package build

import (
	"context"
	"fmt"
	"time"
)

// TimeoutError says that building a platform took longer than it may.
type TimeoutError struct{ After time.Duration }

// Error names the time.
func (e *TimeoutError) Error() string {
	return fmt.Sprintf("it was not built after %s, its time limit", e.After)
}

// Hint says what to do about it.
func (e *TimeoutError) Hint() string {
	return "give it more time with --platform-timeout; emulated programs run 5 to 30 times slower: build on a native machine, or let the step run on the build platform (FROM --platform=$BUILDPLATFORM)"
}

// limited gives a platform's work its time limit.
func (j *job) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if limit := j.Plan.Course.Timeout; limit > 0 {
		return withLimit(ctx, limit, &TimeoutError{After: limit})
	}
	return context.WithCancel(ctx)
}

// withLimit gives a context that ends after some time for a cause. Unlike one of the standard library it has no deadline, of which the builder
// would be told: it would end its answers a moment before the cause is known here.
func withLimit(ctx context.Context, limit time.Duration, cause error) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(limit, func() { cancel(cause) })
	return ctx, func() {
		timer.Stop()
		cancel(nil)
	}
}
