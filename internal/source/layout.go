package source

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// layoutIndex is the file at which a layout begins (image-spec image-layout.md).
const layoutIndex = "index.json"

// files are the files of a layout, in a folder or an archive.
type files interface {
	open(name string) (io.ReadCloser, error)
	close() error
}

// folder is a layout on disk.
type folder string

func (f folder) close() error { return nil }

func (f folder) open(name string) (io.ReadCloser, error) {
	file, err := os.Open(filepath.Join(string(f), filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", errNoBlob, err)
	}
	return file, err
}

// layoutStore finds blobs in a layout by their digest.
type layoutStore struct{ files }

func (s layoutStore) blob(_ context.Context, d v1.Descriptor) (io.ReadCloser, error) {
	return s.open(path.Join("blobs", d.Digest.Algorithm, d.Digest.Hex))
}

func (s layoutStore) document(ctx context.Context, d v1.Descriptor, limit int64) ([]byte, types.MediaType, error) {
	r, err := s.blob(ctx, d)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = r.Close() }() // only read
	raw, err := readAll(r, d, limit)
	return raw, d.MediaType, err
}

// openLayout opens a layout at the document that the reference means: the one that its index names, if that is only one, or the
// index itself.
func openLayout(ctx context.Context, ref Reference, in files) (_ *Source, err error) {
	s := layoutStore{in}
	defer func() {
		if err != nil {
			_ = s.close() // it is given up
		}
	}()
	raw, err := readFile(in, layoutIndex)
	if err != nil {
		return nil, &Error{Err: err, hint: "name a folder with the OCI image layout, as docker buildx build --output type=oci,tar=false makes it, or an archive of one"}
	}
	index, err := readIndex(raw)
	if err != nil {
		return nil, err
	}
	root, err := choose(ref, index.Manifests)
	if err != nil {
		return nil, err
	}
	if root == nil {
		d := describe(raw)
		d.MediaType = types.OCIImageIndex
		return newSource(ref.text, s, d, raw)
	}
	document, _, err := s.document(ctx, *root, maxDocument)
	if err == nil {
		err = matches(document, *root)
	}
	if err != nil {
		return nil, err
	}
	return newSource(ref.text, s, *root, document)
}

// choose finds the entry of a layout's index that is meant; nil if it is all of them.
func choose(ref Reference, entries []v1.Descriptor) (*v1.Descriptor, error) {
	if ref.tag == "" && ref.digest == (v1.Hash{}) {
		if len(entries) == 1 {
			return &entries[0], nil
		}
		return nil, nil
	}
	var names []string
	for i, d := range entries {
		name := d.Annotations[ocispec.AnnotationRefName]
		if d.Digest == ref.digest || ref.tag != "" && (name == ref.tag || strings.HasSuffix(name, ":"+ref.tag)) {
			return &entries[i], nil
		}
		names = append(names, strings.TrimSpace(name+" "+d.Digest.String()))
	}
	return nil, &Error{Err: errors.New("its index.json has no such entry"), hint: "it has: " + strings.Join(names, ", ")}
}

func readFile(in files, name string) ([]byte, error) {
	r, err := in.open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }() // only read
	return readAll(r, v1.Descriptor{}, maxDocument)
}

// describe computes digest and size.
func describe(raw []byte) v1.Descriptor {
	hash, size, _ := v1.SHA256(bytes.NewReader(raw)) // reading from memory does not fail
	return v1.Descriptor{Digest: hash, Size: size}
}

// archive is a tar file on disk, whose files are read where they lie.
type archive struct {
	file  *os.File
	parts map[string]part
}

type part struct {
	offset, size int64
	link         string
}

// maxParts bounds how many files an archive may have; a layout has some for each layer.
const maxParts = 100_000

func openArchive(name string) (_ *archive, err error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	a := &archive{file: file, parts: map[string]part{}}
	if err := a.list(); err != nil {
		_ = file.Close() // it is given up
		return nil, &Error{Err: fmt.Errorf("listing the archive: %w", err), hint: "name an archive as docker save or docker buildx build --output type=oci write it; if it is compressed, unpack it first"}
	}
	return a, nil
}

func (a *archive) list() error {
	for r := tar.NewReader(a.file); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		offset, err := a.file.Seek(0, io.SeekCurrent) // the reader of tar files reads no further than it must
		if err != nil {
			return err
		}
		if len(a.parts) == maxParts {
			return fmt.Errorf("it holds more than %d files", maxParts)
		}
		name := path.Clean("/" + h.Name)[1:]
		switch h.Typeflag {
		case tar.TypeReg:
			a.parts[name] = part{offset: offset, size: h.Size}
		case tar.TypeSymlink:
			a.parts[name] = part{link: path.Clean("/" + path.Join(path.Dir(name), h.Linkname))[1:]} //nolint:gosec // a name in the archive, never a path on disk
		case tar.TypeLink:
			a.parts[name] = part{link: path.Clean("/" + h.Linkname)[1:]}
		}
	}
}

func (a *archive) has(name string) bool {
	_, ok := a.parts[name]
	return ok
}

func (a *archive) close() error { return a.file.Close() }

func (a *archive) open(name string) (io.ReadCloser, error) {
	at, ok := a.parts[name]
	for links := 0; ok && at.link != "" && links < 10; links++ { // docker save linked layers that images share
		at, ok = a.parts[at.link]
	}
	if !ok || at.link != "" {
		return nil, fmt.Errorf("%w: no file %q in the archive", errNoBlob, name)
	}
	return io.NopCloser(io.NewSectionReader(a.file, at.offset, at.size)), nil
}

// savedImage is what docker save wrote about one image before it knew the OCI layout (moby/moby image/spec/v1.2.md).
type savedImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// savedStore is an archive of docker save. Its image is complete when it is opened.
type savedStore struct{ *archive }

func (savedStore) document(context.Context, v1.Descriptor, int64) ([]byte, types.MediaType, error) {
	return nil, "", errNoBlob
}

func (savedStore) blob(context.Context, v1.Descriptor) (io.ReadCloser, error) { return nil, errNoBlob }

func openSaved(ref Reference, a *archive) (_ *Source, err error) {
	defer func() {
		if err != nil {
			_ = a.close() // it is given up
		}
	}()
	raw, err := readFile(a, "manifest.json")
	if err != nil {
		return nil, &Error{Err: errors.New("the archive has neither index.json nor manifest.json"), hint: "name an archive as docker save or docker buildx build --output type=oci write it"}
	}
	var saved []savedImage
	if err := json.Unmarshal(raw, &saved); err != nil {
		return nil, bad(DefectJSON, v1.Descriptor{}, "a list of images in manifest.json")("%v", err)
	}
	if len(saved) != 1 {
		var tags []string
		for _, image := range saved {
			tags = append(tags, image.RepoTags...)
		}
		return nil, &Error{Err: fmt.Errorf("the archive holds %d images (%s)", len(saved), strings.Join(tags, ", ")), hint: "save each image into an archive of its own"}
	}
	image, err := a.image(saved[0])
	if err != nil {
		return nil, err
	}
	return &Source{MediaType: types.DockerManifestSchema2, name: ref.text, store: savedStore{a}, saved: image}, nil
}
