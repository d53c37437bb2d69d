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
	limit := j.Plan.Course.Timeout
	if limit == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, limit, &TimeoutError{After: limit})
}
