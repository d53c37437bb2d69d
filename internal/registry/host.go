package registry

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// budget is how long a run may wait for registries, all in all.
type budget struct {
	mu   sync.Mutex
	left time.Duration
}

// take takes a wait out of the budget, if it holds so much.
func (b *budget) take(d time.Duration) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if d > b.left {
		return false
	}
	b.left -= d
	return true
}

// host is a registry, as all requests to it see it: if it has put off one, it has put off all.
type host struct {
	name   string
	clock  Clock
	budget *budget

	mu        sync.Mutex
	answered  bool      // whatever it said
	failures  int       // less those that were made good
	epoch     int       // grows when it is put off
	notBefore time.Time // zero: at once
}

// wait waits until the registry may be asked again.
func (h *host) wait(ctx context.Context) error {
	h.mu.Lock()
	d := h.notBefore.Sub(h.clock.Now())
	h.mu.Unlock()
	if d <= 0 {
		return context.Cause(ctx)
	}
	return h.clock.Wait(ctx, d)
}

func (h *host) now() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.epoch
}

func (h *host) hasAnswered() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.answered
}

// good notes an answer.
func (h *host) good(response *http.Response) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if response != nil {
		h.answered = true
		h.failures = max(0, h.failures-1)
	}
}

// putOff lets all requests to the registry wait: for as long as it says itself, else for longer and longer. Requests that failed side by
// side, because they were made in the same epoch, count as one failure. It returns how long it is until the next try, negative if that
// is more than the budget holds, and whether this is the first to put it off.
func (h *host) putOff(epoch int, after time.Duration) (pause time.Duration, first bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.clock.Now()
	first = epoch == h.epoch
	if first {
		h.failures++
		h.epoch++
		pause = growing(h.failures, firstPause, maxPause)
	}
	if after > 0 {
		pause = min(after, maxRetryAfter)
	}
	until := now.Add(pause)
	if h.notBefore.After(until) {
		until = h.notBefore
	}
	from := now
	if h.notBefore.After(from) {
		from = h.notBefore // up to there it is paid
	}
	if !h.budget.take(until.Sub(from)) {
		return -1, first
	}
	h.notBefore = until
	return until.Sub(now), first
}

// growing is a pause that doubles from try to try, with full jitter, so that those who failed together do not come back together.
func growing(try int, from, to time.Duration) time.Duration {
	limit := to
	if doubled := from << min(try-1, 20); doubled < to {
		limit = doubled
	}
	const least = 10
	return limit/least + rand.N(limit-limit/least) //nolint:gosec // nobody gains anything by guessing it
}
