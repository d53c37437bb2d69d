package cli

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tree writes files and links into a folder; a content that begins with -> is a link.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		err := os.WriteFile(path, []byte(content), 0o755)
		if target, link := bytes.CutPrefix([]byte(content), []byte("->")); link {
			err = errors.Join(os.Remove(path), os.Symlink(string(target), path))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// contents reads what tree writes.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if entry.Type()&os.ModeSymlink != 0 {
			target, err := os.Readlink(path)
			out[name] = "->" + target
			return err
		}
		raw, err := os.ReadFile(path)
		out[name] = string(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestMoveIntoMergesFolders(t *testing.T) {
	t.Parallel()
	to := tree(t, map[string]string{"a/old": "1", "a/both": "old", "link": "->a"})
	from := tree(t, map[string]string{"a/new": "2", "a/both": "new", "b/c/deep": "3", "link": "->b", "dangling": "->nowhere"})
	if err := moveInto(from, to); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a/old": "1", "a/new": "2", "a/both": "new", "b/c/deep": "3", "link": "->b", "dangling": "->nowhere"}
	if diff := cmp.Diff(want, contents(t, to)); diff != "" {
		t.Errorf("the folder differs (-want +got):\n%s", diff)
	}
	if left := contents(t, from); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestMoveIntoMakesTheFoldersAbove(t *testing.T) {
	t.Parallel()
	to := filepath.Join(t.TempDir(), "x", "y")
	if err := moveInto(tree(t, map[string]string{"a": "1"}), to); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"a": "1"}, contents(t, to)); diff != "" {
		t.Errorf("the folder differs (-want +got):\n%s", diff)
	}
}

func TestArchivesAreJoined(t *testing.T) {
	t.Parallel()
	var paths []string
	for _, name := range []string{"linux_amd64/a", "linux_arm64/a"} {
		var archive bytes.Buffer
		w := tar.NewWriter(&archive)
		err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(name)), Mode: 0o600})
		if err == nil {
			_, err = io.WriteString(w, name)
		}
		path := filepath.Join(t.TempDir(), "a.tar")
		if err = errors.Join(err, w.Close(), os.WriteFile(path, archive.Bytes(), 0o600)); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	var joined bytes.Buffer
	if err := joinArchives(&joined, paths); err != nil {
		t.Fatal(err)
	}
	var got []string
	for r := tar.NewReader(&joined); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, header.Name+"="+string(raw))
	}
	if diff := cmp.Diff([]string{"linux_amd64/a=linux_amd64/a", "linux_arm64/a=linux_arm64/a"}, got); diff != "" {
		t.Errorf("the archive differs (-want +got):\n%s", diff)
	}
}
