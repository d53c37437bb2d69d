package build

import (
	"archive/tar"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/org/multiarch-action/internal/plan"
)

// sent writes an archive of files into an unpacker, as the builder does.
func sent(t *testing.T, files map[string]string) (*unpacker, error) {
	t.Helper()
	u, err := newUnpacker(t.TempDir(), plan.ImageForm{})
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(u)
	var problems []error
	for name, content := range files {
		problems = append(problems, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(content)), Mode: 0o644}))
		_, err := w.Write([]byte(content))
		problems = append(problems, err)
	}
	problems = append(problems, w.Close(), u.Close())
	return u, errors.Join(problems...)
}

func TestUnpackerKeepsBlobsAndTheIndex(t *testing.T) {
	t.Parallel()
	blob := digest.FromString("content")
	u, err := sent(t, map[string]string{
		"blobs/sha256/" + blob.Encoded(): "content", "oci-layout": "{}",
		"index.json": `{"manifests":[{"digest":"` + blob.String() + `","mediaType":"m","size":7}]}`,
	})
	if err != nil {
		t.Fatal(err)
	}
	root, err := u.root()
	if err != nil || root.Digest != blob || root.MediaType != "m" {
		t.Errorf("root() = %+v, %v", root, err)
	}
	got, err := os.ReadFile(filepath.Join(u.folder, "blobs", "sha256", blob.Encoded()))
	if string(got) != "content" || err != nil {
		t.Errorf("the blob holds %q, %v", got, err)
	}
	entries, err := os.ReadDir(u.folder)
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, %v, want the blobs alone", entries, err)
	}
}

func TestUnpackerRefusesAnotherContent(t *testing.T) {
	t.Parallel()
	blob := digest.FromString("content")
	u, err := sent(t, map[string]string{"blobs/sha256/" + blob.Encoded(): "other"})
	if err == nil || !strings.Contains(err.Error(), "blob "+blob.String()+" of the builder: writing: its content has another digest") {
		t.Errorf("Close() = %v", err)
	}
	if _, err := os.Lstat(filepath.Join(u.folder, "blobs", "sha256", blob.Encoded())); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the blob is there: %v", err)
	}
}

func TestUnpackerWithoutAnIndexHasNoRoot(t *testing.T) {
	t.Parallel()
	for index, want := range map[string]string{"": "its index: unexpected end of JSON input", "{}": "its index names nothing"} {
		u, err := sent(t, map[string]string{"index.json": index})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := u.root(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("root() of %q = %v, want %q", index, err, want)
		}
	}
}
