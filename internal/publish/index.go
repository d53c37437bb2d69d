package publish

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/registry"
)

// Document is an index or a manifest, ready to be pushed: its exact bytes decide its digest.
type Document struct {
	Raw  []byte
	Type types.MediaType
	Hash v1.Hash
}

func newDocument(raw []byte, mediaType types.MediaType) (Document, error) {
	hash, _, err := v1.SHA256(bytes.NewReader(raw))
	if err != nil {
		return Document{}, fmt.Errorf("document: hashing: %w", err)
	}
	return Document{Raw: raw, Type: mediaType, Hash: hash}, nil
}

// RawManifest and MediaType make a Document what go-containerregistry can put.
func (d Document) RawManifest() ([]byte, error) { return d.Raw, nil }

// MediaType returns the type that the registry is told.
func (d Document) MediaType() (types.MediaType, error) { return d.Type, nil }

// Index reads the document as an index.
func (d Document) Index() (v1.IndexManifest, error) {
	var index v1.IndexManifest
	if err := json.Unmarshal(d.Raw, &index); err != nil {
		return v1.IndexManifest{}, fmt.Errorf("index %s: reading: %w", d.Hash, err)
	}
	return index, nil
}

// Index is an index to be.
type Index struct {
	Images      []plan.Pushed // in this order, and behind them in the same order the attestations about them
	Annotations map[string]string
}

// Assemble makes the index of images in the given order. The same images in the same order give the same digest.
func Assemble(images []plan.Pushed) (Document, error) { return Index{Images: images}.Assemble() }

// Assemble makes the document. It is of Docker's type if all images are, and of OCI's otherwise; only that has annotations.
func (i Index) Assemble() (Document, error) {
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: i.mediaType(), Annotations: i.Annotations}
	for _, image := range i.Images {
		index.Manifests = append(index.Manifests, image.Descriptor)
	}
	for _, image := range i.Images {
		index.Manifests = append(index.Manifests, image.Attestations...)
	}
	raw, err := json.Marshal(index)
	if err != nil {
		return Document{}, fmt.Errorf("index: encoding: %w", err)
	}
	return newDocument(raw, index.MediaType)
}

func (i Index) mediaType() types.MediaType {
	if len(i.Images) == 0 || len(i.Annotations) > 0 {
		return types.OCIImageIndex
	}
	for _, image := range i.Images {
		if image.Descriptor.MediaType != types.DockerManifestSchema2 || len(image.Attestations) > 0 {
			return types.OCIImageIndex
		}
	}
	return types.DockerManifestList
}

// Push stores a document in every repository by its digest, unless it is there, and reads it back: all repositories then hold the same
// bytes. No tag moves.
func (r Registry) Push(ctx context.Context, repositories []name.Repository, document Document) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrency)
	for _, repo := range repositories {
		g.Go(func() error { return r.push(ctx, repo, document) })
	}
	return g.Wait()
}

func (r Registry) push(ctx context.Context, repo name.Repository, document Document) error {
	ref := repo.Digest(document.Hash.String())
	got, err := r.get(ctx, repo, ref)
	if err == nil && bytes.Equal(got.Raw, document.Raw) {
		return nil
	}
	var gone *registry.GaveUpError
	if errors.As(err, &gone) || ctx.Err() != nil {
		return fmt.Errorf("index %s: looking whether it is there: %w", ref, err)
	}
	err = r.do(ctx, repo, func(_ context.Context, options []remote.Option) error { return remote.Put(ref, document, options...) })
	if err != nil {
		return fmt.Errorf("index %s: pushing: %w", ref, err)
	}
	got, err = r.get(registry.JustWritten(ctx), repo, ref)
	if err != nil {
		return fmt.Errorf("index %s: reading it back: %w", ref, err)
	}
	if !bytes.Equal(got.Raw, document.Raw) {
		return fmt.Errorf("index %s: reading it back: the registry returned other bytes", ref)
	}
	return nil
}
