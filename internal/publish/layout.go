package publish

import (
	"bytes"
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

// Read finds out what a builder wrote below the descriptor, as Registry.Read does of what it pushed.
func (l Layout) Read(root ocispec.Descriptor) ([]plan.Pushed, error) {
	hash, err := v1.NewHash(root.Digest.String())
	if err != nil {
		return nil, fmt.Errorf("folder of the run: what the builder wrote: %w", err)
	}
	d := v1.Descriptor{MediaType: types.MediaType(root.MediaType), Size: root.Size, Digest: hash}
	children := []v1.Descriptor{d}
	if d.MediaType.IsIndex() {
		document, err := l.Fetch(d)
		if err != nil {
			return nil, err
		}
		index, err := document.Index()
		if err != nil {
			return nil, err
		}
		children = index.Manifests
	}
	images, attestations, err := split(children)
	if err != nil {
		return nil, fmt.Errorf("folder of the run: %w", err)
	}
	out := make([]plan.Pushed, len(images))
	for i, d := range images {
		if out[i], err = l.image(d); err != nil {
			return nil, fmt.Errorf("folder of the run: image %s: reading: %w", d.Digest, err)
		}
		out[i].Attestations = attestations[d.Digest]
	}
	return out, nil
}

func (l Layout) image(d v1.Descriptor) (plan.Pushed, error) {
	raw, err := l.bytes(d.Digest)
	if err != nil {
		return plan.Pushed{}, err
	}
	var manifest v1.Manifest
	if err := json.Unmarshal(raw, &manifest); err != nil {
		return plan.Pushed{}, err
	}
	config, err := l.bytes(manifest.Config.Digest)
	if err != nil {
		return plan.Pushed{}, err
	}
	return describe(d, &manifest, config)
}

// Fetch returns the document that a descriptor names.
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
