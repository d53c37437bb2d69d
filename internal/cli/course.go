package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/org/multiarch-action/internal/build"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/setup"
)

// errFailFast ends what other platforms do when one has failed.
var errFailFast = errors.New("another platform failed, and --fail-fast is given")

// memoryOfPlatform is how much memory a platform's build is thought to need at least, by default: compilers take that.
const memoryOfPlatform = 512 << 20

// parallel is how many of a node's platforms are built at once. What another machine has is not known, so it gets all.
func (r *run) parallel(n *node, platforms int) int {
	if r.plan.Course.Parallel > 0 {
		return r.plan.Course.Parallel
	}
	if !n.here {
		return 0
	}
	return defaultParallel(r.resources, platforms)
}

// defaultParallel leaves platforms without a limit as long as there are not many more than processors: steps often wait for something
// else. Memory limits them earlier.
func defaultParallel(has setup.Resources, platforms int) int {
	limit := platforms
	if has.Cores > 0 {
		limit = min(limit, max(4, 2*has.Cores))
	}
	if has.Memory > 0 {
		limit = min(limit, max(1, int(has.Memory/memoryOfPlatform)))
	}
	return limit
}

// failFast returns what is to be told of every platform that has come to an end.
func (r *run) failFast(stop context.CancelCauseFunc) func(build.Result) {
	if !r.plan.Course.FailFast {
		return nil
	}
	return func(result build.Result) {
		if !result.Good() && !r.plan.Course.MayFail(result.Platform) {
			stop(errFailFast)
		}
	}
}

// toBuild are the platforms that are built. Those that preflight left out have failed already.
func (r *run) toBuild(f *fleet) []plan.Platform {
	var out []plan.Platform
	for _, p := range r.plan.Platforms {
		if failure, left := r.leftOut[p.String()]; left {
			f.results[p.String()] = build.Result{Platform: p, Done: true, Failure: failure}
			continue
		}
		out = append(out, p)
	}
	return out
}

// courseLines say in words what was asked for beyond the usual course.
func courseLines(c plan.Course) []string {
	var lines []string
	if !c.Preflight {
		lines = append(lines, "  without a look at what will fail")
	}
	if c.Parallel > 0 {
		lines = append(lines, fmt.Sprintf("  %d platforms at once", c.Parallel))
	}
	if c.Timeout > 0 {
		lines = append(lines, fmt.Sprintf("  each within %s", c.Timeout))
	}
	if c.FailFast {
		lines = append(lines, "  the first that fails ends the others")
	}
	if len(c.AllowFailure) > 0 {
		lines = append(lines, "  published without "+platformList(c.AllowFailure)+" if it fails")
	}
	return lines
}
