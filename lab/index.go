package main

import (
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// baseImage is an image that Dockerfiles begin with.
type baseImage struct {
	name      string // as Docker Hub's path: "library/busybox"
	tags      []string
	platforms []string
	recipe    string // what decides its content, where it is made here
	make      func(ctx context.Context) (v1.ImageIndex, error)
}

// bringImage makes sure that the registry has an image under all its tags: copied from a hub, else made here.
func (l *lab) bringImage(ctx context.Context, from hub, image baseImage) error {
	recipe := cacheKey(image.name, "made", append(image.platforms, image.recipe)...)
	if from.host != "" {
		recipe = cacheKey(image.name, "copied", append(image.platforms, from.host)...)
	}
	tags, err := localTags(image)
	if err != nil {
		return fmt.Errorf("image %s: %w", image.name, err)
	}
	step := func(do func(context.Context) (string, error)) error { return l.log.step(ctx, "image", do) }
	if registryHas(ctx, tags, recipe) {
		return step(func(context.Context) (string, error) {
			return fmt.Sprintf("%s %v is in the registry already", image.name, image.tags), nil
		})
	}
	get := image.make
	if from.host != "" {
		get = func(ctx context.Context) (v1.ImageIndex, error) { return copyIndex(ctx, from, image) }
	}
	index, err := get(ctx) // steps of its own, with lines of their own
	if err != nil {
		return fmt.Errorf("image %s: %w", image.name, err)
	}
	return step(func(ctx context.Context) (string, error) {
		return fmt.Sprintf("%s %v pushed for %d platforms", image.name, image.tags, len(image.platforms)), pushIndex(ctx, tags, recipe, index)
	})
}

// localTags gives the image's names in the lab's first registry.
func localTags(image baseImage) ([]name.Tag, error) {
	tags := make([]name.Tag, len(image.tags))
	for i, tag := range image.tags {
		ref, err := name.NewTag(plainRegistry.address()+"/"+image.name+":"+tag, name.Insecure)
		if err != nil {
			return nil, err
		}
		tags[i] = ref
	}
	return tags, nil
}

// registryHas says whether all tags name an image of this recipe. Whatever keeps it from being read is reason enough to
// push it again, and the push says what is wrong.
func registryHas(ctx context.Context, tags []name.Tag, recipe string) bool {
	for _, tag := range tags {
		index, err := remote.Index(tag, remote.WithContext(ctx))
		if err != nil {
			return false
		}
		manifest, err := index.IndexManifest()
		if err != nil || manifest.Annotations[labLabel] != recipe {
			return false
		}
	}
	return true
}

// pushIndex pushes an index with its recipe, first under one tag, then the others.
func pushIndex(ctx context.Context, tags []name.Tag, recipe string, index v1.ImageIndex) error {
	marked, ok := mutate.Annotations(index, map[string]string{labLabel: recipe}).(v1.ImageIndex)
	if !ok {
		return fmt.Errorf("marking an index: it is a %T", index)
	}
	for _, tag := range tags {
		if err := remote.WriteIndex(tag, marked, remote.WithContext(ctx), remote.WithJobs(4)); err != nil {
			return fmt.Errorf("pushing %s: %w", tag, err)
		}
	}
	return nil
}

// copyIndex gives an image of the hub, reduced to the platforms that the lab has a use for.
func copyIndex(ctx context.Context, from hub, image baseImage) (v1.ImageIndex, error) {
	ref, err := from.reference(image.name + ":" + image.tags[0])
	if err != nil {
		return nil, fmt.Errorf("naming it on the hub: %w", err)
	}
	index, err := remote.Index(ref, remote.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("pulling %s: %w", ref, err)
	}
	wanted := map[string]bool{}
	for _, platform := range image.platforms {
		wanted[platform] = true
	}
	kept := mutate.RemoveManifests(index, func(d v1.Descriptor) bool { return !wanted[shortPlatform(d.Platform)] })
	return mutate.IndexMediaType(kept, types.OCIImageIndex), nil
}

// shortPlatform spells a platform as the lab's tables do: a variant only where it tells 32-bit ARMs apart.
func shortPlatform(p *v1.Platform) string {
	if p == nil {
		return ""
	}
	if p.Architecture == "arm" {
		return p.OS + "/" + p.Architecture + "/" + p.Variant
	}
	return p.OS + "/" + p.Architecture
}

// layeredImage makes an image for one platform from layer files.
func layeredImage(platform string, config v1.Config, files ...string) (mutate.IndexAddendum, error) {
	p, err := v1.ParsePlatform(platform)
	if err != nil {
		return mutate.IndexAddendum{}, fmt.Errorf("reading platform %q: %w", platform, err)
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err = mutate.ConfigFile(image, &v1.ConfigFile{
		OS: p.OS, Architecture: p.Architecture, Variant: p.Variant, Config: config, RootFS: v1.RootFS{Type: "layers"}, Created: v1.Time{Time: epoch},
	})
	if err != nil {
		return mutate.IndexAddendum{}, fmt.Errorf("making an image for %s: %w", platform, err)
	}
	for _, file := range files {
		layer, err := tarball.LayerFromFile(file, tarball.WithMediaType(types.OCILayer))
		if err != nil {
			return mutate.IndexAddendum{}, fmt.Errorf("reading the layer of %s: %w", platform, err)
		}
		if image, err = mutate.Append(image, mutate.Addendum{Layer: layer, History: v1.History{Created: v1.Time{Time: epoch}, CreatedBy: "lab"}}); err != nil {
			return mutate.IndexAddendum{}, fmt.Errorf("making an image for %s: %w", platform, err)
		}
	}
	return mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{MediaType: types.OCIManifestSchema1, Platform: p}}, nil
}

// indexOf makes an index of images.
func indexOf(images ...mutate.IndexAddendum) v1.ImageIndex {
	return mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), images...)
}
