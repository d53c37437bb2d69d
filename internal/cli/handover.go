package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/report"
)

// stagingLine says in words how platforms are handed over.
func stagingLine(s *plan.Staging) string {
	if s.Record != "" {
		return "hand the platforms over in files in " + s.Record
	}
	return "hand the platforms over under the key " + s.Key
}

// beginStaged withdraws what an earlier attempt of this build has handed over.
func (r *run) beginStaged(ctx context.Context) error {
	s := r.plan.Staged
	if s == nil || s.Record != "" {
		return nil
	}
	for _, repo := range r.plan.Repositories() {
		for _, p := range r.plan.Platforms {
			if err := r.registry.Begin(ctx, repo, r.handover(repo, p, nil)); err != nil {
				return err
			}
		}
	}
	return nil
}

// handover is what is said about a platform in a repository.
func (r *run) handover(repo name.Repository, p plan.Platform, manifests []v1.Descriptor) plan.Handover {
	s := r.plan.Staged
	h := plan.Handover{
		SchemaVersion: plan.HandoverSchema, Image: repo.Name(), Platform: p,
		Key: s.Key, Attempt: s.Attempt, Revision: s.Revision, Manifests: manifests,
	}
	for _, tag := range r.plan.Tags {
		h.Tags = append(h.Tags, tag.Name())
	}
	return h
}

// handOver leaves the platforms, which are in every repository by digest, for the run that publishes them.
func (r *run) handOver(ctx context.Context, images []plan.Pushed) error {
	for _, repo := range r.plan.Repositories() {
		r.report.Pushed = append(r.report.Pushed, repo.Name())
		for _, image := range images {
			h := r.handover(repo, image.Platform, append([]v1.Descriptor{image.Descriptor}, image.Attestations...))
			if err := r.handOverOne(ctx, repo, h); err != nil {
				return err
			}
		}
	}
	r.report.Outcome = report.Staged
	r.say("publish", "%s", stagingLine(r.plan.Staged))
	return nil
}

func (r *run) handOverOne(ctx context.Context, repo name.Repository, h plan.Handover) error {
	folder := r.plan.Staged.Record
	if folder == "" {
		return r.registry.Stage(ctx, repo, h)
	}
	var raw bytes.Buffer
	encoder := json.NewEncoder(&raw)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(h); err != nil {
		return fmt.Errorf("record of %s: encoding: %w", h.Platform, err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("record of %s: %w", h.Platform, err)
	}
	// The attempt is in the name, so that files of several attempts can lie in one folder.
	file := fmt.Sprintf("%s-%d.json", plan.StagingTag(h.Image+" "+h.Key, h.Platform), h.Attempt)
	if err := os.WriteFile(filepath.Join(folder, file), raw.Bytes(), 0o644); err != nil {
		return fmt.Errorf("record of %s: %w", h.Platform, err)
	}
	return nil
}
