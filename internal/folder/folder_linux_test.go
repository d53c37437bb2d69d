package folder

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// image makes a folder of files beside a secret, with links that lead there, and opens it.
func image(t *testing.T) *Files {
	t.Helper()
	outside := t.TempDir()
	dir := filepath.Join(outside, "image")
	for name, content := range map[string]string{"secret": "s3cret", "image/bin/app": "\x7fELF app", "image/etc/passwd": "root\n"} {
		path := filepath.Join(outside, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"up": "../secret", "down": "bin/app", "absolute": filepath.Join(outside, "secret"), "dir": "..", "loop": "loop"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	files, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = files.Close() })
	return files
}

func TestNoLinkLeadsOut(t *testing.T) {
	t.Parallel()
	files := image(t)
	for _, name := range []string{"/up", "/absolute", "/dir/secret", "/loop", "/pipe", "/bin"} {
		if data, err := files.ReadAt(t.Context(), name, 0, 100); err == nil {
			t.Errorf("reading %s gives %q", name, data)
		}
	}
	if _, err := files.Stat(t.Context(), "/dir/secret"); err == nil {
		t.Error("a file outside is described")
	}
	for name, want := range map[string]string{"/up": "../secret", "/dir": ".."} {
		got, err := files.Stat(t.Context(), name)
		if err != nil || got.Link != want || got.Mode&fs.ModeSymlink == 0 {
			t.Errorf("%s is %+v, %v; want a link to %s", name, got, err, want)
		}
	}
}

func TestWhatIsNotThereIsSaidSo(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"/nothing", "/bin/app/below", "/nothing/below"} {
		if _, err := image(t).Stat(t.Context(), name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want fs.ErrNotExist", name, err)
		}
	}
}

func TestReadAtGivesWhatThereIs(t *testing.T) {
	t.Parallel()
	files := image(t)
	for _, test := range []struct {
		offset, length int64
		want           string
	}{{0, 4, "\x7fELF"}, {5, 100, "app"}, {8, 10, ""}, {1 << 40, 10, ""}, {0, 1 << 50, "\x7fELF app"}} {
		got, err := files.ReadAt(t.Context(), "/bin/app", test.offset, test.length)
		if err != nil || string(got) != test.want {
			t.Errorf("%d bytes from %d: %q, %v; want %q", test.length, test.offset, got, err, test.want)
		}
	}
}

// TestWalk also looks things up from within a visit, near and far.
func TestWalk(t *testing.T) {
	t.Parallel()
	files := image(t)
	var got []string
	err := files.Walk(t.Context(), "/", nothing, func(name string, file File) error {
		got = append(got, name)
		if name == "/bin/app" {
			near, err := files.ReadAt(t.Context(), name, 0, 4)
			far, err2 := files.ReadAt(t.Context(), "/etc/passwd", 0, 4)
			if err != nil || err2 != nil || string(near) != "\x7fELF" || string(far) != "root" || file.Size != 8 {
				t.Errorf("from within the visit of %s, %+v: %q, %v and %q, %v", name, file, near, err, far, err2)
			}
		}
		if name == "/etc" {
			return fs.SkipDir
		}
		return nil
	})
	want := "/absolute /bin /bin/app /dir /down /etc /loop /pipe /up"
	if diff := cmp.Diff(want, strings.Join(got, " ")); err != nil || diff != "" {
		t.Errorf("%v, visited (-want +got):\n%s", err, diff)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := files.Walk(stopped, "/", nothing, func(string, File) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a walk that was stopped ends with %v", err)
	}
}

// nothing is left out of a walk.
func nothing(string, fs.FileMode) bool { return false }
