package cli

import (
	"context"
	"strings"
	"time"

	"github.com/org/multiarch-action/internal/setup"
)

// sweepTimeout keeps a run from waiting for an engine that does not get rid of something.
const sweepTimeout = 30 * time.Second

// claimHome makes the run's folder. Without one the run goes on: it then reaches its builder through the engine.
func (r *run) claimHome() {
	home, err := setup.Claim(r.id, r.plan.Builder.Keep)
	if err != nil {
		r.say("setup", "%v", err)
	}
	r.home = home
}

// sweep takes away, beside the set-up, what ended runs have left. The function that it returns waits for that. Problems are said; this
// run does not fail for what others left.
func (r *run) sweep(ctx context.Context) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
		defer cancel()
		swept, err := setup.Sweep(ctx, r.engine, setup.EmulationConfig{Run: r.id, Helper: r.helper})
		if len(swept) > 0 {
			r.say("setup", "swept what runs that were killed have left: %s", strings.Join(swept, "; "))
		}
		if err != nil && ctx.Err() == nil {
			r.say("setup", "sweeping what ended runs left: %v", err)
		}
	}()
	return func() { <-done }
}
