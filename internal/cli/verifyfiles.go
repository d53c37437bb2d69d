package cli

import (
	"context"
	"io/fs"

	"github.com/org/multiarch-action/internal/layers"
	"github.com/org/multiarch-action/internal/verify"
)

// fileSource is where an image's files are, as layers and folders have them.
type fileSource[F any] interface {
	Stat(ctx context.Context, path string) (F, error)
	ReadAt(ctx context.Context, path string, offset, length int64) ([]byte, error)
	Walk(ctx context.Context, root string, skip func(path string, kind fs.FileMode) bool, visit func(path string, file F) error) error
}

// filesOf are the files of a source in the terms of verify.
type filesOf[F any] struct {
	fileSource[F]
	in func(F) verify.File
}

// Stat describes a file, without following a link.
func (f filesOf[F]) Stat(ctx context.Context, path string) (verify.File, error) {
	file, err := f.fileSource.Stat(ctx, path)
	return f.in(file), err
}

// Walk visits all files below a folder.
func (f filesOf[F]) Walk(ctx context.Context, root string, skip func(path string, kind fs.FileMode) bool, visit func(path string, file verify.File) error) error {
	return f.fileSource.Walk(ctx, root, skip, func(path string, file F) error { return visit(path, f.in(file)) })
}

// layerFiles are files that were read from layers.
func layerFiles(files *layers.Files) filesOf[layers.File] {
	return filesOf[layers.File]{files, func(f layers.File) verify.File {
		return verify.File{Mode: f.Mode, Size: f.Size, Link: f.Link, UID: f.UID, GID: f.GID, Fingerprint: f.Fingerprint}
	}}
}
