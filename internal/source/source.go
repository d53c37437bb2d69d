package source

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/layers"
)

// Bounds of what is read into memory, and of how much an index may name. Registries take manifests of 4 MiB (OCI
// distribution-spec, "Pushing Manifests"); real indexes have some forty entries, configs less than 1 MiB.
const (
	maxDocument = 4 << 20
	maxConfig   = 8 << 20
	maxEntries  = 1000 // of an index, and layers of an image
	maxDepth    = 3    // of indexes in indexes
)

// Opener is how images are reached. The zero value uses the user's docker configuration and the default transport.
type Opener struct {
	Keychain  authn.Keychain
	Transport http.RoundTripper // it is given patience, if it is not a registry.Transport
	PlainHTTP []string          // hosts of registries that speak plain HTTP, besides those on loopback addresses
}

func (o Opener) keychain() authn.Keychain {
	if o.Keychain == nil {
		return authn.DefaultKeychain
	}
	return o.Keychain
}

// Source is an image that was opened: an index of images, or one image.
type Source struct {
	Digest    v1.Hash // zero in archives that have no manifest
	MediaType types.MediaType
	Index     *v1.IndexManifest // nil: one image

	name  string
	store store
	root  v1.Descriptor
	raw   []byte // of the root
	saved *Image // what an archive without a manifest holds
}

// store is a place with documents and blobs.
type store interface {
	// document returns an index or a manifest, not longer than a limit, and the type that the place says it has.
	document(ctx context.Context, d v1.Descriptor, limit int64) ([]byte, types.MediaType, error)
	// blob opens a layer or a config.
	blob(ctx context.Context, d v1.Descriptor) (io.ReadCloser, error)
	close() error
}

// Open opens what a reference names. Close it in the end.
func (o Opener) Open(ctx context.Context, ref Reference) (*Source, error) {
	s, err := o.open(ctx, ref)
	if err != nil {
		return nil, about(ref.text, err)
	}
	return s, nil
}

func (o Opener) open(ctx context.Context, ref Reference) (*Source, error) {
	if ref.remote != nil {
		return o.openRemote(ctx, o.insecure(ref))
	}
	info, err := os.Stat(ref.path)
	switch {
	case err != nil:
		return nil, &Error{Err: err, hint: "write a path that exists; names of images in registries do not begin with ./ or / and do not end with .tar"}
	case info.IsDir():
		return openLayout(ctx, ref, folder(ref.path))
	}
	archive, err := openArchive(ref.path)
	if err != nil {
		return nil, err
	}
	if archive.has(layoutIndex) {
		return openLayout(ctx, ref, archive)
	}
	return openSaved(ref, archive)
}

// newSource reads the document that everything else hangs on.
func newSource(name string, s store, d v1.Descriptor, raw []byte) (*Source, error) {
	source := &Source{Digest: d.Digest, MediaType: d.MediaType, name: name, store: s, root: d, raw: raw}
	kind, err := kindOf(raw, d.MediaType)
	if err != nil {
		return nil, err
	}
	if kind == isIndex {
		source.Index, err = readIndex(raw)
	}
	return source, err
}

// Close ends the use of files on disk.
func (s *Source) Close() error { return s.store.close() }

// Images returns the descriptors of the images: those of the index and of indexes in it, or of the one image there is.
// Attestations and artifacts are none.
func (s *Source) Images(ctx context.Context) ([]v1.Descriptor, error) {
	if s.Index == nil {
		return []v1.Descriptor{s.root}, nil
	}
	images, err := s.entries(ctx, *s.Index, 1, isImageEntry)
	if err != nil {
		return nil, about(s.name, err)
	}
	return images, nil
}

// entries lists what is wanted of an index and of the indexes in it.
func (s *Source) entries(ctx context.Context, index v1.IndexManifest, depth int, wanted func(v1.Descriptor) bool) ([]v1.Descriptor, error) {
	var out []v1.Descriptor
	for _, d := range index.Manifests {
		switch {
		case !d.MediaType.IsIndex() && wanted(d):
			out = append(out, d)
		case d.MediaType.IsIndex() && depth == maxDepth:
			return nil, bad(DefectLimits, d, "at most %d indexes in each other", maxDepth)("one more")
		case d.MediaType.IsIndex():
			raw, err := s.document(ctx, d)
			if err != nil {
				return nil, err
			}
			inner, err := readIndex(raw)
			if err != nil {
				return nil, err
			}
			below, err := s.entries(ctx, *inner, depth+1, wanted)
			if err != nil {
				return nil, err
			}
			out = append(out, below...)
		}
		if len(out) > maxEntries {
			return nil, bad(DefectLimits, d, "at most %d manifests", maxEntries)("more")
		}
	}
	return out, nil
}

// IsAttestation reports whether an entry of an index is about another, as BuildKit marks it
// (moby/buildkit docs/attestations/attestation-storage.md), and about which.
func IsAttestation(d v1.Descriptor) (about string, ok bool) {
	return d.Annotations["vnd.docker.reference.digest"], d.Annotations["vnd.docker.reference.type"] == "attestation-manifest"
}

// isImageEntry tells images from attestations and other artifacts. Some tools give the type of the config as the artifact's.
func isImageEntry(d v1.Descriptor) bool {
	artifact := d.ArtifactType != "" && !types.MediaType(d.ArtifactType).IsConfig()
	return d.MediaType.IsImage() && !artifact && d.Annotations["vnd.docker.reference.type"] == ""
}

// Image is one image of a source.
type Image struct {
	Descriptor v1.Descriptor
	Manifest   v1.Manifest // empty in archives that have no manifest
	Config     ocispec.Image
	Layers     []layers.Layer
	Size       int64 // of all layers as they are stored
}

// Image reads the manifest and config of an image. A *BadImageError is about the image; *NotImageError says that there is
// something else; every other error means that it could not be read.
func (s *Source) Image(ctx context.Context, d v1.Descriptor) (*Image, error) {
	if s.saved != nil {
		return s.saved, nil
	}
	image, err := s.image(ctx, d)
	if err != nil {
		return nil, about(s.name, err)
	}
	return image, nil
}

func (s *Source) image(ctx context.Context, d v1.Descriptor) (*Image, error) {
	raw, err := s.document(ctx, d)
	if err != nil {
		return nil, err
	}
	if kind, err := kindOf(raw, d.MediaType); err != nil {
		return nil, err
	} else if kind == isIndex {
		return nil, bad(DefectType, d, "an image manifest")("an index")
	}
	image := &Image{Descriptor: d}
	if err := json.Unmarshal(raw, &image.Manifest); err != nil {
		return nil, bad(DefectJSON, d, "an image manifest")("%v", err)
	}
	if n := len(image.Manifest.Layers); n > maxEntries {
		return nil, bad(DefectLimits, d, "at most %d layers", maxEntries)("%d", n)
	}
	for _, layer := range image.Manifest.Layers {
		if layer.Size < 0 {
			return nil, bad(DefectSize, layer, "a size")("%d", layer.Size)
		}
	}
	config := image.Manifest.Config
	if !config.MediaType.IsConfig() {
		return nil, &NotImageError{MediaType: string(config.MediaType)}
	}
	if err := s.config(ctx, config, &image.Config); err != nil {
		return nil, err
	}
	s.layers(image)
	return image, nil
}

// document reads an index or a manifest by its digest.
func (s *Source) document(ctx context.Context, d v1.Descriptor) ([]byte, error) {
	if d.Digest == s.root.Digest {
		return s.raw, nil
	}
	raw, _, err := s.store.document(ctx, d, maxDocument)
	if err != nil {
		return nil, err
	}
	return raw, matches(raw, d)
}

func (s *Source) config(ctx context.Context, d v1.Descriptor, into *ocispec.Image) error {
	raw, err := s.small(ctx, d)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return bad(DefectJSON, d, "an image config")("%v", err)
	}
	return nil
}

// layers describes the layers. What the config does not name cannot be compared.
func (s *Source) layers(image *Image) {
	for i, d := range image.Manifest.Layers {
		layer := layers.Layer{
			Digest: digest.Digest(d.Digest.String()), Size: d.Size, MediaType: string(d.MediaType),
			Open: func(ctx context.Context) (io.ReadCloser, error) { return s.store.blob(ctx, d) },
		}
		if i < len(image.Config.RootFS.DiffIDs) {
			layer.DiffID = image.Config.RootFS.DiffIDs[i]
		}
		image.Layers = append(image.Layers, layer)
		image.Size += d.Size
	}
}

// readAll reads a document of at most a number of bytes.
func readAll(r io.Reader, d v1.Descriptor, limit int64) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(raw)) > limit {
		return nil, bad(DefectLimits, d, "a document of at most %d bytes", limit)("more")
	}
	return raw, nil
}

// matches compares a document with what its descriptor says.
func matches(raw []byte, d v1.Descriptor) error {
	got, size, err := v1.SHA256(bytes.NewReader(raw))
	switch {
	case err != nil:
		return fmt.Errorf("hashing: %w", err)
	case d.Size != 0 && size != d.Size:
		return bad(DefectSize, d, "%d bytes", d.Size)("%d bytes", size)
	case got != d.Digest:
		return bad(DefectDigest, d, "%s", d.Digest)("%s", got)
	}
	return nil
}
