package build

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
)

// unpacker is the destination of one OCI archive: it puts the archive's blobs into a folder, by their digests, where all archives of a
// build share them, and keeps the archive's index. BuildKit's client can write into a folder too, but only one image in a build.
type unpacker struct {
	*io.PipeWriter
	form   plan.ImageForm
	folder string
	done   chan error
	index  []byte
}

func newUnpacker(folder string, form plan.ImageForm) (*unpacker, error) {
	blobs := filepath.Join(folder, ocispec.ImageBlobsDir, digest.SHA256.String())
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return nil, fmt.Errorf("folder of the run: %w", err)
	}
	reader, writer := io.Pipe()
	u := &unpacker{PipeWriter: writer, form: form, folder: folder, done: make(chan error, 1)}
	go func() {
		err := u.unpack(tar.NewReader(reader))
		if err == nil {
			_, err = io.Copy(io.Discard, reader) // what follows the end of the archive
		}
		_ = reader.CloseWithError(err) // never fails
		u.done <- err
	}()
	return u, nil
}

// Close waits until everything is written.
func (u *unpacker) Close() error {
	_ = u.PipeWriter.Close() // never fails
	return <-u.done
}

// blobName is the place of a blob in a layout (image-spec image-layout.md).
var blobName = regexp.MustCompile(`^blobs/sha256/([0-9a-f]{64})$`)

func (u *unpacker) unpack(archive *tar.Reader) error {
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("image archive of the builder: reading: %w", err)
		}
		if header.Name == ocispec.ImageIndexFile {
			if u.index, err = io.ReadAll(archive); err != nil {
				return fmt.Errorf("image archive of the builder: reading: %w", err)
			}
		}
		if parts := blobName.FindStringSubmatch(header.Name); parts != nil && header.Typeflag == tar.TypeReg {
			if err := u.blob(archive, digest.NewDigestFromEncoded(digest.SHA256, parts[1])); err != nil {
				return fmt.Errorf("blob sha256:%s of the builder: writing: %w", parts[1], err)
			}
		}
	}
}

// blob writes one blob and checks it. Another archive may bring the same at the same time.
func (u *unpacker) blob(content io.Reader, want digest.Digest) (err error) {
	path := filepath.Join(u.folder, ocispec.ImageBlobsDir, want.Algorithm().String(), want.Encoded())
	if _, err := os.Lstat(path); err == nil {
		return nil
	}
	file, err := os.CreateTemp(u.folder, "blob-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	verifier := want.Verifier()
	_, err = io.Copy(io.MultiWriter(file, verifier), content)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if !verifier.Verified() {
		return errors.New("its content has another digest")
	}
	return os.Rename(file.Name(), path)
}

// root is what the archive's index names.
func (u *unpacker) root() (ocispec.Descriptor, error) {
	var index ocispec.Index
	if err := json.Unmarshal(u.index, &index); err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("image archive of the builder: its index: %w", err)
	}
	if len(index.Manifests) == 0 {
		return ocispec.Descriptor{}, errors.New("image archive of the builder: its index names nothing")
	}
	return index.Manifests[0], nil
}
