package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/errdefs"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/org/multiarch-action/internal/plan"
)

// solved is one platform as the frontend returned it: not built yet, but its config is known.
type solved struct {
	ref    gateway.Reference // nil for an image without files
	config []byte
	base   []byte
}

// run is called by BuildKit inside the build. What it returns is what BuildKit exports.
func (j *job) run(ctx context.Context, c gateway.Client) (*gateway.Result, error) {
	platforms, err := j.solve(ctx, c)
	if err != nil {
		return nil, err
	}
	var g errgroup.Group
	if j.Parallel > 0 {
		g.SetLimit(j.Parallel)
	}
	for i := range j.results {
		if s := platforms[i]; s != nil {
			g.Go(func() error {
				j.evaluate(ctx, c, &j.results[i], s)
				return nil
			})
		}
	}
	_ = g.Wait() // failures are results
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return j.good(platforms)
}

// solve asks the frontend for all platforms at once. If that fails, as it does when a base image lacks one of them, it asks for
// each alone: BuildKit does not say which platform was at fault, and the others need not suffer.
func (j *job) solve(ctx context.Context, c gateway.Client) ([]*solved, error) {
	out := make([]*solved, len(j.results))
	result, _, err := j.frontend(ctx, c, "the Dockerfile", j.Plan.Platforms...)
	if err == nil {
		for i, r := range j.results {
			if out[i], err = pick(result, r.Platform); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	if ctx.Err() != nil {
		return out, ctx.Err()
	}
	if len(j.results) == 1 {
		j.failed(0, err)
		return out, nil
	}
	for i := range j.results {
		p := j.results[i].Platform
		result, retries, err := j.frontend(ctx, c, p.String(), p)
		j.results[i].Retries = retries
		if err == nil {
			out[i], err = pick(result, p)
		}
		if err != nil {
			j.failed(i, err)
		}
	}
	return out, ctx.Err()
}

// frontend asks for platforms, and again where a registry could not say what a base image is.
func (j *job) frontend(ctx context.Context, c gateway.Client, what string, platforms ...plan.Platform) (result *gateway.Result, retries int, err error) {
	for {
		result, err = c.Solve(ctx, gateway.SolveRequest{Frontend: "dockerfile.v0", FrontendOpt: j.frontendOpt(platforms...)})
		if err == nil || !j.again(ctx, what, retries+1, err) {
			return result, retries, err
		}
		retries++
	}
}

// failed says that the frontend could not even begin with a platform.
func (j *job) failed(i int, err error) {
	r := &j.results[i]
	r.Done, r.Failure, r.Duration = true, j.failure(err), time.Since(j.started)
	j.ended(r)
}

func (j *job) ended(r *Result) {
	if j.Ended != nil {
		j.Ended(*r)
	}
}

// pick takes one platform out of the frontend's result, whose form depends on how many platforms were asked for.
func pick(result *gateway.Result, p plan.Platform) (*solved, error) {
	config := result.Metadata[exptypes.ExporterImageConfigKey+"/"+p.String()]
	if config == nil {
		config = result.Metadata[exptypes.ExporterImageConfigKey]
	}
	base := result.Metadata[exptypes.ExporterImageBaseConfigKey+"/"+p.String()]
	if base == nil {
		base = result.Metadata[exptypes.ExporterImageBaseConfigKey]
	}
	if len(result.Refs) == 0 {
		return &solved{ref: result.Ref, config: config, base: base}, nil
	}
	ref, ok := result.Refs[p.String()]
	if !ok {
		return nil, fmt.Errorf("%s: the frontend returned no image for it, only for %s", p, strings.Join(slices.Sorted(maps.Keys(result.Refs)), ", "))
	}
	return &solved{ref: ref, config: config, base: base}, nil
}

// evaluate builds, checks and tests one platform, and writes what it learned into the platform's own result.
func (j *job) evaluate(ctx context.Context, c gateway.Client, r *Result, s *solved) {
	if ctx.Err() != nil {
		return
	}
	r.Began = time.Now()
	defer func() { r.Ended = time.Now() }()
	whole := ctx
	ctx, cancel := j.limited(ctx)
	defer cancel()
	failure := j.judge(ctx, c, r, s)
	if crash := j.crash(ctx, r, failure); crash != nil && j.Retry != nil && j.Retry(ctx, r.Platform, crash) {
		failure = j.tryAgain(ctx, c, r, s, crash)
	}
	if whole.Err() != nil {
		return // what failed then says nothing about the platform
	}
	if failure != nil && ctx.Err() != nil {
		failure = &Failure{Err: context.Cause(ctx), vertex: j.log.running(r.Platform)}
	}
	r.Done, r.Failure, r.Duration = true, failure, time.Since(j.started)
	j.ended(r)
}

// build executes the steps of one platform, and again those that a registry did not let come to an end.
func (j *job) build(ctx context.Context, c gateway.Client, r *Result, s *solved) error {
	for try := 1; ; try++ {
		err := s.ref.Evaluate(ctx)
		var vertex *errdefs.VertexError
		if err == nil || !errors.As(err, &vertex) || !j.again(ctx, r.Platform.String(), try, err) {
			return err
		}
		r.Retries++
		ref, problem := solveAgain(ctx, c, s.ref, vertex.Digest)
		if problem != nil {
			return errors.Join(err, problem)
		}
		s.ref = ref
	}
}

func (j *job) judge(ctx context.Context, c gateway.Client, r *Result, s *solved) *Failure {
	if s.ref != nil {
		if err := j.build(ctx, c, r, s); err != nil {
			return j.failure(err)
		}
	}
	if err := json.Unmarshal(s.config, &r.Config); err != nil {
		return &Failure{Err: fmt.Errorf("%s: reading the image's config: %w", r.Platform, err)}
	}
	if j.Check != nil {
		findings, err := j.Check(ctx, r.Platform, r.Config, &Files{ref: s.ref})
		if err != nil {
			return &Failure{Err: fmt.Errorf("%s: verifying: %w", r.Platform, err)}
		}
		r.Findings = findings
	}
	if j.Plan.SmokeTest == nil || plan.Failed(r.Findings) {
		return nil
	}
	return j.smokeTest(ctx, c, r, s)
}

// good puts the platforms that may be pushed into a result for BuildKit's exporters, in the plan's order.
func (j *job) good(platforms []*solved) (*gateway.Result, error) {
	out := gateway.NewResult()
	var list exptypes.Platforms
	for i, r := range j.results {
		if platforms[i] == nil || !r.Good() {
			continue
		}
		id := r.Platform.String()
		suffix := ""
		if len(j.results) == 1 {
			out.SetRef(platforms[i].ref)
		} else {
			out.AddRef(id, platforms[i].ref)
			suffix = "/" + id
		}
		out.AddMeta(exptypes.ExporterImageConfigKey+suffix, platforms[i].config)
		if base := platforms[i].base; base != nil {
			out.AddMeta(exptypes.ExporterImageBaseConfigKey+suffix, base)
		}
		list.Platforms = append(list.Platforms, exptypes.Platform{ID: id, Platform: specOf(r)})
	}
	if len(list.Platforms) == 0 {
		j.nothingGood = true
		return nil, errNothingGood
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return nil, fmt.Errorf("platforms: encoding: %w", err)
	}
	out.AddMeta(exptypes.ExporterPlatformsKey, raw)
	return out, nil
}

// specOf is the platform that the index's descriptor will name. The OS version comes from the config, where base images put it.
func specOf(r Result) ocispec.Platform {
	spec := r.Platform.Spec()
	if spec.OSVersion == "" {
		spec.OSVersion = r.Config.OSVersion
	}
	return spec
}

// finish completes the results with what only the log knows, once no more of it can come.
func (j *job) finish() {
	for i := range j.results {
		r := &j.results[i]
		if r.Failure != nil {
			r.Failure.complete(j.log)
		}
		if r.Test != nil {
			r.Test.Output = j.log.output(j.log.find(r.Test.step))
		}
	}
}
