package cli

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/source"
)

// stagedPlatform is a platform that was handed over.
type stagedPlatform struct {
	*candidate
	handover plan.Handover
}

// How often a registry is asked for platforms that are not there yet: a request each takes milliseconds, builds take minutes.
const (
	firstPause   = 500 * time.Millisecond
	longestPause = 10 * time.Second
)

// stagedPlatforms finds what builds on other machines have handed over for every platform, and waits for it.
func (r *releaser) stagedPlatforms(ctx context.Context) ([]stagedPlatform, error) {
	if r.plan.Staged == nil {
		return nil, nil
	}
	repo := r.plan.Repositories()[0]
	find := func(ctx context.Context, p plan.Platform) (*plan.Handover, error) {
		h, _, err := r.registry.Staged(ctx, repo, r.plan.Staged.Key, p)
		return h, err
	}
	if folder := r.plan.Staged.Record; folder != "" {
		find = func(_ context.Context, p plan.Platform) (*plan.Handover, error) { return r.recorded(folder, repo, p) }
	}
	handovers, err := r.await(ctx, repo, find)
	if err != nil {
		return nil, err
	}
	var out []stagedPlatform
	for i, h := range handovers {
		if err := h.Together(handovers[0]); i > 0 && err != nil {
			return nil, &strangerError{repo.Name(), err}
		}
		if s := r.plan.Staged; h.Attempt != handovers[0].Attempt && s.Attempt > 0 {
			r.note("%s is of attempt %d, and %s of attempt %d", h.Platform, h.Attempt, handovers[0].Platform, handovers[0].Attempt)
		}
		c, err := r.handedOver(ctx, repo, h)
		if err != nil {
			return nil, err
		}
		out = append(out, stagedPlatform{candidate: c, handover: h})
	}
	return out, nil
}

// await asks for all platforms until they are there, or the time is over.
func (r *releaser) await(ctx context.Context, repo name.Repository, find func(context.Context, plan.Platform) (*plan.Handover, error)) ([]plan.Handover, error) {
	out := make([]plan.Handover, len(r.plan.Platforms))
	deadline := time.Now().Add(r.plan.Wait)
	announced := false
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		var missing []string
		for i, p := range r.plan.Platforms {
			if out[i].Image != "" {
				continue
			}
			h, err := find(ctx, p)
			switch {
			case err != nil:
				return nil, err
			case h == nil:
				missing = append(missing, p.String())
			case h.Building:
				missing = append(missing, fmt.Sprintf("%s (attempt %d is being built)", p, h.Attempt))
			default:
				if err := r.plan.Staged.Accepts(*h, repo.Name(), p); err != nil {
					return nil, &strangerError{fmt.Sprintf("repository %s: %s", repo, p), err}
				}
				out[i] = *h
			}
		}
		if len(missing) == 0 {
			return out, nil
		}
		left := time.Until(deadline)
		if left <= 0 {
			return nil, &notStagedError{repository: repo.Name(), key: r.plan.Staged.Key, record: r.plan.Staged.Record, missing: missing, waited: r.plan.Wait}
		}
		if !announced {
			r.say("wait", "for %s, at most %s", strings.Join(missing, ", "), r.plan.Wait)
			announced = true
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(min(pause, left)):
		}
	}
}

// recorded finds a platform's newest file in a folder or below it. A file of another image, run or revision is an error, because all that
// is there was meant to be published.
func (r *releaser) recorded(folder string, repo name.Repository, p plan.Platform) (newest *plan.Handover, err error) {
	root, err := os.OpenRoot(folder)
	if os.IsNotExist(err) {
		return nil, nil // perhaps it is still to come
	}
	if err != nil {
		return nil, fmt.Errorf("folder of records: %w", err)
	}
	defer func() { _ = root.Close() }() // only read
	err = fs.WalkDir(root.FS(), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		raw, err := fs.ReadFile(root.FS(), path)
		if err != nil {
			return err
		}
		h, err := plan.ReadHandover(raw)
		if err != nil {
			return fmt.Errorf("record %q: %w", path, err)
		}
		if err := r.plan.Staged.Accepts(h, repo.Name(), h.Platform); err != nil {
			return &strangerError{fmt.Sprintf("record %q", path), err}
		}
		switch {
		case !h.Platform.Equal(p):
		case newest == nil || newest.Attempt < h.Attempt:
			newest = &h
		case newest.Attempt == h.Attempt && newest.Manifests[0].Digest != h.Manifests[0].Digest:
			return &strangerError{fmt.Sprintf("record %q", path), fmt.Errorf("it names %s for %s, and another record of the same attempt names %s", h.Manifests[0].Digest, p, newest.Manifests[0].Digest)}
		}
		return nil
	})
	return newest, err
}

// handedOver reads the image that was handed over.
func (r *releaser) handedOver(ctx context.Context, repo name.Repository, h plan.Handover) (*candidate, error) {
	named := fmt.Sprintf("%s@%s", repo.Name(), h.Manifests[0].Digest)
	ref, err := source.Parse(named)
	if err != nil {
		return nil, err
	}
	opened, err := r.open(ctx, ref)
	if err != nil {
		return nil, err
	}
	c, err := r.candidate(ctx, named, opened, h.Manifests[0])
	if err != nil {
		return nil, err
	}
	if !c.platform.Equal(h.Platform) {
		return nil, &strangerError{named, fmt.Errorf("it was handed over as %s, and its config says %s", h.Platform, c.platform)}
	}
	c.named, c.attestations = "staged "+h.Platform.String(), h.Manifests[1:]
	return c, nil
}

// unstage removes what has been published from every repository in which it was handed over. That it cannot is no reason to fail: the tags
// have moved.
func (r *releaser) unstage(ctx context.Context, staged []stagedPlatform) {
	for _, repo := range r.plan.Repositories() {
		for _, s := range staged {
			if r.plan.Staged.Record != "" {
				return
			}
			there, hash, err := r.registry.Staged(ctx, repo, s.handover.Key, s.handover.Platform)
			if err == nil && (there == nil || there.Building || there.Attempt != s.handover.Attempt) {
				continue // somebody else's
			}
			allowed := false
			if err == nil {
				allowed, err = r.registry.Unstage(ctx, repo, *there, hash)
			}
			if !allowed {
				r.note("repository %s: the registry does not let staging references be removed; they stay, and nobody uses them: %s", repo, becauseOf(err))
				break
			}
		}
	}
}

func becauseOf(err error) string {
	if err == nil {
		return "deletion is not allowed"
	}
	return err.Error()
}

// strangerError says that something was handed over that does not belong to what is published.
type strangerError struct {
	what string
	err  error
}

// Error names it and how it differs.
func (e *strangerError) Error() string {
	return fmt.Sprintf("%s: taking what was handed over: %v", e.what, e.err)
}

// Unwrap returns the difference.
func (e *strangerError) Unwrap() error { return e.err }

// Hint says how to keep strangers out.
func (e *strangerError) Hint() string {
	return "build and publish from one run and one commit, and give each image of a run a key of its own: --staged=KEY"
}

// notStagedError names platforms that did not come.
type notStagedError struct {
	repository, key, record string
	missing                 []string
	waited                  time.Duration
}

// Error names the platforms, and where they were looked for.
func (e *notStagedError) Error() string {
	where := fmt.Sprintf("repository %s, key %s", e.repository, e.key)
	if e.record != "" {
		where = "folder " + e.record
	}
	return fmt.Sprintf("%s: waiting %s for platforms: not handed over: %s; no tag was moved", where, e.waited, strings.Join(e.missing, ", "))
}

// Hint says what to look at.
func (e *notStagedError) Hint() string {
	return "look at the jobs that build them: each needs build --staged with the same key, tags of the same repository and its --platform; --wait 30m waits for jobs that still run"
}
