package folder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
)

// maxDepth bounds how deep folders are followed: the length of a path in Linux allows no more that is of use.
const maxDepth = 512

// Files are the files of one image. Paths are absolute and clean, and begin at the image's root.
type Files struct {
	root *os.Root
	// The folder that Walk is in, so that what it visits need not be looked up from the root again.
	near string
	here *opened
}

// File is what is known of one file.
type File struct {
	Mode     fs.FileMode // type and permission bits
	Size     int64
	Link     string // the target, if it is a link
	UID, GID int
}

// Open returns the files at a folder. They are not for several goroutines at once.
func Open(dir string) (*Files, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &Files{root: root}, nil
}

// Close ends the use of the folder.
func (f *Files) Close() error { return f.root.Close() }

// far returns a path as os.Root takes it.
func far(name string) string {
	if name = strings.Trim(name, "/"); name == "" {
		return "."
	}
	return name
}

// Stat describes a file without following a link. The error of a path that is not there is fs.ErrNotExist.
func (f *Files) Stat(_ context.Context, name string) (File, error) {
	info, err := f.root.Lstat(far(name))
	if errors.Is(err, syscall.ENOTDIR) {
		err = &fs.PathError{Op: "lstat", Path: name, Err: fs.ErrNotExist} // a file where a folder would have to be
	}
	if err != nil {
		return File{}, err
	}
	file := File{Mode: info.Mode(), Size: info.Size()}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok { // as os documents it
		file.UID, file.GID = int(stat.Uid), int(stat.Gid)
	}
	if file.Mode&fs.ModeSymlink != 0 {
		file.Link, err = f.root.Readlink(far(name))
	}
	return file, err
}

// ReadAt returns up to length bytes from offset of a regular file: fewer at its end, none behind it. They are not to be changed.
func (f *Files) ReadAt(_ context.Context, name string, offset, length int64) ([]byte, error) {
	if dir, base := path.Split(name); f.here != nil && path.Clean(dir) == f.near {
		return f.here.readAt(base, offset, length)
	}
	file, err := f.root.OpenFile(far(name), os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe would wait for its other end
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // only read
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, notRegular(name)
	}
	data := make([]byte, max(0, min(length, info.Size()-offset)))
	n, err := file.ReadAt(data, offset)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return data[:n], err
}

func notRegular(name string) error {
	return &fs.PathError{Op: "read", Path: name, Err: errors.New("it is no regular file")}
}

// Walk calls visit for every file below a folder, names of one folder in lexical order, folders before what they hold. Links are
// not followed. What skip names, by path and type, is left out. visit may return fs.SkipDir for a folder. Of what is no regular file it is
// told the type, and nothing else.
func (f *Files) Walk(ctx context.Context, dir string, skip func(name string, kind fs.FileMode) bool, visit func(name string, file File) error) error {
	dir = path.Clean("/" + dir)
	folder, err := f.root.Open(far(dir))
	if err != nil {
		return err
	}
	defer func() { f.near, f.here = "", nil }()
	return f.walk(ctx, newOpened(folder), dir, 0, walker{skip, visit})
}

// walker is what a walk asks and tells.
type walker struct {
	skip  func(name string, kind fs.FileMode) bool
	visit func(name string, file File) error
}

// walk visits what is below an opened folder, and closes it.
func (f *Files) walk(ctx context.Context, here *opened, dir string, depth int, w walker) error {
	defer here.close()
	if depth > maxDepth {
		return fmt.Errorf("folder %q of the image is nested deeper than %d", dir, maxDepth)
	}
	entries, err := here.folder.ReadDir(-1)
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, entry := range entries {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		file, name := File{Mode: entry.Type()}, entry.Name()
		full := path.Join(dir, name)
		if w.skip(full, file.Mode) {
			continue
		}
		if file.Mode.IsRegular() {
			if file, err = here.stat(name); err != nil {
				return err
			}
		}
		f.near, f.here = dir, here
		err = w.visit(full, file)
		switch {
		case errors.Is(err, fs.SkipDir):
			continue
		case err != nil:
			return err
		case file.Mode.IsDir():
			below, err := here.below(name)
			if err != nil {
				return err
			}
			if err := f.walk(ctx, below, full, depth+1, w); err != nil {
				return err
			}
		}
	}
	return nil
}
