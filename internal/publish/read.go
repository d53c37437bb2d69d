package publish

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/registry"
)

// Read finds out what the builder pushed a moment ago: the manifests below the descriptor, in its order, each with its config, the
// size of its layers and the attestations about it.
func (r Registry) Read(ctx context.Context, repo name.Repository, pushed ocispec.Descriptor) ([]plan.Pushed, error) {
	ctx = registry.JustWritten(ctx)
	var root *remote.Descriptor
	err := r.do(ctx, repo, func(_ context.Context, options []remote.Option) (err error) {
		root, err = remote.Get(repo.Digest(pushed.Digest.String()), options...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("repository %s: reading what was pushed: %w", repo, err)
	}
	// What go-containerregistry adds to it from the manifest has no place in an index.
	children := []v1.Descriptor{{MediaType: root.MediaType, Size: root.Size, Digest: root.Digest}}
	if root.MediaType.IsIndex() {
		index, err := Document{Raw: root.Manifest, Type: root.MediaType, Hash: root.Digest}.Index()
		if err != nil {
			return nil, fmt.Errorf("repository %s: %w", repo, err)
		}
		children = index.Manifests
	}
	return r.Images(ctx, repo, children)
}

// Images reads from a repository what several descriptors name, in their order. Attestations are given to the images that they are
// about.
func (r Registry) Images(ctx context.Context, repo name.Repository, descriptors []v1.Descriptor) ([]plan.Pushed, error) {
	images, attestations, err := split(descriptors)
	if err != nil {
		return nil, fmt.Errorf("repository %s: %w", repo, err)
	}
	out := make([]plan.Pushed, len(images))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrency)
	for i, descriptor := range images {
		g.Go(func() error {
			var err error
			out[i], err = r.image(ctx, repo, descriptor)
			out[i].Attestations = attestations[descriptor.Digest]
			return err
		})
	}
	return out, g.Wait()
}

// Annotations with which BuildKit marks an attestation and the manifest that it is about
// (moby/buildkit docs/attestations/attestation-storage.md).
const (
	referenceType   = "vnd.docker.reference.type"
	referenceDigest = "vnd.docker.reference.digest"
	attestationType = "attestation-manifest"
)

// split tells images from attestations, which it gives by the digests of the images that they are about.
func split(descriptors []v1.Descriptor) (images []v1.Descriptor, attestations map[v1.Hash][]v1.Descriptor, err error) {
	attestations = map[v1.Hash][]v1.Descriptor{}
	known := map[string]v1.Hash{}
	for _, d := range descriptors {
		if d.Annotations[referenceType] != attestationType {
			images = append(images, d)
			known[d.Digest.String()] = d.Digest
		}
	}
	for _, d := range descriptors {
		if d.Annotations[referenceType] != attestationType {
			continue
		}
		about, ok := known[d.Annotations[referenceDigest]]
		if !ok {
			return nil, nil, fmt.Errorf("attestation %s: it is about %q, and there is no such image", d.Digest, d.Annotations[referenceDigest])
		}
		attestations[about] = append(attestations[about], d)
	}
	return images, attestations, nil
}

// image reads the manifest and config behind a descriptor. The platform comes from the config, not from a label.
func (r Registry) image(ctx context.Context, repo name.Repository, descriptor v1.Descriptor) (plan.Pushed, error) {
	var out plan.Pushed
	err := r.do(ctx, repo, func(_ context.Context, options []remote.Option) error {
		image, err := remote.Image(repo.Digest(descriptor.Digest.String()), options...)
		if err != nil {
			return err
		}
		manifest, err := image.Manifest()
		if err != nil {
			return err
		}
		raw, err := image.RawConfigFile()
		if err == nil {
			out, err = describe(descriptor, manifest, raw)
		}
		return err
	})
	if err != nil {
		return plan.Pushed{}, fmt.Errorf("image %s@%s: reading: %w", repo, descriptor.Digest, err)
	}
	return out, nil
}

// describe puts together what is known of an image.
func describe(descriptor v1.Descriptor, manifest *v1.Manifest, config []byte) (plan.Pushed, error) {
	out := plan.Pushed{Descriptor: descriptor, ConfigHash: manifest.Config.Digest, Layers: len(manifest.Layers), Blobs: manifest.Layers}
	if err := json.Unmarshal(config, &out.Config); err != nil {
		return plan.Pushed{}, err
	}
	for _, layer := range manifest.Layers {
		out.Size += layer.Size
	}
	out.Platform = plan.PlatformOf(out.Config.Platform)
	if out.Descriptor.Platform == nil {
		spec := out.Platform.Spec()
		out.Descriptor.Platform = &v1.Platform{OS: spec.OS, Architecture: spec.Architecture, Variant: spec.Variant, OSVersion: spec.OSVersion}
	}
	return out, nil
}

// Fetch returns the document behind a digest.
func (r Registry) Fetch(ctx context.Context, repo name.Repository, hash v1.Hash) (Document, error) {
	document, err := r.get(ctx, repo, repo.Digest(hash.String()))
	if err != nil {
		return Document{}, fmt.Errorf("image %s@%s: reading: %w", repo, hash, err)
	}
	return document, nil
}

// get returns the document behind a reference. Its digest is computed from the bytes: not every registry sends it.
func (r Registry) get(ctx context.Context, repo name.Repository, ref name.Reference) (Document, error) {
	var got *remote.Descriptor
	err := r.do(ctx, repo, func(_ context.Context, options []remote.Option) (err error) {
		got, err = remote.Get(ref, options...)
		return err
	})
	if err != nil {
		return Document{}, err
	}
	return newDocument(got.Manifest, got.MediaType)
}
