package verify

import (
	"context"
	"io/fs"
)

// Files is read access to the files of one image, wherever they are: the builder's snapshot, a registry, a folder.
// Paths are absolute and clean, and begin at the image's root.
type Files interface {
	// Stat describes the file at a path, whose parents hold no links; a link in the last element is described, not
	// followed. The error of a path that is absent satisfies errors.Is(err, fs.ErrNotExist); every other error ends
	// the verification.
	//
	// An implementation that can only follow the last link may do so, if it stays inside the image's root: verdicts
	// stay the same, but a dangling link is then reported as missing and links are not shown.
	Stat(ctx context.Context, path string) (File, error)

	// ReadAt returns up to length bytes from offset of a regular file: fewer at its end, none behind it.
	ReadAt(ctx context.Context, path string, offset, length int64) ([]byte, error)
}

// File is what Stat tells about one file.
type File struct {
	Mode     fs.FileMode // type and permission bits
	Size     int64
	Link     string // the target, if it is a link
	UID, GID int
	// Fingerprint is that of an ELF file, as the package fingerprint makes it, if it is known without reading; 0: it is not.
	Fingerprint uint64
}
