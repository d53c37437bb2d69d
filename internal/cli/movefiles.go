package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/org/multiarch-action/internal/publish"
)

// deleteOthers deletes what is in a folder, and in none of those whose files are to be moved into it. Links are not followed.
func deleteOthers(dir string, kept []string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		var same []string
		for _, other := range kept {
			info, err := os.Lstat(filepath.Join(other, entry.Name()))
			if err == nil && info.IsDir() == entry.IsDir() {
				same = append(same, filepath.Join(other, entry.Name()))
			}
		}
		switch {
		case len(same) == 0:
			err = os.RemoveAll(path)
		case entry.IsDir():
			err = deleteOthers(path, same)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// moveInto moves a file or a folder to a place where there may be one already: folders are merged and keep their permissions, files are
// replaced.
func moveInto(from, to string) error {
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return moveFile(from, to, info)
	}
	if err := writable(from); err != nil { // or it cannot be moved
		return err
	}
	if _, err := os.Lstat(to); err == nil {
		return moveEntries(from, to)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	err = os.Rename(from, to)
	if errors.Is(err, syscall.EXDEV) {
		if err = os.Mkdir(to, 0o700); err == nil {
			err = moveEntries(from, to)
		}
	}
	if err != nil {
		return err
	}
	return os.Chmod(to, info.Mode())
}

func moveEntries(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := moveInto(filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// moveFile moves what is no folder, to another file system by a copy.
func moveFile(from, to string, info fs.FileInfo) error {
	err := os.Rename(from, to)
	if !errors.Is(err, syscall.EXDEV) {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		target, err := os.Readlink(from)
		if err == nil {
			err = os.Remove(to)
		}
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			err = os.Symlink(target, to)
		}
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file and cannot be copied to another file system; set TMPDIR to a folder on that file system", from)
	}
	file, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read
	err = publish.WriteFile(to, func(w io.Writer) error {
		_, err := io.Copy(w, file)
		return err
	})
	return errors.Join(err, os.Chmod(to, info.Mode()), os.Chtimes(to, info.ModTime(), info.ModTime()))
}
