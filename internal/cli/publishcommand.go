package cli

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/publish"
	"github.com/org/multiarch-action/internal/registry"
	"github.com/org/multiarch-action/internal/source"
)

func (a *app) publishCommand() *cobra.Command {
	var inputs plan.Inputs
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "publish [flags] -t TAG… SOURCE…",
		Short: "Make one verified index of images that exist, and tag it",
		Long: `Make an index of images that exist: per-architecture tags, digests, other indexes, OCI layouts, or what
builds on other machines have handed over with --staged. Images are verified first; then they are copied to
the tags' repositories where they lack, the index is pushed by digest and read back, and the tags move last.

Platforms are taken from the images' configs, never from names. Attestations in a source's index go along.
With --platform exactly these must be there, and the index has their order.

Every flag can also be given in the environment, by the names in docs/release-inputs.md.

Exit status: 0 done; 1 a registry failed, or a staged platform did not come; 2 the request or the images do
not fit, nothing was written; 3 verification found something, no tag was moved; 130 cancelled.`,
		Example: `  multiarch-action publish -t ghcr.io/owner/app:1.4 ghcr.io/owner/app:1.4-amd64 ghcr.io/owner/app:1.4-arm64
  multiarch-action publish -t ghcr.io/owner/app:1.4 --append ./riscv64.tar
  multiarch-action publish -t ghcr.io/owner/app:1.4 --staged --platform linux/amd64,linux/arm64 --wait 30m`,
		RunE: func(cmd *cobra.Command, args []string) error {
			inputs.Sources = args
			if err := a.fromEnvironment(cmd.Flags(), plan.PublishInputs(), &inputs); err != nil {
				return err
			}
			r, err := a.newReleaser(cmd.Context(), inputs)
			if err != nil {
				return err
			}
			return r.execute(cmd.Context(), asJSON, r.publish)
		},
	}
	inputFlags(cmd, plan.PublishInputs(), &inputs)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON on standard output")
	cmd.Flags().SortFlags = false
	return cmd
}

// publish makes the index and moves the tags.
func (r *releaser) publish(ctx context.Context) error {
	if err := r.registry.CheckPush(ctx, r.plan.Repositories()); err != nil {
		return err
	}
	candidates, staged, err := r.gather(ctx)
	if err != nil {
		return err
	}
	if err := r.check(ctx, candidates, nil); err != nil {
		return err
	}
	document, err := r.assemble(ctx, candidates)
	if err != nil {
		return err
	}
	if err := r.tag(ctx, r.plan.Tags, document); err != nil {
		return err
	}
	r.unstage(ctx, staged)
	return nil
}

// gather finds the images of the index, in its order.
func (r *releaser) gather(ctx context.Context) ([]*candidate, []stagedPlatform, error) {
	var all []*candidate
	var problems plan.InputErrors
	for _, ref := range r.references {
		opened, err := r.open(ctx, ref)
		if err != nil {
			return nil, nil, err
		}
		found, err := r.candidates(ctx, ref.String(), opened)
		var wrong plan.InputErrors
		if errors.As(err, &wrong) {
			problems = append(problems, wrong...)
		} else if err != nil {
			return nil, nil, err
		}
		all = append(all, found...)
	}
	staged, err := r.stagedPlatforms(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, s := range staged {
		all = append(all, s.candidate)
	}
	all, twice := distinct(all)
	problems = append(problems, twice...)
	if r.plan.Append {
		before, err := r.before(ctx)
		if err != nil {
			return nil, nil, err
		}
		all = r.appended(before, all)
	}
	all, wrong := wantedOnly(all, r.plan.Platforms)
	if problems = append(problems, wrong...); len(problems) > 0 {
		return nil, nil, problems
	}
	if len(all) == 0 {
		return nil, nil, plan.InputErrors{{Value: strings.Join(r.plan.Sources, " "), Rule: "there is no image in it", Hint: "name images, or indexes of images"}}
	}
	return all, staged, nil
}

// before reads the images that the first tag points at.
func (r *releaser) before(ctx context.Context) ([]*candidate, error) {
	tag := r.plan.Tags[0].Name()
	ref, err := source.Parse(tag)
	if err != nil {
		return nil, err
	}
	opened, err := r.open(ctx, ref)
	if source.IsMissing(err) {
		return nil, plan.InputErrors{{Input: "--append", Value: tag, Rule: "there is no such tag to add to", Hint: "leave out --append to make a new index"}}
	}
	if err != nil {
		return nil, err
	}
	r.appendedTo = opened.Index
	return r.candidates(ctx, tag, opened)
}

// appended puts new images in the places of those that they replace, and the others behind all.
func (r *releaser) appended(before, added []*candidate) []*candidate {
	out := slices.Clone(before)
	for _, c := range added {
		i := slices.IndexFunc(before, func(o *candidate) bool { return o.platform.Equal(c.platform) })
		if i < 0 {
			out = append(out, c)
			continue
		}
		if out[i].row.Digest != c.row.Digest {
			r.note("%s: %s is replaced by %s from %s", c.platform, out[i].row.Digest, c.row.Digest, c.named)
		}
		out[i] = c
	}
	return out
}

// assemble copies the images into every repository, and pushes the index by digest. One image without attestations is published as its
// manifest alone, because some services refuse an index.
func (r *releaser) assemble(ctx context.Context, candidates []*candidate) (publish.Document, error) {
	var images []plan.Pushed
	for _, c := range candidates {
		images = append(images, c.pushed())
	}
	for _, repo := range r.plan.Repositories() {
		for _, c := range candidates {
			for _, d := range append([]v1.Descriptor{c.image.Descriptor}, c.attestations...) {
				done, err := r.registry.Copy(ctx, repo, c.from, d)
				r.copied(done)
				if err != nil {
					return publish.Document{}, err
				}
			}
		}
		r.result.Pushed = append(r.result.Pushed, repo.Name())
	}
	if len(images) == 1 && len(images[0].Attestations) == 0 {
		document, err := r.registry.Fetch(registry.JustWritten(ctx), r.plan.Repositories()[0], images[0].Descriptor.Digest)
		if err != nil {
			return document, err
		}
		return document, r.registry.Push(ctx, r.plan.Repositories(), document)
	}
	document, err := r.index(candidates, images)
	if err != nil {
		return document, err
	}
	if err := r.registry.Push(ctx, r.plan.Repositories(), document); err != nil {
		return document, err
	}
	return document, r.checkIndex(registry.JustWritten(ctx), document, images)
}

// index is the index of the images. One that is the only source, and is to hold just what it holds, stays as it is, byte for byte.
func (r *releaser) index(candidates []*candidate, images []plan.Pushed) (publish.Document, error) {
	document, err := publish.Index{Images: images, Annotations: r.annotations(candidates)}.Assemble()
	if err != nil || len(r.opened) != 1 || r.opened[0].Index == nil {
		return document, err
	}
	made, err := document.Index()
	if err != nil {
		return document, err
	}
	only := r.opened[0]
	same := slices.EqualFunc(made.Manifests, only.Index.Manifests, func(a, b v1.Descriptor) bool {
		return a.Digest == b.Digest && a.Platform != nil && b.Platform != nil && a.Platform.Equals(*b.Platform)
	})
	if same {
		document = publish.Document{Raw: only.Raw(), Type: only.MediaType, Hash: only.Digest}
	}
	return document, nil
}

// annotations of the index are those of the index that is added to; else what all images say of themselves, as a build writes it on both.
func (r *releaser) annotations(candidates []*candidate) map[string]string {
	if r.appendedTo != nil {
		return r.appendedTo.Annotations
	}
	out := map[string]string{}
	for key, value := range candidates[0].image.Manifest.Annotations {
		if plan.OfImage(key) {
			out[key] = value
		}
	}
	for _, c := range candidates {
		maps.DeleteFunc(out, func(key, value string) bool { return c.image.Manifest.Annotations[key] != value })
	}
	return out
}

// pushed is the candidate as it will stand in the index: as in the index that it comes from, if it comes from one.
func (c *candidate) pushed() plan.Pushed {
	d, spec := c.image.Descriptor, c.platform.Spec()
	if c.from.Index == nil {
		d = v1.Descriptor{MediaType: d.MediaType, Size: d.Size, Digest: d.Digest}
	}
	if d.Platform == nil || d.Platform.OS == "" {
		d.Platform = &v1.Platform{OS: spec.OS, Architecture: spec.Architecture, Variant: spec.Variant, OSVersion: spec.OSVersion, OSFeatures: spec.OSFeatures}
	}
	return plan.Pushed{
		Platform: c.platform, Config: c.image.Config, ConfigHash: c.image.Manifest.Config.Digest, Size: c.image.Size, Layers: len(c.image.Layers),
		Attestations: c.attestations, Descriptor: d,
	}
}

// checkIndex checks the index and the images that it names as every repository gives them back.
func (r *releaser) checkIndex(ctx context.Context, document publish.Document, images []plan.Pushed) error {
	index, err := document.Index()
	if err != nil {
		return err
	}
	var want []plan.Platform
	for _, image := range images {
		want = append(want, image.Platform)
	}
	for _, repo := range r.plan.Repositories() {
		read, err := r.registry.Images(ctx, repo, index.Manifests)
		if err != nil {
			return err
		}
		for i := range read { // a variant that was worked out is not in the config
			read[i].Config.Variant = images[i].Config.Variant
		}
		v := verification{level: plan.VerifyOff, policy: r.plan.Policy} // the images themselves have been compared
		r.result.Findings = append(r.result.Findings, v.index(want, index, read)...)
	}
	if plan.Failed(r.result.Findings) {
		return errRejected
	}
	return nil
}
