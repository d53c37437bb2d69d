package build

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/containerd/platforms"
	buildkit "github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/session"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"

	"github.com/org/multiarch-action/internal/plan"
)

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
