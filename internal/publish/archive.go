package publish

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
)

// DockerName is a tag as the Docker Engine knows it: docker.io instead of the registry's own name.
func DockerName(tag plan.Tag) string {
	return strings.Replace(tag.Name(), name.DefaultRegistry, "docker.io", 1)
}

const layoutVersion = `{"imageLayoutVersion":"` + ocispec.ImageLayoutVersion + `"}`

// savedImage is what docker load reads of an archive (moby/moby image/spec/v1.2.md).
type savedImage struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// WriteArchive writes the image as an OCI layout in a tar archive. The same image gives the same bytes.
func (i Image) WriteArchive(w io.Writer) error {
	blobs, err := i.blobs()
	if err != nil {
		return err
	}
	if i.Document.Type.IsIndex() {
		blobs = append(blobs, i.root())
	}
	a := &archiveWriter{tar.NewWriter(w)}
	for _, d := range blobs {
		if err := i.pack(a, d); err != nil {
			return fmt.Errorf("archive: blob %s: %w", d.Digest, err)
		}
	}
	index, err := i.index()
	if err == nil {
		err = a.file(ocispec.ImageIndexFile, index)
	}
	if err == nil {
		err = a.file(ocispec.ImageLayoutFile, []byte(layoutVersion))
	}
	if err == nil && i.saved {
		err = i.packSaved(a)
	}
	if err = errors.Join(err, a.Close()); err != nil {
		return fmt.Errorf("archive: writing: %w", err)
	}
	return nil
}

type archiveWriter struct{ *tar.Writer }

func (a *archiveWriter) file(name string, content []byte) error {
	if err := a.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
		return err
	}
	_, err := a.Write(content)
	return err
}

func blobFile(hash v1.Hash) string { return path.Join(ocispec.ImageBlobsDir, hash.Algorithm, hash.Hex) }

func (i Image) pack(a *archiveWriter, d v1.Descriptor) error {
	content, err := i.open(d)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }() // only read
	if err := a.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: blobFile(d.Digest), Mode: 0o644, Size: d.Size}); err != nil {
		return err
	}
	_, err = io.Copy(a, content)
	return err
}

// packSaved writes the manifest.json of docker save.
func (i Image) packSaved(a *archiveWriter) error {
	var manifest v1.Manifest
	if err := json.Unmarshal(i.Document.Raw, &manifest); err != nil {
		return err
	}
	image := savedImage{Config: blobFile(manifest.Config.Digest)}
	for _, tag := range i.Names {
		image.RepoTags = append(image.RepoTags, DockerName(tag))
	}
	for _, layer := range manifest.Layers {
		image.Layers = append(image.Layers, blobFile(layer.Digest))
	}
	raw, err := json.Marshal([]savedImage{image})
	if err != nil {
		return err
	}
	return a.file("manifest.json", raw)
}

// WriteFolder writes the image as an OCI layout into a folder, which it makes if need be. An image that is there under the same name
// makes way, others stay. Its index is written last, so that it never names what is not there.
func (i Image) WriteFolder(folder string) error {
	blobs, err := i.blobs()
	if err != nil {
		return err
	}
	if i.Document.Type.IsIndex() {
		blobs = append(blobs, i.root())
	}
	for _, d := range blobs {
		if err := i.place(folder, d); err != nil {
			return fmt.Errorf("layout %q: blob %s: %w", folder, d.Digest, err)
		}
	}
	index, err := i.index()
	if err == nil {
		index, err = beside(filepath.Join(folder, ocispec.ImageIndexFile), index)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, ocispec.ImageLayoutFile), []byte(layoutVersion), 0o644)
	}
	if err == nil {
		err = WriteFile(filepath.Join(folder, ocispec.ImageIndexFile), func(w io.Writer) error {
			_, err := w.Write(index)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("layout %q: %w", folder, err)
	}
	return nil
}

func (i Image) place(folder string, d v1.Descriptor) error {
	path := blobPath(folder, d.Digest)
	if info, err := os.Lstat(path); err == nil && info.Size() == d.Size {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	content, err := i.open(d)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }() // only read
	return WriteFile(path, func(w io.Writer) error {
		_, err := io.Copy(w, content)
		return err
	})
}

// beside adds to a new index what an index that is there already names otherwise.
func beside(path string, fresh []byte) ([]byte, error) {
	old, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return fresh, nil
	}
	var there, index v1.IndexManifest
	for _, step := range []func() error{
		func() error { return err },
		func() error { return json.Unmarshal(old, &there) },
		func() error { return json.Unmarshal(fresh, &index) },
	} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("%s: reading: %w", ocispec.ImageIndexFile, err)
		}
	}
	taken := map[string]bool{}
	for _, d := range index.Manifests {
		taken[d.Annotations[containerdName]] = true
	}
	for _, d := range there.Manifests {
		if !taken[d.Annotations[containerdName]] {
			index.Manifests = append(index.Manifests, d)
		}
	}
	return json.Marshal(index)
}

// WriteFile writes a file whole or not at all: under another name beside its place, and then in its place. What is no file, such as
// /dev/null or a pipe, is written to as it is.
func WriteFile(path string, write func(io.Writer) error) (err error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		file, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(file), file.Close())
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".part-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	err = write(file)
	if err == nil {
		err = file.Chmod(0o644)
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
