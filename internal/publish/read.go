package publish

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/org/multiarch-action/internal/plan"
)

// Annotations with which BuildKit marks an attestation and the image that it is about, and each statement in it
// (moby/buildkit docs/attestations/attestation-storage.md).
const (
	referenceType   = "vnd.docker.reference.type"
	referenceDigest = "vnd.docker.reference.digest"
	attestationType = "attestation-manifest"
	predicateType   = "in-toto.io/predicate-type"
)

// store is where documents are read by their digest.
type store interface {
	// manifest returns an index or a manifest.
	manifest(ctx context.Context, d v1.Descriptor) ([]byte, types.MediaType, error)
	// image returns the manifest and the config of an image.
	image(ctx context.Context, d v1.Descriptor) (manifest, config []byte, media types.MediaType, err error)
	String() string
}

// repository is a store in a registry.
type repository struct {
	Registry
	name.Repository
}

func (r repository) at(hash v1.Hash) name.Digest { return r.Repository.Digest(hash.String()) }

func (r repository) manifest(ctx context.Context, d v1.Descriptor) ([]byte, types.MediaType, error) {
	got, err := remote.Get(r.at(d.Digest), r.options(ctx)...)
	if err != nil {
		return nil, "", err
	}
	return got.Manifest, got.MediaType, nil
}

func (r repository) image(ctx context.Context, d v1.Descriptor) (manifest, config []byte, media types.MediaType, err error) {
	got, err := remote.Get(r.at(d.Digest), r.options(ctx)...)
	if err != nil {
		return nil, nil, "", err
	}
	image, err := got.Image()
	if err != nil {
		return nil, nil, "", err
	}
	config, err = image.RawConfigFile()
	return got.Manifest, config, got.MediaType, err
}

func (r repository) String() string { return "repository " + r.Repository.String() }

// Read finds out what the builder pushed: the images below the descriptor, in its order, each with its config, the size of its layers
// and its attestations.
func (r Registry) Read(ctx context.Context, repo name.Repository, pushed ocispec.Descriptor) ([]plan.Pushed, error) {
	return read(ctx, repository{r, repo}, pushed)
}

// Images reads from a repository what several descriptors name, in their order.
func (r Registry) Images(ctx context.Context, repo name.Repository, descriptors []v1.Descriptor) ([]plan.Pushed, error) {
	return images(ctx, repository{r, repo}, descriptors)
}

func read(ctx context.Context, in store, root ocispec.Descriptor) ([]plan.Pushed, error) {
	d := v1.Descriptor{MediaType: types.MediaType(root.MediaType), Size: root.Size, Annotations: root.Annotations}
	var err error
	if d.Digest, err = v1.NewHash(root.Digest.String()); err != nil {
		return nil, fmt.Errorf("%s: what was pushed: %w", in, err)
	}
	raw, media, err := in.manifest(ctx, d)
	if err != nil {
		return nil, fmt.Errorf("%s: reading what was pushed: %w", in, err)
	}
	if !media.IsIndex() {
		d.MediaType, d.Size, d.Annotations = media, int64(len(raw)), nil
		return images(ctx, in, []v1.Descriptor{d})
	}
	index, err := Document{Raw: raw, Type: media, Hash: d.Digest}.Index()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in, err)
	}
	return images(ctx, in, index.Manifests)
}

// images reads images and gives each the attestations about it. An attestation about nothing that is there is left out.
func images(ctx context.Context, in store, descriptors []v1.Descriptor) ([]plan.Pushed, error) {
	var out []plan.Pushed
	var about []v1.Descriptor
	for _, d := range descriptors {
		if d.Annotations[referenceType] == attestationType {
			about = append(about, d)
		} else {
			out = append(out, plan.Pushed{Descriptor: d})
		}
	}
	attestations := make([]plan.Attestation, len(about))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrency)
	for i := range out {
		g.Go(func() (err error) {
			out[i], err = image(ctx, in, out[i].Descriptor)
			return err
		})
	}
	for i, d := range about {
		g.Go(func() (err error) {
			attestations[i], err = attestation(ctx, in, d)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i := range out {
		for _, a := range attestations {
			if a.Descriptor.Annotations[referenceDigest] == out[i].Descriptor.Digest.String() {
				out[i].Attestations = append(out[i].Attestations, a)
			}
		}
	}
	return out, nil
}

// image reads the manifest and config behind a descriptor. The platform comes from the config, not from a label.
func image(ctx context.Context, in store, d v1.Descriptor) (plan.Pushed, error) {
	fail := func(err error) (plan.Pushed, error) {
		return plan.Pushed{}, fmt.Errorf("%s: image %s: reading: %w", in, d.Digest, err)
	}
	raw, config, media, err := in.image(ctx, d)
	if err != nil {
		return fail(err)
	}
	var manifest v1.Manifest
	if err := json.Unmarshal(raw, &manifest); err != nil {
		return fail(err)
	}
	d.MediaType, d.Size = media, int64(len(raw))
	out := plan.Pushed{Descriptor: d, ConfigHash: manifest.Config.Digest, Layers: len(manifest.Layers)}
	if err := json.Unmarshal(config, &out.Config); err != nil {
		return fail(err)
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

// attestation reads which statements an attestation holds. Their content stays where it is.
func attestation(ctx context.Context, in store, d v1.Descriptor) (plan.Attestation, error) {
	raw, _, err := in.manifest(ctx, d)
	var manifest v1.Manifest
	if err == nil {
		err = json.Unmarshal(raw, &manifest)
	}
	if err != nil {
		return plan.Attestation{}, fmt.Errorf("%s: attestation %s: reading: %w", in, d.Digest, err)
	}
	out := plan.Attestation{Descriptor: d}
	for _, layer := range manifest.Layers {
		out.Predicates = append(out.Predicates, layer.Annotations[predicateType])
	}
	return out, nil
}
