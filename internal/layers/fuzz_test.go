package layers_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/org/multiarch-action/internal/layers"
)

// small are limits under which no input of a fuzz test takes long.
var small = layers.Limits{
	Uncompressed: 16 << 20, RatioAfter: 1 << 20, Entries: 5000, PathLength: 300, PathDepth: 20, PathTable: 1 << 20, Kept: 1 << 20,
	Window: 1 << 20, Rereads: 3,
}

// expected reports whether an error is one of those that a bad layer may give.
func expected(err error) bool {
	var bad *layers.BadLayerError
	var limit *layers.LimitError
	return err == nil || errors.As(err, &bad) || errors.As(err, &limit)
}

// consistent checks what holds for every image: paths are clean, parents are folders, nothing is deeper than the limit, what
// Walk shows Stat finds, and what can be read is not longer than the file.
func consistent(t *testing.T, files *layers.Files) {
	t.Helper()
	last := map[string]string{}
	err := files.Walk(t.Context(), "/", nothing, func(name string, f layers.File) error {
		if name != path.Clean(name) || !strings.HasPrefix(name, "/") || strings.Count(name, "/") > small.PathDepth {
			t.Errorf("%q is not clean, or too deep", name)
		}
		dir := path.Dir(name)
		if parent, err := files.Stat(t.Context(), dir); err != nil || !parent.Mode.IsDir() {
			t.Errorf("%q is in %q, which is %v, %v", name, dir, parent.Mode, err)
		}
		if before, ok := last[dir]; ok && before >= path.Base(name) {
			t.Errorf("%q comes after %q", name, before)
		}
		last[dir] = path.Base(name)
		if strings.HasPrefix(path.Base(name), ".wh.") && !f.Mode.IsDir() { // folders of that name are made if a path leads through them
			t.Errorf("the whiteout %q is shown", name)
		}
		again, err := files.Stat(t.Context(), name)
		if err != nil || again != f {
			t.Errorf("%q: %v, want %v; %v", name, again, f, err)
		}
		if !f.Mode.IsRegular() {
			return nil
		}
		data, err := files.ReadAt(t.Context(), name, 0, 300)
		if !expected(err) || int64(len(data)) > max(f.Size, 0) {
			t.Errorf("%q: %d bytes of %d, %v", name, len(data), f.Size, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// FuzzLayer takes anything for two layers. Either the image is read, or the error says that a layer is bad.
func FuzzLayer(f *testing.F) {
	lower := tarOf(f, folder("usr/bin"), link("bin", "usr/bin"), file("etc/passwd", "root"), hard("p", "etc/passwd"))
	upper := tarOf(f, file("bin/app", "\x7fELF"), file("etc/.wh..wh..opq", ""), file(".wh.p", ""), link("loop", "loop/x"))
	f.Add(lower, upper)
	f.Add(gzipped(f, lower), zstandard(f, upper))
	f.Add(append(gzipped(f, lower), gzipped(f, upper)...), gzipped(f, bytes.Repeat([]byte{0}, 3<<20)))
	f.Add([]byte{}, []byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0xff})
	f.Add([]byte{0x1f, 0x8b}, []byte{0x50, 0x2a, 0x4d, 0x18, 0xff, 0xff, 0xff, 0xff})
	f.Add(lower[:700], upper[:100])
	l := sparseELF(1 << 40)
	r, err := l.Open(context.Background())
	if err != nil {
		f.Fatal(err)
	}
	hole, err := io.ReadAll(r)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(hole, lower)
	f.Fuzz(func(t *testing.T, lower, upper []byte) {
		list := []layers.Layer{layerOf(lower, nil), layerOf(upper, nil)}
		list[0].DiffID, list[1].DiffID = "", ""
		files, err := layers.NewReader(small, nil).Read(t.Context(), list)
		if !expected(err) {
			t.Fatalf("the error %v is not about the layers", err)
		}
		if err == nil {
			defer files.Close()
			consistent(t, files)
		}
	})
}

// FuzzEntries makes layers of a program: each line is an entry, "=" begins the next layer. What a fuzzer of bytes seldom finds
// are tar files whose entries mean something to each other.
func FuzzEntries(f *testing.F) {
	f.Add("d a\nf a/b\n=\nf .wh.a\nf a/c")
	f.Add("l bin usr/bin\n=\nf bin/app\nf bin/.wh.app\nf bin/.wh..wh..opq")
	f.Add("l l l\nf l/x\nh a l/x")
	f.Add("f a\nh b a\n=\nf .wh.a\n=\nh c b\nf b")
	f.Add("l a /\nl a/b ../..\nf a/b/c\nd a/b/a/../b\nf ../../x")
	f.Add("f .wh..wh..opq\nf .wh.\nf .wh..\nf .wh...\nd .wh..wh.plnk")
	f.Fuzz(func(t *testing.T, program string) {
		list := make([][]*tarEntry, 1)
		for line := range strings.Lines(program) {
			words := strings.Fields(line)
			if len(words) == 1 && words[0] == "=" {
				list = append(list, nil)
			}
			if e := entryOf(words); e != nil && len(list) < 10 {
				list[len(list)-1] = append(list[len(list)-1], e)
			}
		}
		files, err := layers.NewReader(small, nil).Read(t.Context(), stack(t, list...))
		if !expected(err) {
			t.Fatalf("the error %v is not about the layers", err)
		}
		if err != nil {
			return
		}
		defer files.Close()
		consistent(t, files)
		lastLayerWins(t, files, list)
	})
}

// entryOf reads a line of a program; nil if it is none.
func entryOf(words []string) *tarEntry {
	if len(words) < 2 || len(words[1]) > 200 || strings.ContainsRune(words[1], 0) || strings.HasSuffix(words[1], "/") {
		return nil
	}
	switch {
	case words[0] == "f":
		return file(words[1], words[1])
	case words[0] == "d":
		return folder(words[1])
	case len(words) < 3 || len(words[2]) > 200 || strings.ContainsRune(words[2], 0):
	case words[0] == "l":
		return link(words[1], words[2])
	case words[0] == "h":
		return hard(words[1], words[2])
	}
	return nil
}

// lastLayerWins: the last entry of all is in the image, if it is a file or folder at the root and no whiteout.
func lastLayerWins(t *testing.T, files *layers.Files, list [][]*tarEntry) {
	t.Helper()
	top := list[len(list)-1]
	if len(top) == 0 {
		return
	}
	e := top[len(top)-1]
	name := path.Clean("/" + e.Name)
	if e.Typeflag == '1' && path.Clean("/"+e.Linkname) == name {
		return // a name for itself adds nothing
	}
	if strings.Count(name, "/") != 1 || name == "/" || strings.Contains(name, "/.wh.") || strings.HasSuffix(name, ".landmark") || name == "/stargz.index.json" {
		return
	}
	got, err := files.Stat(t.Context(), name)
	if err != nil || e.Typeflag != '1' && got.Mode.Type() != e.FileInfo().Mode().Type() {
		t.Errorf("%q: %v, %v; want a %v", name, got.Mode, err, e.FileInfo().Mode())
	}
}

// FuzzELF reads any bytes as a program. Whatever was kept, what can be read is what is in the file.
func FuzzELF(f *testing.F) {
	l := sparseELF(4096)
	f.Add([]byte("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 57)))
	f.Add([]byte("\x7fELF\x01\x02\x01" + strings.Repeat("\xff", 300)))
	f.Add([]byte("\x7fELF\x02\x02" + strings.Repeat("\x01", 5000)))
	r, err := l.Open(context.Background())
	if err != nil {
		f.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data[1536+512:])
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < 4 {
			return
		}
		copy(data, "\x7fELF")
		plain := tarOf(t, file("app", string(data)))
		files, err := layers.NewReader(small, nil).Read(t.Context(), []layers.Layer{{Size: -1, DiffID: digest.FromBytes(plain), Open: layerOf(plain, nil).Open}})
		if err != nil {
			t.Fatal(err)
		}
		defer files.Close()
		for at := 0; at < len(data); at += max(1, len(data)/7) {
			got, err := files.ReadAt(t.Context(), "/app", int64(at), 50)
			var limit *layers.LimitError
			if errors.As(err, &limit) {
				return
			}
			if want := data[at:min(at+50, len(data))]; err != nil || !bytes.Equal(got, want) {
				t.Fatalf("at %d: got %x, want %x; %v", at, got, want, err)
			}
		}
		if _, err := files.Stat(t.Context(), "/app/x"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	})
}
