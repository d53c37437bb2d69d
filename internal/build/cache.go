package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/containerd/platforms"
	buildkit "github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/ociindex"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/session"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/org/multiarch-action/internal/plan"
)

// CacheProblem is a cache that could not be used. The build went on without it.
type CacheProblem struct {
	Cache     plan.Cache
	Platforms []plan.Platform // whose results were to be written; none: it could not be read
	Err       error
}

// Missing reports whether there is just nothing to be read, as before the first time that something was written.
func (p *CacheProblem) Missing() bool {
	return len(p.Platforms) == 0 && (errors.Is(p.Err, errNoCache) || strings.HasSuffix(p.Err.Error(), ": not found"))
}

// Error says which cache it is, and why.
func (p *CacheProblem) Error() string {
	if p.Missing() {
		return fmt.Sprintf("cache %s: there is nothing to be read yet", p.Cache)
	}
	what := "reading"
	if len(p.Platforms) > 0 {
		what = "writing for " + strings.ReplaceAll(platformNames(p.Platforms), ",", ", ")
	}
	return fmt.Sprintf("cache %s: %s: %v", p.Cache, what, p.Err)
}

// Unwrap returns the cause.
func (p *CacheProblem) Unwrap() error { return p.Err }

// cacheUse is what a job knows of the caches that it reads and writes.
type cacheUse struct {
	mu       sync.Mutex
	sources  []*cacheSource
	problems []*CacheProblem
	writes   sync.WaitGroup
}

// cacheSource is one cache of the plan, which may be read from several places.
type cacheSource struct {
	cache plan.Cache
	names map[string]bool // of the places, as the builder says them
	read  bool            // one of them could be read, which is enough
	err   error           // why one could not
}

// importName is how the builder's log begins to say that it reads a cache (loadResult of solver/llbsolver/bridge.go).
const importName = "importing cache manifest from "

// useCaches says in a request which caches are to be read, and whether the image is to be one.
func (j *job) useCaches(ctx context.Context, builder *buildkit.Client, opt *buildkit.SolveOpt) error {
	if j.Plan.InlineCache() {
		opt.CacheExports = []buildkit.CacheOptionsEntry{{Type: "inline"}}
	}
	if len(j.Plan.CacheFrom) == 0 {
		return nil
	}
	machine, err := buildPlatform(ctx, builder)
	if err != nil {
		return fmt.Errorf("builder: asking for its platforms: %w", err)
	}
	opt.CacheImports = j.imports(machine)
	return nil
}

// imports are the places that the builder is to read. Local ones that are not there are left out: BuildKit's client would warn of them
// on standard error.
func (j *job) imports(buildPlatform plan.Platform) []buildkit.CacheOptionsEntry {
	var out []buildkit.CacheOptionsEntry
	for i, places := range j.Plan.CachesToRead(buildPlatform) {
		source := &cacheSource{cache: j.Plan.CacheFrom[i], names: map[string]bool{}}
		for _, c := range places {
			if err := localCache(c); err != nil {
				source.err = err
				continue
			}
			name := c.Type
			if c.Type == "registry" {
				name = c.Attrs["ref"]
			}
			source.names[name] = true
			out = append(out, buildkit.CacheOptionsEntry{Type: c.Type, Attrs: c.Attrs})
		}
		j.caches.sources = append(j.caches.sources, source)
	}
	return out
}

// errNoCache is a folder without a cache.
var errNoCache = errors.New("there is none")

// localCache is an error if a cache is a folder that holds none.
func localCache(c plan.Cache) error {
	if c.Type != "local" || c.Attrs["digest"] != "" {
		return nil
	}
	tag := c.Attrs["tag"]
	if tag == "" {
		tag = "latest"
	}
	descriptor, err := ociindex.NewStoreIndex(c.Attrs["src"]).Get(tag)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && descriptor == nil:
		return errNoCache
	}
	return err
}

// watchImports notes what became of the places that the builder reads, and takes their errors out of its log: whether they matter is
// known in the end.
func (u *cacheUse) watchImports(message *buildkit.SolveStatus) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, v := range message.Vertexes {
		id, ok := strings.CutPrefix(v.Name, importName)
		if !ok || v.Completed == nil {
			continue
		}
		for _, source := range u.sources {
			name := id
			if source.cache.Type != "registry" {
				name, _, _ = strings.Cut(id, ":") // a hash follows
			}
			if !source.names[name] {
				continue
			}
			if v.Error == "" {
				source.read = true
			} else {
				source.err = errors.New(v.Error)
			}
		}
		v.Error = ""
	}
}

// unread are the caches of which no place could be read.
func (u *cacheUse) unread() []*CacheProblem {
	u.mu.Lock()
	defer u.mu.Unlock()
	var out []*CacheProblem
	for _, source := range u.sources {
		if !source.read && source.err != nil {
			out = append(out, &CacheProblem{Cache: source.cache, Err: source.err})
		}
	}
	return out
}

// writeCaches begins to write every cache for the platforms that were built. Each is a request of its own, in which the builder finds
// the results of this one, so that what becomes of a cache is known and a failure is not the image's. It returns when these requests
// have the results; they end later.
func (j *job) writeCaches(ctx context.Context, builder *buildkit.Client, results []*solved) {
	var loaded sync.WaitGroup
	for _, write := range j.Plan.CachesToWrite() {
		refs := map[string]gateway.Reference{}
		for i, r := range j.results {
			if s := results[i]; s != nil && s.ref != nil && r.Done && r.Failure == nil && slices.ContainsFunc(write.Platforms, r.Platform.Equal) {
				refs[r.Platform.String()] = s.ref
			}
		}
		if len(refs) == 0 {
			continue
		}
		loaded.Add(1)
		j.caches.writes.Go(func() {
			if err := j.writeCache(ctx, builder, write, refs, sync.OnceFunc(loaded.Done)); err != nil && ctx.Err() == nil {
				j.caches.problem(&CacheProblem{Cache: write.Cache, Platforms: write.Platforms, Err: err})
			}
		})
	}
	loaded.Wait()
}

func (u *cacheUse) problem(p *CacheProblem) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.problems = append(u.problems, p)
}

func (j *job) writeCache(ctx context.Context, builder *buildkit.Client, write plan.CacheWrite, refs map[string]gateway.Reference, loaded func()) error {
	defer loaded()
	opt := buildkit.SolveOpt{
		CacheExports: []buildkit.CacheOptionsEntry{{Type: write.Cache.Type, Attrs: write.Cache.Attrs}},
		// What steps needed they had; layers of base images that were not needed yet are fetched now.
		Session:             []session.Attachable{registryLogin()},
		AllowedEntitlements: j.Plan.Steps.Entitlements,
		Internal:            true, // no entry of its own in the builder's history
	}
	status := make(chan *buildkit.SolveStatus)
	var g errgroup.Group
	g.Go(func() error {
		filter := cacheLog{platforms: write.Platforms, shown: map[digest.Digest]bool{}}
		for message := range status {
			if filter.only(message) {
				j.status(message)
			}
		}
		return nil
	})
	g.Go(func() error {
		_, err := builder.Build(ctx, opt, "multiarch-action", func(ctx context.Context, c gateway.Client) (*gateway.Result, error) {
			defer loaded()
			return sameResults(ctx, c, refs)
		}, status)
		return err
	})
	return g.Wait()
}

// sameResults asks for the results of another request.
func sameResults(ctx context.Context, c gateway.Client, refs map[string]gateway.Reference) (*gateway.Result, error) {
	out := gateway.NewResult()
	var list exptypes.Platforms // without it several results are refused; what it says of them is of no concern to a cache
	for id, ref := range refs {
		state, err := ref.ToState()
		if err != nil {
			return nil, err
		}
		var definition *llb.Definition
		if definition, err = state.Marshal(ctx); err != nil {
			return nil, err
		}
		result, err := c.Solve(ctx, gateway.SolveRequest{Definition: definition.ToPB(), Evaluate: true})
		if err != nil {
			return nil, err
		}
		same, err := result.SingleRef()
		if err != nil {
			return nil, err
		}
		out.AddRef(id, same)
		list.Platforms = append(list.Platforms, exptypes.Platform{ID: id, Platform: platforms.MustParse(id)})
	}
	raw, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	out.AddMeta(exptypes.ExporterPlatformsKey, raw)
	return out, nil
}

// cacheLog lets only what is about the writing of a cache through; all else was in the log before.
type cacheLog struct {
	platforms []plan.Platform
	shown     map[digest.Digest]bool
}

// only removes the rest of a message, and reports whether something is left. With one platform its name goes before the step's.
func (l *cacheLog) only(message *buildkit.SolveStatus) bool {
	message.Vertexes = slices.DeleteFunc(message.Vertexes, func(v *buildkit.Vertex) bool {
		if !strings.HasPrefix(v.Name, "exporting cache") {
			return true
		}
		l.shown[v.Digest] = true
		if len(l.platforms) == 1 {
			v.Name = fmt.Sprintf("[%s cache] %s", l.platforms[0], v.Name)
		}
		return false
	})
	message.Statuses = slices.DeleteFunc(message.Statuses, func(s *buildkit.VertexStatus) bool { return !l.shown[s.Vertex] })
	message.Logs, message.Warnings = nil, nil
	return len(message.Vertexes)+len(message.Statuses) > 0
}

// cacheProblems waits for the caches, and tells of those that could not be used. It returns an error if the user wants a run to fail by
// one of them.
func (j *job) cacheProblems() error {
	j.caches.writes.Wait()
	var required []error
	for _, problem := range append(j.caches.unread(), j.caches.problems...) {
		if problem.Cache.Required && !problem.Missing() {
			required = append(required, problem)
		} else if j.CacheProblem != nil {
			j.CacheProblem(problem)
		}
	}
	return errors.Join(required...)
}

// buildPlatform is that of the builder's machine.
func buildPlatform(ctx context.Context, builder *buildkit.Client) (plan.Platform, error) {
	workers, err := builder.ListWorkers(ctx)
	if err != nil || len(workers) == 0 || len(workers[0].Platforms) == 0 {
		return plan.PlatformOf(ocispec.Platform{OS: "linux", Architecture: "amd64"}), err
	}
	return plan.PlatformOf(workers[0].Platforms[0]), nil
}
