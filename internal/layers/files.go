package layers

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Files are the files of an image, as a container of it would see them. Paths are absolute and clean, and hold no links but in
// their last element. Close it to free its memory.
type Files struct {
	image *image
	root  *node

	mu      sync.Mutex
	rereads int
	last    window
}

// File is what is known of one file.
type File struct {
	Mode     fs.FileMode // type and permission bits
	Size     int64
	Link     string // the target, if it is a link
	UID, GID int
	Layer    int // index of the layer that the content is in
	// Fingerprint is that of an ELF file, as the package fingerprint makes it; 0: it is not known.
	Fingerprint uint64
}

// Notes returns what is odd about the layers.
func (f *Files) Notes() []Note { return slices.Clone(f.image.collect.list) }

// Close frees what was kept.
func (f *Files) Close() { f.image.store.close() }

// Stat describes a file without following a link. The error of a path that is not there is fs.ErrNotExist.
func (f *Files) Stat(_ context.Context, path string) (File, error) {
	n := f.find(path)
	if n == nil {
		return File{}, &fs.PathError{Op: "stat", Path: path, Err: fs.ErrNotExist}
	}
	return n.file(), nil
}

// LayerOf returns the index of the layer that a file's content is in. Unlike in Stat the path may hold links, but in its last element.
func (f *Files) LayerOf(path string) (index int, ok bool) {
	t := newTree(f.image.reader.limits, &collector{})
	t.root = f.root
	dir, base := split(strings.Trim(path, "/"))
	parent, err := t.folder(dir, false)
	if err != nil || parent == nil || parent.children[base].node == nil {
		return 0, false
	}
	return int(parent.children[base].node.layer), true
}

func (n *node) file() File {
	return File{Mode: n.mode, Size: n.size, Link: n.link, UID: n.uid, GID: n.gid, Layer: int(n.layer), Fingerprint: n.print}
}

func (f *Files) find(path string) *node {
	n := f.root
	for name := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		if name != "" && n != nil {
			n = n.children[name].node
		}
	}
	return n
}

// Walk calls visit for every file below a folder, names of one folder in lexical order, folders before what they hold. Links are
// not followed. What skip names, by path and type, is left out. visit may return fs.SkipDir for a folder, and fs.SkipAll.
func (f *Files) Walk(ctx context.Context, root string, skip func(path string, kind fs.FileMode) bool, visit func(path string, file File) error) error {
	n := f.find(root)
	if n == nil {
		return &fs.PathError{Op: "walk", Path: root, Err: fs.ErrNotExist}
	}
	err := walkBelow(ctx, strings.TrimRight(root, "/"), n, skip, visit)
	if errors.Is(err, fs.SkipAll) {
		return nil
	}
	return err
}

func walkBelow(ctx context.Context, dir string, n *node, skip func(path string, kind fs.FileMode) bool, visit func(path string, file File) error) error {
	for _, name := range slices.Sorted(maps.Keys(n.children)) {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		path, c := dir+"/"+name, n.children[name].node
		if skip(path, c.mode.Type()) {
			continue
		}
		err := visit(path, c.file())
		switch {
		case errors.Is(err, fs.SkipDir) && c.mode.IsDir():
			continue
		case errors.Is(err, fs.SkipDir):
			return nil // as in fs.WalkDir: the rest of the folder
		case err != nil:
			return err
		}
		if err := walkBelow(ctx, path, c, skip, visit); err != nil {
			return err
		}
	}
	return nil
}

// ReadAt returns up to length bytes from offset of a regular file: fewer at its end, none behind it. What was not kept is read
// from its layer again, which is then streamed whole: Limits.Rereads bounds how often.
func (f *Files) ReadAt(ctx context.Context, path string, offset, length int64) ([]byte, error) {
	n := f.find(path)
	switch {
	case n == nil:
		return nil, &fs.PathError{Op: "read", Path: path, Err: fs.ErrNotExist}
	case !n.mode.IsRegular():
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("it is no regular file")}
	case offset < 0 || length <= 0 || offset >= n.size:
		return nil, nil
	}
	length = min(length, n.size-offset)
	data, ok, err := f.image.store.read(n.kept, offset, length)
	if ok || err != nil {
		return data, err
	}
	return f.reread(ctx, n, offset, length)
}

// window is a part of a file that was read again.
type window struct {
	node   *node
	offset int64
	data   []byte
}

// rereadSize is how much is kept of a file that was read again: what is asked for next is probably near.
const rereadSize = 8 << 20

func (f *Files) reread(ctx context.Context, n *node, offset, length int64) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if data, ok := f.last.slice(n, offset, length); ok {
		return data, nil
	}
	if length > rereadSize {
		return nil, fmt.Errorf("reading %d bytes of an image's file at once: %d are the most", length, int64(rereadSize))
	}
	if f.rereads++; f.rereads > f.image.reader.limits.Rereads {
		return nil, f.image.wrap(int(n.layer), &LimitError{Limit: LimitRereads, Max: int64(f.image.reader.limits.Rereads)})
	}
	w := window{node: n, offset: offset}
	if n.size <= rereadSize {
		w.offset = 0
	}
	if err := f.fill(ctx, &w); err != nil {
		return nil, f.image.wrap(int(n.layer), err)
	}
	f.last = w
	data, _ := w.slice(n, offset, length)
	return data, nil
}

func (w window) slice(n *node, offset, length int64) (data []byte, ok bool) {
	if w.node != n || offset < w.offset || offset+length > w.offset+int64(len(w.data)) {
		return nil, false
	}
	return slices.Clone(w.data[offset-w.offset:][:length]), true
}

// fill streams the window's layer again. It is checked again to its end, so that a registry cannot give something else now.
func (f *Files) fill(ctx context.Context, w *window) error {
	again := &image{reader: f.image.reader, layers: f.image.layers, store: f.image.store, collect: &collector{}}
	number := int32(0)
	return again.stream(ctx, int(w.node.layer), func(_ *tar.Header, content io.Reader) error {
		number++
		if number-1 != w.node.number {
			return nil
		}
		r := &charged{image: again, r: content}
		if err := r.skip(w.offset); err != nil {
			return err
		}
		var err error
		w.data, err = r.fill(make([]byte, min(rereadSize, w.node.size-w.offset)))
		return err
	})
}
