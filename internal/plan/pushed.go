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
	// Attestations are about this image; they stand in the index behind all images.
	Attestations []Attestation
}

// Attestation is one manifest that holds statements about an image.
type Attestation struct {
	Descriptor v1.Descriptor
	Predicates []string // what its statements are, for example https://slsa.dev/provenance/v1
}
