// Package folder reads the files of an image that is mounted at a folder. No link leads out of it, whatever the image holds: every
// access goes through os.Root. It writes nothing. Start at Open.
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
	here *os.Root
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

// in returns the folder to look a path up in, and the path within it.
func (f *Files) in(name string) (*os.Root, string) {
	if dir, base := path.Split(name); f.here != nil && path.Clean(dir) == f.near {
		return f.here, base
	}
	if name = strings.Trim(name, "/"); name == "" {
		name = "."
	}
	return f.root, name
}

// Stat describes a file without following a link. The error of a path that is not there is fs.ErrNotExist.
func (f *Files) Stat(_ context.Context, name string) (File, error) {
	root, name := f.in(name)
	return stat(root, name)
}

func stat(root *os.Root, name string) (File, error) {
	info, err := root.Lstat(name)
	if errors.Is(err, syscall.ENOTDIR) {
		err = &fs.PathError{Op: "lstat", Path: name, Err: fs.ErrNotExist} // a file where a folder would have to be
	}
	if err != nil {
		return File{}, err
	}
	file := File{Mode: info.Mode(), Size: info.Size()}
	if file.UID, file.GID, err = owner(info); err != nil {
		return File{}, err
	}
	if file.Mode&fs.ModeSymlink != 0 {
		file.Link, err = root.Readlink(name)
	}
	return file, err
}

// ReadAt returns up to length bytes from offset of a regular file: fewer at its end, none behind it.
func (f *Files) ReadAt(_ context.Context, name string, offset, length int64) ([]byte, error) {
	root, base := f.in(name)
	file, err := root.OpenFile(base, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe would wait for its other end
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // only read
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("it is no regular file")}
	}
	data := make([]byte, max(0, min(length, info.Size()-offset)))
	n, err := file.ReadAt(data, offset)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return data[:n], err
}

// Walk calls visit for every file below a folder, names of one folder in lexical order, folders before what they hold. Links are
// not followed. visit may return fs.SkipDir for a folder.
func (f *Files) Walk(ctx context.Context, dir string, visit func(name string, file File) error) error {
	dir = path.Clean("/" + dir)
	root, name := f.in(dir)
	opened, err := root.OpenRoot(name)
	if err != nil {
		return err
	}
	defer func() { f.near, f.here = "", nil }()
	return f.walk(ctx, opened, dir, 0, visit)
}

// walk visits what is below an opened folder, and closes it.
func (f *Files) walk(ctx context.Context, opened *os.Root, dir string, depth int, visit func(string, File) error) error {
	defer func() { _ = opened.Close() }() // only read
	if depth > maxDepth {
		return fmt.Errorf("folder %q of the image is nested deeper than %d", dir, maxDepth)
	}
	names, err := list(opened)
	if err != nil {
		return err
	}
	for _, name := range names {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		f.near, f.here = dir, opened
		file, err := stat(opened, name)
		if err != nil {
			return err
		}
		full := path.Join(dir, name)
		err = visit(full, file)
		switch {
		case errors.Is(err, fs.SkipDir):
			continue
		case err != nil:
			return err
		case file.Mode.IsDir():
			below, err := opened.OpenRoot(name)
			if err != nil {
				return err
			}
			if err := f.walk(ctx, below, full, depth+1, visit); err != nil {
				return err
			}
		}
	}
	return nil
}

// list returns the names in a folder in order.
func list(dir *os.Root) ([]string, error) {
	file, err := dir.Open(".")
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // only read
	names, err := file.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}
