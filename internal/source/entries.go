package source

import (
	"context"
	"encoding/json"
	"io"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Root describes the document that the reference leads to. It has no digest in archives that have no manifest.
func (s *Source) Root() v1.Descriptor { return s.root }

// Raw returns the bytes of the document that the reference leads to.
func (s *Source) Raw() []byte { return s.raw }

// Repository is where the image lies; ok is false if that is not in a registry.
func (s *Source) Repository() (repo name.Repository, ok bool) {
	r, ok := s.store.(*remoteStore)
	if !ok {
		return name.Repository{}, false
	}
	return r.repo, true
}

// Entries returns the descriptors of all manifests: those of images, and of attestations and other artifacts beside them.
func (s *Source) Entries(ctx context.Context) ([]v1.Descriptor, error) {
	if s.Index == nil {
		return []v1.Descriptor{s.root}, nil
	}
	entries, err := s.entries(ctx, *s.Index, 1, func(v1.Descriptor) bool { return true })
	if err != nil {
		return nil, about(s.name, err)
	}
	return entries, nil
}

// Document reads an index or a manifest, whose bytes are those that the descriptor names.
func (s *Source) Document(ctx context.Context, d v1.Descriptor) ([]byte, error) {
	raw, err := s.document(ctx, d)
	if err != nil {
		return nil, about(s.name, err)
	}
	return raw, nil
}

// Manifest reads a manifest, of an image or of something else.
func (s *Source) Manifest(ctx context.Context, d v1.Descriptor) (v1.Manifest, error) {
	var manifest v1.Manifest
	raw, err := s.document(ctx, d)
	if err == nil {
		if err = json.Unmarshal(raw, &manifest); err != nil {
			err = bad(DefectJSON, d, "a manifest")("%v", err)
		}
	}
	if err != nil {
		return v1.Manifest{}, about(s.name, err)
	}
	return manifest, nil
}

// Blob opens a config, a layer or another blob. Its bytes are not compared with the descriptor.
func (s *Source) Blob(ctx context.Context, d v1.Descriptor) (io.ReadCloser, error) {
	r, err := s.store.blob(ctx, d)
	if err != nil {
		return nil, about(s.name, err)
	}
	return r, nil
}

// SmallBlob reads a blob of at most 8 MiB, whose bytes are those that the descriptor names.
func (s *Source) SmallBlob(ctx context.Context, d v1.Descriptor) ([]byte, error) {
	raw, err := s.small(ctx, d)
	if err != nil {
		return nil, about(s.name, err)
	}
	return raw, nil
}

func (s *Source) small(ctx context.Context, d v1.Descriptor) ([]byte, error) {
	r, err := s.store.blob(ctx, d)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // only read
	raw, err := readAll(r, d, maxConfig)
	if err != nil {
		return nil, err
	}
	return raw, matches(raw, d)
}
