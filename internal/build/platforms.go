package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/solver/result"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/semaphore"

	"github.com/org/multiarch-action/internal/plan"
)

// solved is one platform as the frontend returned it: not built yet, but its config is known.
type solved struct {
	ref    gateway.Reference // nil for an image without files
	config []byte
	base   []byte
	// attestations are those that the frontend has made: an SBOM.
	attestations []result.Attestation[gateway.Reference]
	// built lets another platform begin, because this one executes nothing more. It may be called more than once.
	built func()
}

// run builds all platforms inside a build, and writes what became of them into the results.
func (j *job) run(ctx context.Context, c gateway.Client) ([]*solved, error) {
	platforms, err := j.solve(ctx, c)
	if err != nil {
		return nil, err
	}
	parallel := int64(len(j.results))
	if j.Parallel > 0 {
		parallel = int64(j.Parallel)
	}
	slots := semaphore.NewWeighted(parallel)
	var wait sync.WaitGroup
	for i := range j.results {
		s := platforms[i]
		if s == nil {
			continue
		}
		if slots.Acquire(ctx, 1) != nil {
			break // it was cancelled
		}
		s.built = sync.OnceFunc(func() { slots.Release(1) })
		wait.Go(func() {
			defer s.built()
			j.evaluate(ctx, c, &j.results[i], s)
		})
	}
	wait.Wait() // failures are results
	return platforms, ctx.Err()
}

// solve asks the frontend for all platforms at once that are built alike. If that fails, as it does when a base image lacks one of them,
// it asks for each alone: BuildKit does not say which platform was at fault, and the others need not suffer.
func (j *job) solve(ctx context.Context, c gateway.Client) ([]*solved, error) {
	out := make([]*solved, len(j.results))
	for _, group := range j.alike() {
		err := j.solveGroup(ctx, c, out, group)
		if err != nil && len(group) == 1 && ctx.Err() == nil {
			j.failed(group[0], err)
			continue
		}
		for _, i := range group {
			if err == nil || ctx.Err() != nil {
				break
			}
			if err := j.solveGroup(ctx, c, out, []int{i}); err != nil {
				j.failed(i, err)
			}
		}
	}
	return out, ctx.Err()
}

// alike groups the platforms, by their numbers: those that an override is for are alone.
func (j *job) alike() [][]int {
	var common []int
	var groups [][]int
	for i, r := range j.results {
		if _, own := j.Plan.Overrides[r.Platform.String()]; own {
			groups = append(groups, []int{i})
		} else {
			common = append(common, i)
		}
	}
	if len(common) > 0 {
		groups = append([][]int{common}, groups...)
	}
	return groups
}

// solveGroup asks the frontend for some platforms at once.
func (j *job) solveGroup(ctx context.Context, c gateway.Client, out []*solved, group []int) error {
	platforms := make([]plan.Platform, len(group))
	for k, i := range group {
		platforms[k] = j.results[i].Platform
	}
	request := gateway.SolveRequest{Frontend: "dockerfile.v0", FrontendOpt: j.frontendOpt(platforms...)}
	if err := j.addTargets(ctx, c, &request, platforms); err != nil {
		return err
	}
	result, err := j.frontend(ctx, c, request, group)
	if err != nil {
		return err
	}
	for k, i := range group {
		if out[i], err = pick(result, platforms[k]); err != nil {
			return err
		}
	}
	return nil
}

// frontend asks for platforms, and again where a registry could not say what a base image is.
func (j *job) frontend(ctx context.Context, c gateway.Client, request gateway.SolveRequest, group []int) (*gateway.Result, error) {
	what := "the Dockerfile"
	if len(group) == 1 {
		what = j.results[group[0]].Platform.String()
	}
	for try := 1; ; try++ {
		result, err := c.Solve(ctx, request)
		if err == nil || !j.again(ctx, what, try, err) {
			return result, err
		}
		for _, i := range group {
			j.results[i].Retries++
		}
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
func pick(all *gateway.Result, p plan.Platform) (*solved, error) {
	config := all.Metadata[exptypes.ExporterImageConfigKey+"/"+p.String()]
	if config == nil {
		config = all.Metadata[exptypes.ExporterImageConfigKey]
	}
	base := all.Metadata[exptypes.ExporterImageBaseConfigKey+"/"+p.String()]
	if base == nil {
		base = all.Metadata[exptypes.ExporterImageBaseConfigKey]
	}
	s := &solved{ref: all.Ref, config: config, base: base, attestations: all.Attestations[p.String()]}
	if len(all.Refs) == 0 {
		return s, nil
	}
	ref, ok := all.Refs[p.String()]
	if !ok {
		return nil, fmt.Errorf("%s: the frontend returned no image for it, only for %s", p, strings.Join(slices.Sorted(maps.Keys(all.Refs)), ", "))
	}
	s.ref = ref
	return s, nil
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
	if !j.hasTests(r.Platform) {
		s.built()
	}
	if err := json.Unmarshal(s.config, &r.Config); err != nil {
		return &Failure{Err: fmt.Errorf("%s: reading the image's config: %w", r.Platform, err)}
	}
	if j.Check != nil {
		findings, err := j.Check(ctx, r.Platform, r.Config, &Files{ref: s.ref, run: j, api: c, name: r.Platform.String()})
		if err != nil {
			return &Failure{Err: fmt.Errorf("%s: verifying: %w", r.Platform, err)}
		}
		j.locate(ctx, c, s, findings)
		r.Findings = findings
	}
	if plan.Failed(r.Findings) {
		return nil
	}
	return j.tests(ctx, c, r, s)
}

// good puts the platforms that may be pushed into a result for BuildKit's exporters, in the plan's order.
func (j *job) good(platforms []*solved) (*gateway.Result, error) {
	out := gateway.NewResult()
	var list exptypes.Platforms
	for i, r := range j.results {
		if platforms[i] == nil || !r.Good() {
			continue
		}
		j.add(out, r.Platform, platforms[i])
		list.Platforms = append(list.Platforms, exptypes.Platform{ID: r.Platform.String(), Platform: specOf(r)})
	}
	// Files are written where all is good, or not at all; by digest a registry takes what there is.
	if len(list.Platforms) == 0 || !j.Plan.Push && len(list.Platforms) < len(j.results) {
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

// add puts one platform into the result. Where other builders work at other platforms, a single one is named too, so that each builder's
// part has the same form.
func (j *job) add(out *gateway.Result, p plan.Platform, s *solved) {
	id, suffix := p.String(), ""
	var spec *ocispec.Platform // nil: the only one, which exporters know by no name
	if len(j.results) == 1 && !j.NamePlatforms {
		out.SetRef(s.ref)
	} else {
		out.AddRef(id, s.ref)
		named := p.Spec()
		suffix, spec = "/"+id, &named
	}
	out.AddMeta(exptypes.ExporterImageConfigKey+suffix, s.config)
	if s.base != nil {
		out.AddMeta(exptypes.ExporterImageBaseConfigKey+suffix, s.base)
	}
	for _, attestation := range s.attestations {
		out.AddAttestation(id, attestation)
	}
	// As metadata and not as attributes of exporters, which refuse an annotation for a platform that is not there.
	for key, value := range j.Plan.AnnotationsOf(plan.AnnotateManifest, p) {
		out.AddMeta(exptypes.AnnotationManifestKey(spec, key), []byte(value))
	}
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
