package build

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"

	gateway "github.com/moby/buildkit/frontend/gateway/client"
	fstypes "github.com/tonistiigi/fsutil/types"
)

// Files reads the files of one platform's image out of the builder's snapshot. No layer is made or moved for it.
type Files struct {
	ref gateway.Reference // nil: an image without files

	mu      sync.Mutex
	folders map[string]map[string]*fstypes.Stat
}

// Lstat describes the file at an absolute path, whose parents must not be links; a link is described, not followed. A file that
// is not there gives an error that is fs.ErrNotExist.
//
// BuildKit's own StatFile follows links (cache/util/fsutil.go), so the folder is listed instead; each folder once.
func (f *Files) Lstat(ctx context.Context, name string) (*fstypes.Stat, error) {
	name = path.Clean("/" + name)
	if name == "/" {
		return &fstypes.Stat{Mode: uint32(fs.ModeDir | 0o755)}, nil
	}
	entries, err := f.list(ctx, path.Dir(name))
	if err != nil {
		return nil, err
	}
	stat, ok := entries[path.Base(name)]
	if !ok {
		return nil, &fs.PathError{Op: "lstat", Path: name, Err: fs.ErrNotExist}
	}
	return stat, nil
}

// ReadAt returns up to length bytes from offset; fewer at the end of the file.
func (f *Files) ReadAt(ctx context.Context, name string, offset, length int64) ([]byte, error) {
	if f.ref == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	data, err := f.ref.ReadFile(ctx, gateway.ReadRequest{Filename: name, Range: &gateway.FileRange{Offset: int(offset), Length: int(length)}})
	if err != nil {
		return nil, fmt.Errorf("builder: reading %q of the image: %w", name, err)
	}
	return data, nil
}

func (f *Files) list(ctx context.Context, folder string) (map[string]*fstypes.Stat, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if entries, ok := f.folders[folder]; ok {
		return entries, nil
	}
	var stats []*fstypes.Stat
	if f.ref != nil {
		var err error
		stats, err = f.ref.ReadDir(ctx, gateway.ReadDirRequest{Path: folder})
		if err != nil && !missing(err) {
			return nil, fmt.Errorf("builder: listing %q of the image: %w", folder, err)
		}
	}
	entries := make(map[string]*fstypes.Stat, len(stats))
	for _, stat := range stats {
		entries[path.Base(stat.Path)] = stat
	}
	if f.folders == nil {
		f.folders = map[string]map[string]*fstypes.Stat{}
	}
	f.folders[folder] = entries
	return entries, nil
}

// missing recognises a folder that is not there by its text: the builder's answer carries no more than that through gRPC.
func missing(err error) bool {
	text := err.Error()
	return strings.Contains(text, "no such file or directory") || strings.Contains(text, "not a directory")
}
