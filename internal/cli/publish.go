package cli

import (
	"context"
	"maps"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/org/multiarch-action/internal/build"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/publish"
	"github.com/org/multiarch-action/internal/registry"
	"github.com/org/multiarch-action/internal/report"
)

// publish makes the index of what was pushed by digest, and when it and all other outputs are good moves the tags.
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
	images = r.inOrder(images, report.StatusPushed)
	r.images = images
	if err := r.verdict(); err != nil {
		return err
	}
	if r.plan.Staged != nil {
		if err := r.writeOutputs(ctx, exported); err != nil {
			return err
		}
		return r.handOver(ctx, images)
	}
	var document publish.Document
	err := r.stage("publish/index", func() error {
		var g errgroup.Group
		g.Go(func() (err error) {
			document, err = r.document(ctx, images)
			return err
		})
		g.Go(func() error {
			return r.nameAttestations(images, func(d v1.Descriptor) (publish.Attestation, error) {
				return r.registry.Attestation(ctx, repositories[0], d)
			})
		})
		return g.Wait()
	})
	if err != nil {
		return err
	}
	r.describe(document, images)
	r.say("publish", "pushed and read back %s", r.report.Digest)
	if err := r.verifyIndex(ctx, document, images); err != nil {
		return err
	}
	if err := r.writeOutputs(ctx, exported); err != nil {
		return err
	}
	if r.plan.ByDigest {
		r.report.Outcome = report.Published
		return nil
	}
	return r.stage("publish/tags", func() error { return r.moveTags(ctx, document) })
}

func (r *run) moveTags(ctx context.Context, document publish.Document) error {
	moves, err := r.registry.Tag(ctx, r.plan.Tags, document)
	for _, m := range moves {
		r.report.Tags = append(r.report.Tags, report.Tag{Name: m.Tag.Name(), From: m.From, To: m.To, Moved: m.Moved()})
	}
	if err == nil {
		r.report.Outcome = report.Published
	}
	return err
}

// replaced puts the sizes of what a tag held before beside those of now.
func (r *run) replaced(before publish.Sizes, err error) {
	if err != nil {
		r.report.Notes = append(r.report.Notes, err.Error())
		return
	}
	compared := &report.Compared{Tag: before.Tag.Name(), Digest: before.Digest}
	for i := range r.report.Platforms {
		row := &r.report.Platforms[i]
		if row.Digest != "" {
			row.SizeBefore = before.Platforms[row.Platform.String()]
			delete(before.Platforms, row.Platform.String())
		}
	}
	compared.Gone = slices.Sorted(maps.Keys(before.Platforms))
	r.report.Compared = compared
}

// published are the platforms that the index must hold: all but those that failed and may.
func (r *run) published() []plan.Platform {
	return slices.DeleteFunc(slices.Clone(r.plan.Platforms), func(p plan.Platform) bool { return slices.Contains(r.report.Missing, p.String()) })
}

// inOrder puts images into the plan's order and into the report.
func (r *run) inOrder(images []plan.Pushed, status report.Status) []plan.Pushed {
	var out []plan.Pushed
	for i := range r.report.Platforms {
		row := &r.report.Platforms[i]
		for _, image := range images {
			if !image.Platform.Equal(row.Platform) {
				continue
			}
			r.entry(&image)
			out = append(out, image)
			if row.Digest != "" { // another form of the image is in the report
				continue
			}
			row.Status, row.Digest = status, image.Descriptor.Digest.String()
			row.Size, row.Layers = image.Size, image.Layers
			for _, a := range image.Attestations {
				row.Attestations = append(row.Attestations, report.Attestation{Digest: a.Digest.String()})
			}
		}
	}
	return out
}

// nameAttestations completes the report's attestations of images with the statements in them, and keeps what they say about the build.
func (r *run) nameAttestations(images []plan.Pushed, read func(v1.Descriptor) (publish.Attestation, error)) error {
	var g errgroup.Group
	for _, image := range images {
		at := slices.IndexFunc(r.report.Platforms, func(row report.Platform) bool { return row.Platform.Equal(image.Platform) })
		for j, d := range image.Attestations {
			g.Go(func() error {
				attestation, err := read(d)
				if err != nil {
					return err
				}
				r.report.Platforms[at].Attestations[j].Predicates = attestation.Predicates
				r.provenance.keep(image.Platform, attestation.Provenance)
				return nil
			})
		}
	}
	return g.Wait()
}

// entry adds to an image's entry in the index the annotations that are for it.
func (r *run) entry(image *plan.Pushed) {
	for key, value := range r.plan.AnnotationsOf(plan.AnnotateManifestDescriptor, image.Platform) {
		if image.Descriptor.Annotations == nil {
			image.Descriptor.Annotations = map[string]string{}
		}
		image.Descriptor.Annotations[key] = value
	}
}

// describe puts the document that the run is about into the report.
func (r *run) describe(document publish.Document, images []plan.Pushed) {
	r.report.Digest, r.report.ImageID, r.report.Size = document.Hash.String(), document.Hash.String(), int64(len(document.Raw))
	r.report.MediaType = string(document.Type)
	// An engine of old is given the only manifest of an index, and names it after its config.
	if !document.Type.IsIndex() || r.plan.Load && !r.plan.Push && len(images) == 1 {
		r.report.ImageID = images[0].ConfigHash.String()
	}
	if !r.plan.Push {
		return
	}
	r.report.Image = r.plan.Tags[0].Name() + "@" + r.report.Digest
	if r.plan.ByDigest {
		r.report.Image = r.plan.Repositories()[0].Name() + "@" + r.report.Digest
	}
}

// document is what the tags will point at: the index, stored in every repository, or the manifest where only one platform was asked
// for and nothing is attested, because some services refuse an index. Every repository has it with the same digest then.
func (r *run) document(ctx context.Context, images []plan.Pushed) (document publish.Document, err error) {
	repositories := r.plan.Repositories()
	if !r.plan.Index() {
		document, err = r.registry.Fetch(ctx, repositories[0], images[0].Descriptor.Digest)
	} else {
		document, err = r.assemble(images)
	}
	if err != nil {
		return publish.Document{}, err
	}
	return document, r.registry.Push(ctx, repositories, document)
}

func (r *run) assemble(images []plan.Pushed) (publish.Document, error) {
	return publish.Index{Images: images, Annotations: r.plan.AnnotationsOf(plan.AnnotateIndex, plan.Platform{})}.Assemble()
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
