package cli

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/org/multiarch-action/internal/build"
	"github.com/org/multiarch-action/internal/plan"
)

// fleet builds platforms on several nodes at the same time. Every node has its own result: one that fails ends no other's work, and
// what a lost one has not finished is given to those that are left.
type fleet struct {
	offers     []plan.Offer // by node
	names      []string
	nativeOnly bool
	build      func(ctx context.Context, node int, platforms []plan.Platform) share
	say        func(format string, args ...any)

	mu       sync.Mutex
	load     []int
	placed   map[string]plan.Assignment // by platform: where it was built last
	results  map[string]build.Result    // by platform
	exported []build.Exported
	lost     map[int]string // why, by node
}

// share is what came of the platforms that one node was given.
type share struct {
	results  []build.Result
	exported build.Exported
	err      error // the node could not work
	lost     bool  // and will not answer
}

// failed reports whether there is something that a lost node would explain.
func (s share) failed() bool {
	for _, r := range s.results {
		if !r.Done || r.Failure != nil {
			return true
		}
	}
	return s.err != nil
}

func newFleet(offers []plan.Offer, names []string) *fleet {
	return &fleet{
		offers: offers, names: names, load: make([]int, len(offers)),
		placed: map[string]plan.Assignment{}, results: map[string]build.Result{}, lost: map[int]string{},
	}
}

// run builds platforms and returns when each of them has come to an end.
func (f *fleet) run(ctx context.Context, platforms []plan.Platform) {
	var wait sync.WaitGroup
	for node, group := range f.assign(platforms) {
		if len(group) > 0 {
			wait.Go(func() {
				s := f.build(ctx, node, group)
				if ctx.Err() != nil {
					f.keep(s.results)
					return
				}
				f.run(ctx, f.settle(node, group, s))
			})
		}
	}
	wait.Wait()
}

// runAlone builds platforms on the only node. Its error is the run's: there is nothing to be kept.
func (f *fleet) runAlone(ctx context.Context, platforms []plan.Platform) error {
	_ = f.assign(platforms)
	s := f.build(ctx, 0, platforms)
	f.keep(s.results)
	f.exported = append(f.exported, s.exported)
	if s.lost {
		return &lostError{text: fmt.Sprintf("builder %s: lost during the build: %v", f.names[0], s.err)}
	}
	return s.err
}

// keep records what came of platforms, as far as it is known when a build is given up.
func (f *fleet) keep(results []build.Result) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, result := range results {
		f.results[result.Platform.String()] = result
	}
}

// lostError says that a node was lost, and that nobody could take its place.
type lostError struct{ text string }

const lostHint = "look into the log of its buildkitd; want of memory and a full disk are the usual causes"

// Error says which node was lost, and how.
func (e *lostError) Error() string { return e.text }

// Hint says what to do about it.
func (e *lostError) Hint() string { return lostHint }

// assign gives every platform to a node. One that has lost its node, and that nobody else can take, has failed.
func (f *fleet) assign(platforms []plan.Platform) (groups [][]plan.Platform) {
	f.mu.Lock()
	defer f.mu.Unlock()
	groups = make([][]plan.Platform, len(f.offers))
	taken := map[string]bool{}
	for _, a := range plan.Assign(platforms, f.offers, f.load) {
		id := a.Platform.String()
		before, again := f.placed[id]
		if again && !f.mayTake(before, a) {
			continue
		}
		taken[id], f.placed[id] = true, a
		f.load[a.Node]++
		groups[a.Node] = append(groups[a.Node], a.Platform)
		if again {
			f.say("%s: built again on %s, because %s was lost", id, f.names[a.Node], f.names[before.Node])
		}
	}
	for _, p := range platforms {
		if before, again := f.placed[p.String()]; again && !taken[p.String()] {
			f.results[p.String()] = build.Result{Platform: p, Done: true, Failure: &build.Failure{Err: &lostError{fmt.Sprintf(
				"node %s was lost (%s), and no other node can build %s", f.names[before.Node], f.lost[before.Node], p,
			)}}}
		}
	}
	return groups
}

// mayTake reports whether a platform whose node was lost may be built where it was assigned to now. Assign gives it to the best node
// that is left, so if this one is not good enough, none is.
func (f *fleet) mayTake(before, now plan.Assignment) bool {
	if f.nativeOnly {
		return now.Execution == plan.Native
	}
	return now.Execution != plan.Unlisted || before.Execution == plan.Unlisted
}

// settle records what a node has done, and returns what has to be built again.
func (f *fleet) settle(node int, group []plan.Platform, s share) (unfinished []plan.Platform) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.load[node] -= len(group)
	if !s.lost && s.err == nil {
		f.exported = append(f.exported, s.exported)
	}
	if s.lost {
		f.offers[node].Away = true
		f.lost[node], _, _ = strings.Cut(s.err.Error(), "\n")
	}
	for i, p := range group {
		result := build.Result{Platform: p}
		if i < len(s.results) {
			result = s.results[i]
		}
		switch own := result.Failure != nil && result.Failure.Own(); {
		case s.lost && !own:
			unfinished = append(unfinished, p)
			continue
		case s.err != nil && result.Failure == nil:
			result.Done, result.Failure = true, &build.Failure{Err: fmt.Errorf("node %s: %w", f.names[node], s.err)}
		}
		f.results[p.String()] = result
	}
	return unfinished
}
