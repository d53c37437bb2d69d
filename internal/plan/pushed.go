package plan

import (
	v1 "github.com/google/go-containerregistry/pkg/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Pushed is one platform's image as it stands in a registry, by digest.
type Pushed struct {
	Platform   Platform
	Descriptor v1.Descriptor // of the manifest, with the platform as it will stand in the index
	Config     ocispec.Image
	ConfigHash v1.Hash
	Size       int64 // bytes of the compressed layers
	Layers     int
	Blobs      []v1.Descriptor // the layers, lowest first
	// Attestations are the manifests with what the builder says about the image, as they will stand in the index.
	Attestations []v1.Descriptor
}
