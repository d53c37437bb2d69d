package layers_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"

	"github.com/org/multiarch-action/internal/layers"
)

const gzipType = "application/vnd.oci.image.layer.v1.tar+gzip"

func file(name, data string) *tarEntry {
	return &tarEntry{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(data))}, data}
}

func folder(name string) *tarEntry {
	return &tarEntry{tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755}, ""}
}

func link(name, target string) *tarEntry {
	return &tarEntry{tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}, ""}
}

func hard(name, target string) *tarEntry {
	return &tarEntry{tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target}, ""}
}

type tarEntry struct {
	tar.Header
	data string
}

// mode changes an entry's permissions.
func (e *tarEntry) mode(mode int64) *tarEntry {
	e.Mode = mode
	return e
}

// tarOf writes a tar file.
func tarOf(t testing.TB, entries ...*tarEntry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		if err := w.WriteHeader(&e.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstandard(t testing.TB, data []byte, options ...zstd.EOption) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil, options...)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(data, nil)
}

// layerOf describes a layer truthfully.
func layerOf(packed, plain []byte) layers.Layer {
	return layers.Layer{
		Digest: digest.FromBytes(packed), Size: int64(len(packed)), DiffID: digest.FromBytes(plain),
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(packed)), nil },
	}
}

// stack makes gzip layers of entries.
func stack(t testing.TB, list ...[]*tarEntry) []layers.Layer {
	t.Helper()
	out := make([]layers.Layer, len(list))
	for i, entries := range list {
		plain := tarOf(t, entries...)
		out[i] = layerOf(gzipped(t, plain), plain)
		out[i].MediaType = gzipType
	}
	return out
}

func read(t testing.TB, list []layers.Layer) *layers.Files {
	t.Helper()
	files, err := layers.NewReader(layers.Limits{}, nil).Read(t.Context(), list)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(files.Close)
	return files
}

// listing is what an image holds: folders as "dir", links with their target, files with their content.
func listing(t testing.TB, files *layers.Files) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := files.Walk(t.Context(), "/", nothing, func(path string, f layers.File) error {
		switch {
		case f.Mode.IsDir():
			out[path] = "dir"
		case f.Mode&fs.ModeSymlink != 0:
			out[path] = "-> " + f.Link
		case f.Mode.IsRegular():
			data, err := files.ReadAt(t.Context(), path, 0, f.Size)
			if err != nil {
				return err
			}
			out[path] = string(data)
		default:
			out[path] = f.Mode.String()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

type entries = []*tarEntry

// The cases in which tools are known to differ, and those around them. What is right is what containerd and umoci do, and where
// these differ what the specification says.
func TestLayersAreAppliedAsTheSpecificationSays(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		layers []entries
		want   map[string]string
	}{
		{"one file", []entries{{file("a", "1")}}, map[string]string{"/a": "1"}},
		{"no layers", nil, map[string]string{}},
		{"an empty layer", []entries{{}, {file("a", "1")}, {}}, map[string]string{"/a": "1"}},
		{"a file replaced", []entries{{file("a", "1")}, {file("a", "2")}}, map[string]string{"/a": "2"}},
		{"whiteout", []entries{{file("a", "1"), file("b", "2")}, {file(".wh.a", "")}}, map[string]string{"/b": "2"}},
		{"whiteout of a folder", []entries{{file("d/a", "1"), file("d/e/b", "2")}, {file(".wh.d", "")}}, map[string]string{}},
		{"whiteout of nothing", []entries{{file("a", "1")}, {file(".wh.x", ""), file("y/.wh.x", "")}}, map[string]string{"/a": "1"}},
		{"whiteout, then the same name", []entries{{file("x", "old")}, {file(".wh.x", ""), file("x", "new")}}, map[string]string{"/x": "new"}},
		{"a name, then its whiteout", []entries{{file("x", "old")}, {file("x", "new"), file(".wh.x", "")}}, map[string]string{"/x": "new"}},
		{
			"whiteout of a folder that is there again",
			[]entries{{file("d/old", "1")}, {folder("d"), file("d/new", "2"), file(".wh.d", "")}},
			map[string]string{"/d": "dir", "/d/new": "2"},
		},
		{
			"opaque first",
			[]entries{{file("d/old", "1")}, {folder("d"), file("d/.wh..wh..opq", ""), file("d/new", "2")}},
			map[string]string{"/d": "dir", "/d/new": "2"},
		},
		{
			"opaque last",
			[]entries{{file("d/old", "1"), file("d/sub/old", "1")}, {file("d/sub/new", "3"), file("d/new", "2"), file("d/.wh..wh..opq", "")}},
			map[string]string{"/d": "dir", "/d/new": "2", "/d/sub": "dir", "/d/sub/new": "3"},
		},
		{"opaque root", []entries{{file("a", "1"), file("d/b", "1")}, {file(".wh..wh..opq", ""), file("c", "2")}}, map[string]string{"/c": "2"}},
		{"opaque hides two layers below", []entries{{file("d/a", "1")}, {file("d/b", "2")}, {file("d/.wh..wh..opq", "")}}, map[string]string{"/d": "dir"}},
		{"file over folder", []entries{{file("a/b", "1")}, {file("a", "2")}}, map[string]string{"/a": "2"}},
		{"folder over file", []entries{{file("a", "1")}, {folder("a"), file("a/b", "2")}}, map[string]string{"/a": "dir", "/a/b": "2"}},
		{"file, folder, file", []entries{{file("a", "1")}, {file("a/b", "2")}, {file("a", "3")}}, map[string]string{"/a": "3"}},
		{"folder over folder", []entries{{file("a/b", "1")}, {folder("a"), file("a/c", "2")}}, map[string]string{"/a": "dir", "/a/b": "1", "/a/c": "2"}},
		{"removed and made again", []entries{{file("d/a", "1")}, {file(".wh.d", "")}, {file("d/b", "2")}}, map[string]string{"/d": "dir", "/d/b": "2"}},
		{"missing parents", []entries{{file("a/b/c", "1")}}, map[string]string{"/a": "dir", "/a/b": "dir", "/a/b/c": "1"}},
		{"the same path twice", []entries{{file("x", "first"), file("x", "last")}}, map[string]string{"/x": "last"}},
		{"names of aufs", []entries{{file(".wh..wh.plnk", ""), file(".wh..wh.aufs", ""), folder(".wh..wh.orph"), file(".wh..wh.orph/x", "")}}, map[string]string{}},
		{
			"file through a link of a lower layer",
			[]entries{{folder("usr/bin"), link("bin", "usr/bin")}, {file("bin/app", "1")}},
			map[string]string{"/usr": "dir", "/usr/bin": "dir", "/usr/bin/app": "1", "/bin": "-> usr/bin"},
		},
		{
			"file through a link of the same layer",
			[]entries{{folder("usr/bin"), link("bin", "usr/bin"), file("bin/app", "1")}},
			map[string]string{"/usr": "dir", "/usr/bin": "dir", "/usr/bin/app": "1", "/bin": "-> usr/bin"},
		},
		{
			"file through a link to what is not there",
			[]entries{{link("bin", "usr/bin"), file("bin/app", "1")}},
			map[string]string{"/usr": "dir", "/usr/bin": "dir", "/usr/bin/app": "1", "/bin": "-> usr/bin"},
		},
		{"file through a link to the root", []entries{{link("r", "/")}, {file("r/a", "1")}}, map[string]string{"/r": "-> /", "/a": "1"}},
		{
			"file through an absolute link",
			[]entries{{folder("data"), link("a/b", "/data")}, {file("a/b/c", "1")}},
			map[string]string{"/data": "dir", "/a": "dir", "/a/b": "-> /data", "/data/c": "1"},
		},
		{
			"file through a link with more .. than folders",
			[]entries{{folder("e"), link("d/l", "../../../e")}, {file("d/l/f", "1")}},
			map[string]string{"/d": "dir", "/d/l": "-> ../../../e", "/e": "dir", "/e/f": "1"},
		},
		{
			"whiteout through a link",
			[]entries{{file("usr/bin/app", "1"), link("bin", "usr/bin")}, {file("bin/.wh.app", "")}},
			map[string]string{"/usr": "dir", "/usr/bin": "dir", "/bin": "-> usr/bin"},
		},
		{
			"folder over a link",
			[]entries{{file("usr/bin/sh", "1"), link("bin", "usr/bin")}, {folder("bin/"), file("bin/app", "2")}},
			map[string]string{"/usr": "dir", "/usr/bin": "dir", "/usr/bin/sh": "1", "/bin": "dir", "/bin/app": "2"},
		},
		{"link over link", []entries{{link("l", "a")}, {link("l", "b")}}, map[string]string{"/l": "-> b"}},
		{"hard link", []entries{{file("a", "1"), hard("b", "a")}}, map[string]string{"/a": "1", "/b": "1"}},
		{"hard link with a slash in front", []entries{{file("a", "1"), hard("/b", "/a")}}, map[string]string{"/a": "1", "/b": "1"}},
		{"hard link to a lower layer", []entries{{file("a", "1")}, {hard("b", "a")}}, map[string]string{"/a": "1", "/b": "1"}},
		{"hard link, then its target removed", []entries{{file("a", "1"), hard("b", "a")}, {file(".wh.a", "")}}, map[string]string{"/b": "1"}},
		{"hard link, then its target replaced", []entries{{file("a", "1"), hard("b", "a")}, {file("a", "2")}}, map[string]string{"/a": "2", "/b": "1"}},
		{"hard link through a link", []entries{{file("usr/a", "1"), link("u", "usr")}, {hard("b", "u/a")}}, map[string]string{"/usr": "dir", "/usr/a": "1", "/u": "-> usr", "/b": "1"}},
		{"hard link to a link", []entries{{file("a", "1"), link("l", "a"), hard("m", "l")}}, map[string]string{"/a": "1", "/l": "-> a", "/m": "-> a"}},
		{"./x below, /x above", []entries{{file("./x", "old")}, {file("/x", "new")}}, map[string]string{"/x": "new"}},
		{"a name that goes up", []entries{{file("a/../y", "1")}}, map[string]string{"/y": "1"}},
		{"a name that leaves the root", []entries{{file("../../x", "1")}}, map[string]string{"/x": "1"}},
		{"the root itself", []entries{{folder("./"), file("./a", "1")}}, map[string]string{"/a": "1"}},
		{"a whiteout of nothing but the prefix", []entries{{file("d/a", "1")}, {file("d/.wh.", ""), file("d/.wh...", "")}}, map[string]string{"/d": "dir", "/d/a": "1"}},
		{"index of lazy pulling", []entries{{file("a", "1"), file("stargz.index.json", "{}"), file(".prefetch.landmark", "\x0f"), file(".no.prefetch.landmark", "\x0f")}}, map[string]string{"/a": "1"}},
		{
			"devices and pipes",
			[]entries{{{tar.Header{Typeflag: tar.TypeChar, Name: "null", Devmajor: 1, Devminor: 3, Mode: 0o666}, ""}, {tar.Header{Typeflag: tar.TypeFifo, Name: "pipe", Mode: 0o600}, ""}}},
			map[string]string{"/null": "Dcrw-rw-rw-", "/pipe": "prw-------"},
		},
		{"a long name", []entries{{file(strings.Repeat("a", 200)+"/"+strings.Repeat("b", 200), "1")}}, map[string]string{
			"/" + strings.Repeat("a", 200): "dir", "/" + strings.Repeat("a", 200) + "/" + strings.Repeat("b", 200): "1",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, listing(t, read(t, stack(t, test.layers...)))); diff != "" {
				t.Errorf("the files differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	owned := file("app", "x").mode(0o4755)
	owned.Uid, owned.Gid = 1000, 4_000_000_000
	files := read(t, stack(t, entries{file("d/x", "")}, entries{owned, folder("d").mode(0o1700)}))
	for path, want := range map[string]layers.File{
		"/":    {Mode: fs.ModeDir | 0o755},
		"/app": {Mode: fs.ModeSetuid | 0o755, Size: 1, UID: 1000, GID: 4_000_000_000, Layer: 1},
		"/d":   {Mode: fs.ModeDir | fs.ModeSticky | 0o700},
		"/d/x": {Mode: 0o644},
	} {
		got, err := files.Stat(t.Context(), path)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", path, err, diff)
		}
	}
	for _, path := range []string{"/x", "/app/x", "/d/x/y"} {
		if _, err := files.Stat(t.Context(), path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want that it does not exist", path, err)
		}
	}
}

func TestCompressions(t *testing.T) {
	t.Parallel()
	plain := tarOf(t, file("a", "1"), file("b", strings.Repeat("2", 70000)))
	half := len(plain) / 2
	for name, packed := range map[string][]byte{
		"none":                   plain,
		"gzip":                   gzipped(t, plain),
		"gzip in two members":    append(gzipped(t, plain[:half]), gzipped(t, plain[half:])...),
		"zstd":                   zstandard(t, plain),
		"zstd in two frames":     append(zstandard(t, plain[:half]), zstandard(t, plain[half:])...),
		"zstd, skippable first":  append([]byte{0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 'x', 'y'}, zstandard(t, plain)...),
		"zstd, skippable within": append(append(zstandard(t, plain[:half]), 0x5f, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 'x'), zstandard(t, plain[half:])...),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := listing(t, read(t, []layers.Layer{layerOf(packed, plain)}))
			if got["/a"] != "1" || len(got["/b"]) != 70000 {
				t.Errorf("got %d files", len(got))
			}
		})
	}
}

func TestNotes(t *testing.T) {
	t.Parallel()
	plain := tarOf(t, file("a", "1"))
	mislabeled := layerOf(zstandard(t, plain), plain)
	mislabeled.MediaType = gzipType
	trailing := layerOf(append(gzipped(t, plain), make([]byte, 600)...), plain)
	foreign := layers.Layer{
		MediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
		Open:      func(context.Context) (io.ReadCloser, error) { return nil, errors.New("it was opened") },
	}
	for name, test := range map[string]struct {
		layer layers.Layer
		want  layers.Note
	}{
		"media type": {mislabeled, layers.Note{Kind: layers.NoteMediaType, Text: `the media type "` + gzipType + `" is for a gzip tar file, and it is a zstd tar file`}},
		"trailing":   {trailing, layers.Note{Kind: layers.NoteTrailing, Text: "bytes that are not gzip follow the end of the compressed data"}},
		"foreign":    {foreign, layers.Note{Kind: layers.NoteForeign, Text: "the layer may not be distributed, and was not read"}},
		"duplicate": {
			stack(t, entries{file("a", "1"), file("./a", "2")})[0],
			layers.Note{Kind: layers.NoteDuplicate, Path: "/a", Text: "the same path twice in one layer; the last counts"},
		},
		"unsafe path": {
			stack(t, entries{file("../etc/passwd", "x")})[0],
			layers.Note{Kind: layers.NoteUnsafePath, Path: "../etc/passwd", Text: "the path leads out of the image; it was kept inside"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff([]layers.Note{test.want}, read(t, []layers.Layer{test.layer}).Notes()); diff != "" {
				t.Errorf("the notes differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnOrdinaryImageGivesNoNotes(t *testing.T) {
	t.Parallel()
	files := read(t, stack(t, entries{folder("a/"), file("a/b", "1")}, entries{folder("a/"), folder("a"), file("a/b", "2"), hard("c", "a/b")}))
	if notes := files.Notes(); len(notes) > 0 {
		t.Errorf("got %v", notes)
	}
}

func TestBadLayers(t *testing.T) {
	t.Parallel()
	plain := tarOf(t, file("a", strings.Repeat("x", 3000)))
	packed := gzipped(t, plain)
	change := func(f func(*layers.Layer)) []layers.Layer {
		l := layerOf(packed, plain)
		f(&l)
		return []layers.Layer{l}
	}
	opens := func(data []byte) func(*layers.Layer) {
		return func(l *layers.Layer) {
			l.Open = layerOf(data, nil).Open
		}
	}
	other := digest.FromString("other")
	for name, test := range map[string]struct {
		layers []layers.Layer
		want   layers.BadLayerError
	}{
		"digest":         {change(func(l *layers.Layer) { l.Digest = other }), layers.BadLayerError{Defect: layers.BadDigest, Expected: string(other), Found: string(digest.FromBytes(packed))}},
		"diff id":        {change(func(l *layers.Layer) { l.DiffID = other }), layers.BadLayerError{Defect: layers.BadDiffID, Expected: "a tar file with the digest " + string(other), Found: string(digest.FromBytes(plain))}},
		"more bytes":     {change(func(l *layers.Layer) { l.Size-- }), layers.BadLayerError{Defect: layers.BadSize, Expected: fmt.Sprintf("%d bytes", len(packed)-1), Found: "more"}},
		"fewer bytes":    {change(func(l *layers.Layer) { l.Size++ }), layers.BadLayerError{Defect: layers.BadSize, Expected: fmt.Sprintf("%d bytes", len(packed)+1), Found: fmt.Sprintf("%d bytes", len(packed))}},
		"no digest":      {change(func(l *layers.Layer) { l.Digest = "sha256:../../x" }), layers.BadLayerError{Defect: layers.BadDigest, Expected: "a digest such as sha256:…", Found: `"sha256:../../x"`}},
		"other content":  {change(opens(bytes.Repeat([]byte{7}, len(packed)))), layers.BadLayerError{Defect: layers.BadDigest, Expected: string(digest.FromBytes(packed)), Found: string(digest.FromBytes(bytes.Repeat([]byte{7}, len(packed))))}},
		"cut":            {[]layers.Layer{layerOf(packed[:len(packed)-9], plain)}, layers.BadLayerError{Defect: layers.BadContent, Found: "data that cannot be unpacked (its end: unexpected EOF)"}},
		"cut early":      {[]layers.Layer{layerOf(gzipped(t, plain[:2000]), plain[:2000])}, layers.BadLayerError{Defect: layers.BadContent, Found: "data that cannot be unpacked (its tar file: unexpected EOF)"}},
		"no tar":         {[]layers.Layer{layerOf(gzipped(t, bytes.Repeat([]byte("x"), 2000)), bytes.Repeat([]byte("x"), 2000))}, layers.BadLayerError{Defect: layers.BadContent, Found: "data that cannot be unpacked (its tar file: archive/tar: invalid tar header)"}},
		"hard link":      {stack(t, entries{hard("b", "a"), file("a", "1")}), layers.BadLayerError{Defect: layers.BadHardLink, Expected: `a file behind the hard link "/b"`, Found: `none at "/a"`}},
		"link to itself": {stack(t, entries{link("l", "l"), file("l/a", "1")}), layers.BadLayerError{Defect: layers.BadPath, Expected: "a path through at most 40 links", Found: "a loop of links, or more"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := layers.NewReader(layers.Limits{}, nil).Read(t.Context(), test.layers)
			var got *layers.BadLayerError
			if !errors.As(err, &got) {
				t.Fatalf("got %v", err)
			}
			test.want.Layer = fmt.Sprintf("layer 1 of 1 (%s)", test.layers[0].Digest)
			if diff := cmp.Diff(test.want, *got); diff != "" {
				t.Errorf("the error differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestErrorTexts(t *testing.T) {
	t.Parallel()
	plain := tarOf(t, hard("b", "a"))
	_, err := layers.NewReader(layers.Limits{}, nil).Read(t.Context(), []layers.Layer{layerOf(plain, plain)})
	want := fmt.Sprintf(`layer 1 of 1 (%s): found none at "/a", expected a file behind the hard link "/b"`, digest.FromBytes(plain))
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestASourceThatFailsIsNotTheImagesFault(t *testing.T) {
	t.Parallel()
	plain := tarOf(t, file("a", strings.Repeat("x", 100000)))
	layer := layerOf(plain, plain)
	opened := 0
	broken := errors.New("connection reset")
	layer.Open = func(context.Context) (io.ReadCloser, error) {
		opened++
		return io.NopCloser(io.MultiReader(bytes.NewReader(plain[:5000]), &failing{broken})), nil
	}
	_, err := layers.NewReader(layers.Limits{}, nil).Read(t.Context(), []layers.Layer{layer})
	var bad *layers.BadLayerError
	if !errors.Is(err, broken) || errors.As(err, &bad) {
		t.Errorf("got %v", err)
	}
	if opened != 3 {
		t.Errorf("it was tried %d times", opened)
	}
}

func TestALayerIsReadAgainAfterItsSourceFailed(t *testing.T) {
	t.Parallel()
	plain := tarOf(t, file("a", "1"), file("b", strings.Repeat("x", 100000)))
	layer := layerOf(plain, plain)
	opened := 0
	layer.Open = func(context.Context) (io.ReadCloser, error) {
		if opened++; opened == 1 {
			return io.NopCloser(io.MultiReader(bytes.NewReader(plain[:5000]), &failing{errors.New("connection reset")})), nil
		}
		return io.NopCloser(bytes.NewReader(plain)), nil
	}
	got := listing(t, read(t, []layers.Layer{layer}))
	if got["/a"] != "1" || len(got["/b"]) != 100000 {
		t.Errorf("got %d files", len(got))
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

func TestCancelling(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	layer := layers.Layer{Size: -1, Open: func(context.Context) (io.ReadCloser, error) {
		cancel(why)
		return io.NopCloser(&endless{}), nil
	}}
	_, err := layers.NewReader(layers.Limits{}, nil).Read(ctx, []layers.Layer{layer})
	if !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
}

// endless gives zeros for ever.
type endless struct{}

func (*endless) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// nothing is left out of a walk.
func nothing(string, fs.FileMode) bool { return false }
