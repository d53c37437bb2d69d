package cli

import (
	"context"
	"slices"

	"github.com/org/multiarch-action/internal/build"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/publish"
	"github.com/org/multiarch-action/internal/registry"
	"github.com/org/multiarch-action/internal/report"
)

// publish makes the index of what was pushed by digest, and moves the tags if everything is good.
func (r *run) publish(ctx context.Context, exported []build.Exported) error {
	repositories := r.plan.Repositories()
	var images []plan.Pushed
	for _, e := range exported {
		if e.Descriptor.Digest == "" {
			continue
		}
		pushed, err := r.registry.Read(ctx, repositories[0], e.Descriptor)
		if err != nil {
			return err
		}
		images = append(images, pushed...)
	}
	images = r.inOrder(images)
	r.images = images
	if err := r.verdict(); err != nil {
		return err
	}
	if r.plan.Staged != nil {
		return r.handOver(ctx, images)
	}
	var document publish.Document
	err := r.stage("publish/index", func() (err error) {
		document, err = r.document(ctx, images)
		return err
	})
	if err != nil {
		return err
	}
	r.report.Digest = document.Hash.String()
	r.report.Image = r.plan.Tags[0].Name() + "@" + r.report.Digest
	r.say("publish", "pushed and read back %s", r.report.Digest)
	if err := r.verifyIndex(ctx, document, images); err != nil {
		return err
	}
	var moves []publish.Move
	err = r.stage("publish/tags", func() (err error) {
		moves, err = r.registry.Tag(ctx, r.plan.Tags, document)
		return err
	})
	for _, m := range moves {
		r.report.Tags = append(r.report.Tags, report.Tag{Name: m.Tag.Name(), From: m.From, To: m.To, Moved: m.Moved()})
	}
	if err != nil {
		return err
	}
	r.report.Outcome = report.Published
	return nil
}

// published are the platforms that the index must hold: all but those that failed and may.
func (r *run) published() []plan.Platform {
	return slices.DeleteFunc(slices.Clone(r.plan.Platforms), func(p plan.Platform) bool { return slices.Contains(r.report.Missing, p.String()) })
}

// inOrder puts what was pushed into the plan's order and into the report.
func (r *run) inOrder(images []plan.Pushed) []plan.Pushed {
	var out []plan.Pushed
	for i := range r.report.Platforms {
		row := &r.report.Platforms[i]
		for _, image := range images {
			if !image.Platform.Equal(row.Platform) {
				continue
			}
			row.Status, row.Digest = report.StatusPushed, image.Descriptor.Digest.String()
			row.Size, row.Layers = image.Size, image.Layers
			out = append(out, image)
		}
	}
	return out
}

// document is what the tags will point at: the index, stored in every repository, or the manifest where only one platform was asked
// for and nothing is attested, because some services refuse an index. Every repository has it with the same digest then.
func (r *run) document(ctx context.Context, images []plan.Pushed) (document publish.Document, err error) {
	repositories := r.plan.Repositories()
	if len(r.plan.Platforms) == 1 && len(images) == 1 && len(images[0].Attestations) == 0 {
		r.report.ImageID = images[0].ConfigHash.String()
		document, err = r.registry.Fetch(ctx, repositories[0], images[0].Descriptor.Digest)
	} else if document, err = publish.Assemble(images); err == nil {
		r.report.ImageID = document.Hash.String()
	}
	if err != nil {
		return publish.Document{}, err
	}
	return document, r.registry.Push(ctx, repositories, document)
}

// verifyIndex checks the index, whose bytes every repository has given back, and the images that it names, before any tag moves.
// Those of the first repository were read when they had been pushed.
func (r *run) verifyIndex(ctx context.Context, document publish.Document, images []plan.Pushed) error {
	for _, repo := range r.plan.Repositories() {
		r.report.Pushed = append(r.report.Pushed, repo.Name())
	}
	if !document.Type.IsIndex() {
		return nil
	}
	ctx = registry.JustWritten(ctx)
	index, err := document.Index()
	if err != nil {
		return err
	}
	for i, repo := range r.plan.Repositories() {
		if i > 0 {
			if images, err = r.registry.Images(ctx, repo, index.Manifests); err != nil {
				return err
			}
		}
		r.report.Findings = append(r.report.Findings, r.verification.index(r.published(), index, images)...)
	}
	if plan.Failed(r.report.Findings) {
		return errRejected
	}
	return nil
}
