package publish

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
)

// Layout is images on disk: folders that hold blobs as an OCI layout does (image-spec image-layout.md). Each blob is looked for in all of
// them, so that what several builders made can be read as one.
type Layout []string

// String says what it is, for errors.
func (Layout) String() string { return "folder of the run" }

func blobPath(folder string, hash v1.Hash) string {
	return filepath.Join(folder, ocispec.ImageBlobsDir, hash.Algorithm, hash.Hex)
}

// open finds a blob.
func (l Layout) open(hash v1.Hash) (*os.File, error) {
	for _, folder := range l {
		file, err := os.Open(blobPath(folder, hash))
		if !errors.Is(err, fs.ErrNotExist) {
			return file, err
		}
	}
	return nil, fmt.Errorf("blob %s: %w", hash, fs.ErrNotExist)
}

func (l Layout) bytes(hash v1.Hash) ([]byte, error) {
	file, err := l.open(hash)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // only read
	return io.ReadAll(file)
}

func (l Layout) manifest(_ context.Context, d v1.Descriptor) ([]byte, types.MediaType, error) {
	raw, err := l.bytes(d.Digest)
	return raw, d.MediaType, err
}

func (l Layout) image(_ context.Context, d v1.Descriptor) (manifest, config []byte, media types.MediaType, err error) {
	if manifest, err = l.bytes(d.Digest); err != nil {
		return nil, nil, "", err
	}
	var parsed v1.Manifest
	if err := json.Unmarshal(manifest, &parsed); err != nil {
		return nil, nil, "", err
	}
	config, err = l.bytes(parsed.Config.Digest)
	return manifest, config, d.MediaType, err
}

// Read finds out what the builder wrote below the descriptor, as Registry.Read does.
func (l Layout) Read(ctx context.Context, root ocispec.Descriptor) ([]plan.Pushed, error) {
	return read(ctx, l, root)
}

// Fetch returns the document of a single image.
func (l Layout) Fetch(d v1.Descriptor) (Document, error) {
	raw, err := l.bytes(d.Digest)
	return Document{Raw: raw, Type: d.MediaType, Hash: d.Digest}, err
}

// Image is a document whose blobs are in a layout, ready to be written anywhere.
type Image struct {
	Layout      Layout
	Document    Document
	Names       []plan.Tag        // under which it is found in the result
	Annotations map[string]string // of the result's entry
	Platforms   []plan.Pushed
	saved       bool // with what docker load reads
}

// For gives the image in the form of an output. For docker load an image of one platform is its manifest: engines whose store is not
// containerd's know no index, and no attestations.
func (i Image) For(output plan.OutputType) (Image, error) {
	if output != plan.OutputDocker || len(i.Platforms) != 1 {
		return i, nil
	}
	var err error
	i.saved = true
	i.Document, err = i.Layout.Fetch(i.Platforms[0].Descriptor)
	return i, err
}

// blobs are the descriptors of all that belongs to the image: the children before what names them, each once.
func (i Image) blobs() ([]v1.Descriptor, error) {
	var out []v1.Descriptor
	seen := map[v1.Hash]bool{}
	add := func(d v1.Descriptor) {
		if !seen[d.Digest] {
			seen[d.Digest] = true
			out = append(out, d)
		}
	}
	manifests := []v1.Descriptor{i.root()}
	if i.Document.Type.IsIndex() {
		index, err := i.Document.Index()
		if err != nil {
			return nil, err
		}
		manifests = index.Manifests
	}
	for _, d := range manifests {
		raw, err := i.Layout.bytes(d.Digest)
		if err != nil {
			return nil, err
		}
		var manifest v1.Manifest
		if err := json.Unmarshal(raw, &manifest); err != nil {
			return nil, fmt.Errorf("manifest %s: reading: %w", d.Digest, err)
		}
		for _, blob := range append(manifest.Layers, manifest.Config) {
			add(blob)
		}
		add(d)
	}
	return out, nil
}

func (i Image) root() v1.Descriptor {
	return v1.Descriptor{MediaType: i.Document.Type, Digest: i.Document.Hash, Size: int64(len(i.Document.Raw))}
}

// open gives the content of a blob, also of the document itself.
func (i Image) open(d v1.Descriptor) (io.ReadCloser, error) {
	if d.Digest == i.Document.Hash {
		return io.NopCloser(bytes.NewReader(i.Document.Raw)), nil
	}
	return i.Layout.open(d.Digest)
}

// containerdName is what containerd, and with it the Docker Engine, calls an image that it reads from an archive
// (images/annotations.go of containerd).
const containerdName = "io.containerd.image.name"

// index is the index.json: an entry for each name, or one without.
func (i Image) index() ([]byte, error) {
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
	add := func(names map[string]string) {
		d := i.root()
		for _, all := range []map[string]string{i.Annotations, names} {
			for key, value := range all {
				if d.Annotations == nil {
					d.Annotations = map[string]string{}
				}
				d.Annotations[key] = value
			}
		}
		index.Manifests = append(index.Manifests, d)
	}
	for _, tag := range i.Names {
		add(map[string]string{containerdName: DockerName(tag), ocispec.AnnotationRefName: tag.TagStr()})
	}
	if len(i.Names) == 0 {
		add(nil)
	}
	return json.Marshal(index)
}
