package build

import (
	"context"
	"fmt"

	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
)

// tryAgain judges a platform a second time after an emulator crashed, within the same build: what was built before the step that
// failed is still there.
func (j *job) tryAgain(ctx context.Context, c gateway.Client, r *Result, s *solved, crash *Failure) *Failure {
	r.Crash, r.Findings, r.Test, r.Start = crash, nil, nil, nil
	if crash.vertex != "" { // not in the smoke test
		ref, err := solveAgain(ctx, c, s.ref, crash.vertex)
		if err != nil {
			return j.failure(fmt.Errorf("%s: trying again: %w", r.Platform, err))
		}
		s.ref = ref
	}
	failure := j.judge(ctx, c, r, s)
	_ = j.crash(ctx, r, failure) // marks the failure for the hint; there is no third try
	return failure
}

// solveAgain asks for the same result once more. Within a build the builder remembers that a step failed; it executes it again only if
// the step, and with it all that depends on it, is not to be taken from the cache (loadUnlocked of solver/jobs.go).
func solveAgain(ctx context.Context, c gateway.Client, ref gateway.Reference, vertex string) (gateway.Reference, error) {
	state, err := ref.ToState()
	if err != nil {
		return nil, err
	}
	definition, err := state.Marshal(ctx)
	if err != nil {
		return nil, err
	}
	if err := withoutCacheFrom(definition, vertex); err != nil {
		return nil, err
	}
	result, err := c.Solve(ctx, gateway.SolveRequest{Definition: definition.ToPB()})
	if err != nil {
		return nil, err
	}
	return result.SingleRef()
}

// withoutCacheFrom keeps an operation and all that depends on it from being taken from the cache. A definition lists operations behind
// their inputs.
func withoutCacheFrom(definition *llb.Definition, vertex string) error {
	stale := map[string]bool{vertex: true}
	for _, raw := range definition.Def {
		var op pb.Op
		if err := op.Unmarshal(raw); err != nil {
			return fmt.Errorf("definition: decoding: %w", err)
		}
		id := digest.FromBytes(raw)
		for _, input := range op.Inputs {
			if stale[input.Digest] {
				stale[id.String()] = true
			}
		}
		if stale[id.String()] {
			metadata := definition.Metadata[id]
			metadata.IgnoreCache = true
			definition.Metadata[id] = metadata
		}
	}
	return nil
}

// secondTry is the name under which the builder reports a step that it was told to execute again (loadUnlocked of solver/jobs.go).
func secondTry(vertex string) string {
	return digest.FromString(vertex + "-ignorecache").String()
}
