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

func TestMoveIntoKeepsPermissions(t *testing.T) {
	t.Parallel()
	from, to := tree(t, map[string]string{"shut/a": "1", "open/b": "2"}), tree(t, map[string]string{"open/c": "3"})
	for path, mode := range map[string]os.FileMode{filepath.Join(from, "shut"): 0o555, filepath.Join(to, "open"): 0o700, to: 0o710} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(to, "shut"), 0o755) }) // or it could not be taken away
	if err := moveInto(from, to); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{filepath.Join(to, "shut"): 0o555, filepath.Join(to, "open"): 0o700, to: 0o710} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", path, info, err, want)
		}
	}
}

// Copying is what is left where a place is on another file system, as /dev/shm is in most tests' eyes.
func TestMoveIntoCopiesToAnotherFileSystem(t *testing.T) {
	t.Parallel()
	shm, err := os.MkdirTemp("/dev/shm", "multiarch-test-") //nolint:usetesting // another file system
	if err != nil {
		shm = t.TempDir() // then the test is that of a plain move
	}
	t.Cleanup(func() { _ = os.RemoveAll(shm) })
	files := map[string]string{"a/b/c": "1", "a/link": "->b", "d": "2"}
	to := filepath.Join(shm, "to")
	if err := moveInto(tree(t, files), to); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(files, contents(t, to)); diff != "" {
		t.Errorf("the folder differs (-want +got):\n%s", diff)
	}
	if info, err := os.Stat(filepath.Join(to, "d")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the copy is %v, %v", info, err)
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

func TestDeleteOthersLeavesWhatIsReplaced(t *testing.T) {
	t.Parallel()
	outside := tree(t, map[string]string{"precious": "1"})
	to := tree(t, map[string]string{"a/old": "1", "a/both": "old", "gone/deep/x": "2", "file": "now a folder", "folder/x": "now a file", "link": "->" + outside})
	one := tree(t, map[string]string{"a/new": "2", "file/x": "3"})
	two := tree(t, map[string]string{"a/both": "new", "folder": "4"})
	if err := deleteOthers(to, []string{one, two}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"a/both": "old"}, contents(t, to)); diff != "" {
		t.Errorf("what is left differs (-want +got):\n%s", diff)
	}
	if left := contents(t, outside); len(left) != 1 {
		t.Errorf("behind a link there is only %v", left)
	}
	if err := deleteOthers(filepath.Join(to, "not there"), nil); err != nil {
		t.Error(err)
	}
}
