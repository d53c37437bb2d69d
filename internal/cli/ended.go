package cli

import (
	"context"
	"errors"

	"github.com/org/multiarch-action/internal/build"
)

// errBuilderEnded is why a platform was not built that no step of the Dockerfile has failed.
var errBuilderEnded = errors.New("the builder ended before it was built")

// ended returns why a builder has ended whose container is within reach, if that is what is behind a build's failures, and says so in
// the results: all that BuildKit's client knows is that a connection broke.
func (r *run) ended(ctx context.Context, n *node, results []build.Result) error {
	if r.builder == nil || n != r.own {
		return nil
	}
	ended := r.builder.Ended(ctx)
	if ended == nil {
		return nil
	}
	for _, result := range results {
		if f := result.Failure; f != nil && f.ExitCode == 0 {
			f.Err = errBuilderEnded
		}
	}
	return ended
}
