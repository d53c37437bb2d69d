package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/registry"
)

// Stage leaves a handover in its repository, under a tag that Staged finds by the key and the platform. One of a newer attempt, or
// of another image, is not replaced.
func (r Registry) Stage(ctx context.Context, repo name.Repository, h plan.Handover) error {
	tag := repo.Tag(plan.StagingTag(h.Key, h.Platform))
	fail := func(err error) error { return fmt.Errorf("%s: handing over %s: %w", tag, h.Platform, err) }
	there, _, err := r.staged(ctx, tag)
	if err == nil && there != nil {
		err = h.Replaces(*there)
	}
	if err != nil {
		return fail(err)
	}
	document, err := handoverIndex(h)
	if err != nil {
		return fail(err)
	}
	if err := r.put(ctx, repo, tag, document); err != nil {
		return fail(err)
	}
	_, hash, err := r.staged(registry.JustWritten(ctx), tag)
	if err == nil && hash != document.Hash {
		err = fmt.Errorf("reading it back: it points at %s, not at %s; another build has handed over at the same moment", hash, document.Hash)
	}
	if err != nil {
		return fail(err)
	}
	return nil
}

// Begin says that a new attempt to build a platform has begun, where an earlier one has handed it over: until Stage is called nobody
// takes the older result.
func (r Registry) Begin(ctx context.Context, repo name.Repository, h plan.Handover) error {
	there, _, err := r.staged(ctx, repo.Tag(plan.StagingTag(h.Key, h.Platform)))
	if err != nil {
		return fmt.Errorf("repository %s: looking for what an earlier attempt has handed over of %s: %w", repo, h.Platform, err)
	}
	if there == nil {
		return nil
	}
	h.Building, h.Manifests = true, there.Manifests // registries refuse an index of nothing
	return r.Stage(ctx, repo, h)
}

// Staged finds what was handed over for a platform; nil if nothing was. hash names it for Unstage.
func (r Registry) Staged(ctx context.Context, repo name.Repository, key string, p plan.Platform) (h *plan.Handover, hash v1.Hash, err error) {
	tag := repo.Tag(plan.StagingTag(key, p))
	h, hash, err = r.staged(ctx, tag)
	if err != nil {
		return nil, hash, fmt.Errorf("%s: reading what was handed over: %w", tag, err)
	}
	return h, hash, nil
}

func (r Registry) staged(ctx context.Context, tag name.Tag) (*plan.Handover, v1.Hash, error) {
	got, err := r.get(ctx, tag.Context(), tag)
	if isMissing(err) {
		return nil, v1.Hash{}, nil
	}
	if err != nil {
		return nil, v1.Hash{}, err
	}
	index, err := got.Index()
	if err != nil {
		return nil, got.Hash, err
	}
	h, err := plan.HandoverOf(index)
	return &h, got.Hash, err
}

func handoverIndex(h plan.Handover) (Document, error) {
	raw, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: h.Manifests, Annotations: h.Annotations()})
	if err != nil {
		return Document{}, err
	}
	return newDocument(raw, types.OCIImageIndex)
}

// Unstage removes a handover from a repository, with the tag that led to it. allowed is false where the registry does not let it be
// deleted. hash is what Staged found.
func (r Registry) Unstage(ctx context.Context, repo name.Repository, h plan.Handover, hash v1.Hash) (allowed bool, err error) {
	tag := repo.Tag(plan.StagingTag(h.Key, h.Platform))
	allowed, err = r.remove(ctx, repo.Digest(hash.String()))
	if allowed { // some registries keep a tag whose manifest is gone
		if _, now, _ := r.staged(ctx, tag); now == hash {
			allowed, err = r.remove(ctx, tag)
		}
	}
	if err != nil {
		return false, fmt.Errorf("%s: removing what was handed over: %w", tag, err)
	}
	return allowed, nil
}

// remove asks once: what is not there needs no patience.
func (r Registry) remove(ctx context.Context, ref name.Reference) (allowed bool, err error) {
	err = remote.Delete(ref, r.client().Options(ctx)...)
	var answer *transport.Error
	switch {
	case err == nil, isMissing(err):
		return true, nil
	case errors.As(err, &answer) && refusesDeletion(answer.StatusCode):
		return false, nil
	}
	return false, err
}

// refusesDeletion knows the answers of registries that delete nothing, or not for this login.
func refusesDeletion(status int) bool {
	return status == http.StatusMethodNotAllowed || status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusBadRequest || status == http.StatusNotImplemented
}
