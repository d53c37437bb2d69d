package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	buildkit "github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/org/multiarch-action/internal/plan"
)

// Check looks at one platform's finished files, before anything is pushed. An error means that it could not look.
type Check func(ctx context.Context, p plan.Platform, config ocispec.Image, files *Files) ([]plan.Finding, error)

// Request is what one builder is asked for.
type Request struct {
	Plan *plan.Plan
	// Keychain has the logins that the builder gets for registries; nil: the user's docker configuration.
	Keychain authn.Keychain
	// Check is called for every platform that was built; nil checks nothing.
	Check Check
	// Status is given every progress message of the builder, in order. It must not block for long.
	Status func(*buildkit.SolveStatus)
	// Load takes an archive in the format of docker save while it is made, if the plan wants a plain manifest in the engine. An index
	// is loaded later, out of Folder.
	Load func(ctx context.Context, archive io.Reader) error
	// Folder is an empty folder for what the plan wants as files: see Exported.
	Folder string
	// Emulated reports whether programs of a platform run under an emulator on the builder; nil: none do. It may be called at any time
	// from several goroutines.
	Emulated func(plan.Platform) bool
	// Retry is told that an emulator crashed, in a step or in the smoke test of a platform, before the platform is given up. It may
	// provide another emulator. If it reports true, the platform is tried once more. It may be nil, and be called from several goroutines.
	Retry func(ctx context.Context, p plan.Platform, crash *Failure) (again bool)
	// PushAgain is told that the builder could not push what it has built, the how many-th time. If it reports true, it has waited, and what
	// is good is built, checked and pushed once more, mostly from the cache. It may be nil.
	PushAgain func(ctx context.Context, failure error, try int) (again bool)
	// Parallel is how many platforms are built at once; 0: all.
	Parallel int
	// Ended is told of every platform that has come to an end, good or bad. It may be nil, and be called from several goroutines.
	Ended func(Result)
	// Say is told what is tried again. It may be nil, and be called from several goroutines.
	Say func(format string, args ...any)
	// CacheProblem is told of a cache that could not be used; nil: nobody is.
	CacheProblem func(*CacheProblem)
	// Archive returns the context, from its beginning, where it came by standard input.
	Archive func() io.ReadCloser
	// Inspector finds the program for Files.Inspect, or says why there is none; nil: Check does not use that.
	Inspector func() (*Inspector, error)
	// NamePlatforms names a step after its platform also where there is only one, because other builders work at others.
	NamePlatforms bool
}

// Result is what became of one platform.
type Result struct {
	Platform plan.Platform
	Done     bool     // it came to an end, good or bad; else the run ended before
	Failure  *Failure // nil: it was built
	Crash    *Failure // why it was tried twice; nil: it was not. What is below is from the second try
	Retries  int      // how often it was tried again because a registry, or the way to it, had failed
	Findings []plan.Finding
	Test     *TestResult // the smoke test
	Start    *TestResult // the image, started as it is
	Config   ocispec.Image
	Duration time.Duration // from the start of the solve until this platform was built and checked
	Began    time.Time     // when the frontend had answered and this platform's own work began; zero: it never did
	Ended    time.Time     // when it was built and checked, or had failed
}

// Good reports whether the platform may be pushed.
func (r Result) Good() bool { return r.Done && r.Failure == nil && !plan.Failed(r.Findings) }

// All builds the platforms of a plan and returns their results in the plan's order. An error means that the builder could not
// work; a platform that fails is no error but a result.
func All(ctx context.Context, builder *buildkit.Client, request Request) ([]Result, Exported, error) {
	results, exported, err := once(ctx, builder, request)
	for try := 1; ctx.Err() == nil && isPush(err) && request.PushAgain != nil && request.PushAgain(ctx, err, try); try++ {
		rest := request.good(results)
		var again []Result
		again, exported, err = once(ctx, builder, rest)
		replace(results, again)
	}
	return results, exported, err
}

// once builds the platforms of a request.
func once(ctx context.Context, builder *buildkit.Client, request Request) ([]Result, Exported, error) {
	j, err := newJob(request)
	if err != nil {
		return nil, Exported{}, err
	}
	opt, err := j.solveOpt(ctx)
	if err != nil {
		return nil, Exported{}, err
	}
	if err := j.useCaches(ctx, builder, &opt); err != nil {
		return nil, Exported{}, err
	}
	response, err := j.request(ctx, builder, opt)
	j.finish()
	problem := j.cacheProblems()
	switch {
	case ctx.Err() != nil:
		return j.results, Exported{}, context.Cause(ctx)
	case j.nothingGood:
		return j.results, Exported{}, nil
	case err != nil:
		return j.results, Exported{}, fmt.Errorf("builder: %w", err)
	case problem != nil:
		return j.results, Exported{}, problem
	}
	exported, err := j.exported(response.ExporterResponse)
	return j.results, exported, err
}

// request asks the builder once, and returns when it has said everything.
func (j *job) request(ctx context.Context, builder *buildkit.Client, opt buildkit.SolveOpt) (*buildkit.SolveResponse, error) {
	status := make(chan *buildkit.SolveStatus)
	var response *buildkit.SolveResponse
	var g errgroup.Group
	g.Go(func() error {
		for message := range status {
			j.secrets.message(message)
			j.log.add(message)
			j.caches.watchImports(message)
			message.Warnings = slices.DeleteFunc(message.Warnings, aboutMissingPlatforms)
			j.status(message)
		}
		return nil
	})
	g.Go(func() error {
		var err error
		response, err = builder.Build(ctx, opt, "multiarch-action", func(building context.Context, c gateway.Client) (*gateway.Result, error) {
			platforms, err := j.run(building, c)
			if err != nil {
				return nil, err
			}
			j.writeCaches(ctx, builder, platforms)
			return j.good(platforms)
		}, status)
		return err
	})
	err := g.Wait()
	return response, err
}

// status passes a message on, one at a time.
func (j *job) status(message *buildkit.SolveStatus) {
	j.showing.Lock()
	defer j.showing.Unlock()
	j.Status(message)
}

// aboutMissingPlatforms recognises the builder's warning that it was given fewer platforms than were asked for: the report says why,
// and better.
func aboutMissingPlatforms(w *buildkit.VertexWarning) bool {
	return strings.HasPrefix(string(w.Short), "Requested platform")
}

// errNothingGood keeps the builder from exporting an image without platforms.
var errNothingGood = errors.New("no platform is good")

// job is one run of All. Every platform has a slot of its own in results, which only its goroutine writes.
type job struct {
	Request
	sources     *sources
	secrets     *redactor
	caches      cacheUse
	showing     sync.Mutex // one message at a time
	results     []Result
	log         *vertexLog
	started     time.Time
	nothingGood bool
	inspector   *Inspector
	noInspector error       // why there is none
	archives    []*unpacker // by form; written by the exporters
}

func newJob(request Request) (*job, error) {
	sources, err := openSources(request.Plan, request.Archive)
	if err != nil {
		return nil, err
	}
	j := &job{
		Request: request, sources: sources, secrets: newRedactor(request.Plan), log: newVertexLog(), started: time.Now(),
		noInspector: errNoInspector,
	}
	if request.Inspector != nil {
		j.inspector, j.noInspector = request.Inspector()
	}
	for _, p := range j.Plan.Platforms {
		j.results = append(j.results, Result{Platform: p})
	}
	return j, nil
}

func (j *job) solveOpt(ctx context.Context) (buildkit.SolveOpt, error) {
	attachables, err := j.sources.attachables(j.Keychain)
	if err != nil {
		return buildkit.SolveOpt{}, err
	}
	if j.inspector != nil {
		j.sources.mounts[inspectorMount] = executable(j.inspector.File)
	}
	exports, err := j.exports(ctx)
	if err != nil {
		return buildkit.SolveOpt{}, err
	}
	opt := buildkit.SolveOpt{
		LocalMounts: j.sources.mounts,
		OCIStores:   j.sources.layouts,
		// The frontend gets its attributes from run; from these the builder learns which platforms it will be given.
		FrontendAttrs:       j.attest(map[string]string{"platform": platformNames(j.Plan.Platforms)}),
		Exports:             exports,
		Session:             attachables,
		AllowedEntitlements: j.Plan.Steps.Entitlements,
	}
	return opt, nil
}

// attest adds what the builder itself attests of what run returns, and of an SBOM what the frontend has not made.
func (j *job) attest(attrs map[string]string) map[string]string {
	if provenance := j.Plan.Attest.Provenance; provenance != "" {
		attrs["attest:provenance"] = provenance
	}
	if sbom := j.Plan.Attest.SBOM; sbom != "" {
		attrs["attest:sbom"] = sbom
	}
	return attrs
}

func platformNames(platforms []plan.Platform) string {
	names := make([]string, len(platforms))
	for i, p := range platforms {
		names[i] = p.String()
	}
	return strings.Join(names, ",")
}
