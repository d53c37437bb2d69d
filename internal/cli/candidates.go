package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/source"
	"github.com/org/multiarch-action/internal/verify"
)

// candidates reads the images of a source, with the attestations about them.
func (r *releaser) candidates(ctx context.Context, named string, opened *source.Source) ([]*candidate, error) {
	if opened.Root().Digest == (v1.Hash{}) {
		return nil, plan.InputErrors{{Value: named, Rule: "the archive holds no manifest, so nothing in it has a digest", Hint: "save it with the OCI layout, as docker buildx build --output type=oci does"}}
	}
	images, err := opened.Images(ctx)
	if err != nil {
		return nil, err
	}
	entries, err := opened.Entries(ctx)
	if err != nil {
		return nil, err
	}
	attestations := map[string][]v1.Descriptor{}
	for _, e := range entries {
		if about, ok := source.IsAttestation(e); ok {
			attestations[about] = append(attestations[about], e)
		}
	}
	var out []*candidate
	var problems plan.InputErrors
	for _, d := range images {
		c, err := r.candidate(ctx, named, opened, d)
		var wrong plan.InputErrors
		if errors.As(err, &wrong) {
			problems = append(problems, wrong...)
			continue
		}
		if err != nil {
			return nil, err
		}
		c.attestations = attestations[d.Digest.String()]
		out = append(out, c)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return out, nil
}

// candidate reads one image. Its platform is that of its config, unless the index stays as it is.
func (r *releaser) candidate(ctx context.Context, named string, opened *source.Source, d v1.Descriptor) (*candidate, error) {
	image, err := opened.Image(ctx, d)
	if err != nil {
		return nil, err
	}
	p := &part{platform: plan.PlatformOf(image.Config.Platform), image: image}
	if r.asIs && d.Platform != nil {
		p.platform = platformOf(*d.Platform)
	}
	if !r.asIs {
		if err := r.settlePlatform(ctx, named, opened, d, image); err != nil {
			return nil, err
		}
		p.platform = plan.PlatformOf(image.Config.Platform)
	}
	p.row.Platform, p.row.Digest = p.platform.String(), d.Digest.String()
	p.row.Size, p.row.Layers = image.Size, len(image.Layers)
	p.row.Verdict = verdictOf(nil)
	return &candidate{part: p, named: named, from: opened}, nil
}

// settlePlatform is an error if an image does not say its platform, or an index says something else. It fills in a variant that is missing.
func (r *releaser) settlePlatform(ctx context.Context, named string, opened *source.Source, d v1.Descriptor, image *source.Image) error {
	where := named
	if opened.Index != nil {
		where = fmt.Sprintf("%s (%s)", named, d.Digest)
	}
	wrong := func(rule, hint string) error {
		return plan.InputErrors{{Value: where, Rule: rule, Hint: hint}}
	}
	if image.Config.OS == "" || image.Config.Architecture == "" {
		return wrong("its config names no platform", "build it with a tool that writes one; nothing else says what it is for")
	}
	if d.Platform != nil && d.Platform.OS != "" && !sameMachine(platformOf(*d.Platform), plan.PlatformOf(image.Config.Platform)) {
		return wrong(fmt.Sprintf("the index says %s, and the image's config says %s", platformOf(*d.Platform), plan.PlatformOf(image.Config.Platform)), "build the image for its platform, or put it into an index under its own")
	}
	return r.variant(ctx, where, d, image)
}

// sameMachine compares platforms without the version of the operating system, which older indexes leave out.
func sameMachine(a, b plan.Platform) bool {
	x, y := a.Spec(), b.Spec()
	return x.OS == y.OS && x.Architecture == y.Architecture && x.Variant == y.Variant
}

// variant fills in the variant of ARM in a config that has none: an index's entry may have it, else the programs have.
func (r *releaser) variant(ctx context.Context, where string, d v1.Descriptor, image *source.Image) error {
	config := &image.Config
	if config.OS != "linux" || config.Architecture != "arm" || config.Variant != "" {
		return nil
	}
	if d.Platform != nil && d.Platform.Variant != "" {
		config.Variant = d.Platform.Variant
		r.note("%s: its config names no variant of ARM; its index says linux/arm/%s", where, config.Variant)
		return nil
	}
	read, err := r.verifier.reader.Read(ctx, image.Layers)
	if err != nil {
		return fmt.Errorf("image %s: %w", where, err)
	}
	defer read.Close()
	variant, by, err := verify.ARMVariant(ctx, *config, layerFiles(read))
	if err != nil {
		return fmt.Errorf("image %s: %w", where, err)
	}
	if variant == "" {
		config.Variant = plan.PlatformOf(config.Platform).Spec().Variant
		r.note("%s: its config names no variant of ARM, and neither do its programs: it is published as %s, for which others take it", where, plan.PlatformOf(config.Platform))
		return nil
	}
	config.Variant = variant
	r.note("%s: its config names no variant of ARM; %s: it is published as linux/arm/%s", where, by, variant)
	return nil
}

// distinct is an error if two images are for one platform. The same image twice counts once.
func distinct(all []*candidate) ([]*candidate, plan.InputErrors) {
	var out []*candidate
	var problems plan.InputErrors
	for _, c := range all {
		i := slices.IndexFunc(out, func(o *candidate) bool { return o.platform.Equal(c.platform) })
		switch {
		case i < 0:
			out = append(out, c)
		case out[i].row.Digest != c.row.Digest:
			problems = append(problems, &plan.InputError{
				Value: c.named, Rule: fmt.Sprintf("its image for %s is %s, and that of %q is %s", c.platform, c.row.Digest, out[i].named, out[i].row.Digest),
				Hint: "name one image for each platform",
			})
		}
	}
	return out, problems
}

// wantedOnly compares the images with the platforms that must be there, and brings them into that order.
func wantedOnly(all []*candidate, want []plan.Platform) ([]*candidate, plan.InputErrors) {
	if len(want) == 0 {
		return all, nil
	}
	var out []*candidate
	var problems plan.InputErrors
	var there []string
	for _, c := range all {
		there = append(there, fmt.Sprintf("%s from %s", c.platform, c.named))
		if !slices.ContainsFunc(want, c.platform.Equal) {
			problems = append(problems, &plan.InputError{
				Value: c.named, Rule: fmt.Sprintf("it holds %s (%s), which --platform does not name", c.platform, c.row.Digest), Hint: "name the platform, or leave the image out",
			})
		}
	}
	for _, p := range want {
		i := slices.IndexFunc(all, func(c *candidate) bool { return c.platform.Equal(p) })
		if i < 0 {
			problems = append(problems, &plan.InputError{
				Input: "--platform", Value: p.String(), Rule: "no source has an image for it", Hint: "there is: " + strings.Join(there, ", "),
			})
			continue
		}
		out = append(out, all[i])
	}
	return out, problems
}
