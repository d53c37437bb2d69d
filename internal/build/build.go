package build

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	buildkit "github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
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
	// Check is called for every platform that was built; nil checks nothing.
	Check Check
	// Status is given every progress message of the builder, in order. It must not block for long.
	Status func(*buildkit.SolveStatus)
	// Load takes an archive in the format of docker save, if the plan wants the image in the engine.
	Load func(ctx context.Context, archive io.Reader) error
	// Emulated reports whether programs of a platform run under an emulator on the builder; nil: none do. It may be called at any time
	// from several goroutines.
	Emulated func(plan.Platform) bool
	// Retry is told that an emulator crashed, in a step or in the smoke test of a platform, before the platform is given up. It may
	// provide another emulator. If it reports true, the platform is tried once more. It may be nil, and be called from several goroutines.
	Retry func(ctx context.Context, p plan.Platform, crash *Failure) (again bool)
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
	Test     *TestResult
	Config   ocispec.Image
	Duration time.Duration // from the start of the solve until this platform was built and checked
	Began    time.Time     // when the frontend had answered and this platform's own work began; zero: it never did
	Ended    time.Time     // when it was built and checked, or had failed
}

// Good reports whether the platform may be pushed.
func (r Result) Good() bool { return r.Done && r.Failure == nil && !plan.Failed(r.Findings) }

// Exported is what left the builder.
type Exported struct {
	// Descriptor is of the index that holds the good platforms, or of the manifest where only one platform was asked for. Its
	// digest is empty if nothing was pushed.
	Descriptor ocispec.Descriptor
}

// All builds the platforms of a plan and returns their results in the plan's order. An error means that the builder could not
// work; a platform that fails is no error but a result.
func All(ctx context.Context, builder *buildkit.Client, request Request) ([]Result, Exported, error) {
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
	var response *buildkit.SolveResponse
	for try := 1; ; try++ {
		response, err = j.request(ctx, builder, opt)
		if err == nil || j.nothingGood || !j.again(ctx, "exporting", try, err) {
			break
		}
		j.reset() // what was built is in the builder's cache
	}
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
	exported, err := readExported(response.ExporterResponse)
	return j.results, exported, err
}

// request asks the builder once, and returns when it has said everything.
func (j *job) request(ctx context.Context, builder *buildkit.Client, opt buildkit.SolveOpt) (*buildkit.SolveResponse, error) {
	status := make(chan *buildkit.SolveStatus)
	var response *buildkit.SolveResponse
	var g errgroup.Group
	g.Go(func() error {
		for message := range status {
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
	caches      cacheUse
	showing     sync.Mutex // one message at a time
	results     []Result
	log         *vertexLog
	started     time.Time
	nothingGood bool
	inspector   *Inspector
	noInspector error // why there is none
}

func newJob(request Request) (*job, error) {
	sources, err := openSources(request.Plan, request.Archive)
	if err != nil {
		return nil, err
	}
	j := &job{Request: request, sources: sources, log: newVertexLog(), started: time.Now()}
	j.noInspector = errNoInspector
	if request.Inspector != nil {
		j.inspector, j.noInspector = request.Inspector()
	}
	j.reset()
	return j, nil
}

// reset forgets what became of the platforms.
func (j *job) reset() {
	j.results = nil
	for _, p := range j.Plan.Platforms {
		j.results = append(j.results, Result{Platform: p})
	}
}

func (j *job) solveOpt(ctx context.Context) (buildkit.SolveOpt, error) {
	attachables, err := j.sources.attachables()
	if err != nil {
		return buildkit.SolveOpt{}, err
	}
	if j.inspector != nil {
		j.sources.mounts[inspectorMount] = executable(j.inspector.File)
	}
	opt := buildkit.SolveOpt{
		LocalMounts: j.sources.mounts,
		OCIStores:   j.sources.layouts,
		// The frontend gets its attributes from run; from these the builder learns which platforms it will be given.
		FrontendAttrs:       map[string]string{"platform": platformNames(j.Plan.Platforms)},
		Exports:             j.exports(ctx),
		Session:             attachables,
		AllowedEntitlements: j.Plan.Steps.Entitlements,
	}
	return opt, nil
}

// exports says where good platforms go. Repositories of one registry share an entry, so that their layers are mounted
// instead of sent again; registries have entries of their own, which BuildKit serves at the same time.
func (j *job) exports(ctx context.Context) []buildkit.ExportEntry {
	var out []buildkit.ExportEntry
	if j.Plan.Push {
		var registries []string
		names := map[string][]string{}
		for _, repo := range j.Plan.Repositories() {
			registry := repo.RegistryStr()
			if len(names[registry]) == 0 {
				registries = append(registries, registry)
			}
			names[registry] = append(names[registry], repo.Name())
		}
		for _, registry := range registries {
			out = append(out, buildkit.ExportEntry{Type: buildkit.ExporterImage, Attrs: j.imageAttrs(map[string]string{
				"name": strings.Join(names[registry], ","), "push": "true", "push-by-digest": "true", "unpack": "false",
			})})
		}
	}
	if j.Plan.Load {
		out = append(out, buildkit.ExportEntry{
			Type: buildkit.ExporterDocker, Attrs: j.imageAttrs(map[string]string{"name": tagNames(j.Plan.Tags)}),
			Output: func(map[string]string) (io.WriteCloser, error) { return j.pipeToEngine(ctx), nil },
		})
	}
	return out
}

// imageAttrs adds what makes the same inputs give the same digest.
func (j *job) imageAttrs(attrs map[string]string) map[string]string {
	if epoch := j.Plan.SourceDateEpoch; epoch != nil {
		attrs["source-date-epoch"] = strconv.FormatInt(*epoch, 10)
		attrs["rewrite-timestamp"] = "true"
	}
	return attrs
}

// pipeToEngine returns a writer whose content the engine reads while it is written. Closing it waits for the engine.
func (j *job) pipeToEngine(ctx context.Context) io.WriteCloser {
	reader, writer := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := j.Load(ctx, reader)
		_ = reader.CloseWithError(err) // never fails
		done <- err
	}()
	return &enginePipe{PipeWriter: writer, done: done}
}

type enginePipe struct {
	*io.PipeWriter
	done <-chan error
}

func (p *enginePipe) Close() error {
	_ = p.PipeWriter.Close() // never fails
	return <-p.done
}

// readExported finds what was pushed in the exporters' answer.
func readExported(response map[string]string) (Exported, error) {
	encoded := response[exptypes.ExporterImageDescriptorKey]
	if encoded == "" {
		return Exported{}, nil
	}
	var exported Exported
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err == nil {
		err = json.Unmarshal(raw, &exported.Descriptor)
	}
	if err != nil {
		return Exported{}, fmt.Errorf("builder: reading the descriptor of what it pushed: %w", err)
	}
	return exported, nil
}

func platformNames(platforms []plan.Platform) string {
	names := make([]string, len(platforms))
	for i, p := range platforms {
		names[i] = p.String()
	}
	return strings.Join(names, ",")
}

func tagNames(tags []plan.Tag) string {
	names := make([]string, len(tags))
	for i, tag := range tags {
		names[i] = tag.Name()
	}
	return strings.Join(names, ",")
}
