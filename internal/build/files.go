package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	gateway "github.com/moby/buildkit/frontend/gateway/client"
	fstypes "github.com/tonistiigi/fsutil/types"
)

// Files reads the files of one platform's image out of the builder's snapshot. No layer is made or moved for it.
type Files struct {
	ref  gateway.Reference // nil: an image without files
	run  *job
	api  gateway.Client
	name string // of the platform

	limit    int64 // of requests; 0: none
	requests atomic.Int64

	mu      sync.Mutex
	folders map[string]map[string]*fstypes.Stat
	blocks  map[block][]byte
	known   head
}

// Headers, tables and names of a program are read one after the other. A request costs more than what it brings.
const (
	blockSize = 64 << 10
	maxBlocks = 32
)

// block is a part of a file.
type block struct {
	name   string
	number int64
}

// head is the beginning of a file, or all of it.
type head struct {
	name  string
	data  []byte
	whole bool
}

// ErrManyRequests says that the builder would have to be asked more often than it may be.
var ErrManyRequests = errors.New("more requests to the builder are needed than are allowed")

// AtMost returns the same files, which end with ErrManyRequests after a number of requests to the builder.
func (f *Files) AtMost(requests int64) *Files {
	return &Files{ref: f.ref, run: f.run, api: f.api, name: f.name, limit: requests}
}

func (f *Files) count() error {
	if n := f.requests.Add(1); f.limit > 0 && n > f.limit {
		return ErrManyRequests
	}
	return nil
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
	if offset < 0 || length <= 0 {
		return nil, nil
	}
	if data, known := f.fromHead(name, offset, length); known {
		return data, nil
	}
	if length > blockSize {
		return f.readFile(ctx, name, offset, length)
	}
	number, at := offset/blockSize, offset%blockSize
	data, err := f.block(ctx, block{name, number})
	if err == nil && len(data) == blockSize && at+length > blockSize {
		var next []byte
		next, err = f.block(ctx, block{name, number + 1})
		data = slices.Concat(data, next)
	}
	at = min(at, int64(len(data)))
	return slices.Clone(data[at:min(at+length, int64(len(data)))]), err
}

func (f *Files) fromHead(name string, offset, length int64) (data []byte, known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	size := int64(len(f.known.data))
	if f.known.name != name || offset > size || !f.known.whole && offset+length > size {
		return nil, false
	}
	return slices.Clone(f.known.data[offset:min(size, offset+length)]), true
}

// block reads a block once, as long as they are not many.
func (f *Files) block(ctx context.Context, b block) ([]byte, error) {
	f.mu.Lock()
	data, known := f.blocks[b]
	f.mu.Unlock()
	if known {
		return data, nil
	}
	data, err := f.readFile(ctx, b.name, b.number*blockSize, blockSize)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.blocks == nil || len(f.blocks) == maxBlocks {
		f.blocks = map[block][]byte{}
	}
	f.blocks[b] = data
	return data, nil
}

// hasBlock reports whether the beginning of a file was read.
func (f *Files) hasBlock(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.blocks[block{name: name}] != nil
}

// remember keeps the beginning of one file, of which the next read will be.
func (f *Files) remember(name string, data []byte, size int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known = head{name: name, data: data, whole: int64(len(data)) == size}
}

func (f *Files) readFile(ctx context.Context, name string, offset, length int64) ([]byte, error) {
	if f.ref == nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if err := f.count(); err != nil {
		return nil, err
	}
	data, err := f.ref.ReadFile(ctx, gateway.ReadRequest{Filename: name, Range: &gateway.FileRange{Offset: int(offset), Length: int(length)}})
	if err != nil {
		return nil, fmt.Errorf("builder: reading %q of the image: %w", name, err)
	}
	return data, nil
}

// list lists a folder once.
func (f *Files) list(ctx context.Context, folder string) (map[string]*fstypes.Stat, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if entries, ok := f.folders[folder]; ok {
		return entries, nil
	}
	entries, err := f.read(ctx, folder)
	if err != nil {
		return nil, err
	}
	if f.folders == nil {
		f.folders = map[string]map[string]*fstypes.Stat{}
	}
	f.folders[folder] = entries
	return entries, nil
}

// listed returns what is known of a folder.
func (f *Files) listed(folder string) (entries map[string]*fstypes.Stat, known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	entries, known = f.folders[folder]
	return entries, known
}

// Count tells how many entries a folder has, 0 where there is none. A link to a folder is followed.
func (f *Files) Count(ctx context.Context, folder string) (int, error) {
	entries, err := f.list(ctx, folder)
	return len(entries), err
}

// missing recognises a folder that is not there by its text: the builder's answer carries no more than that through gRPC.
func missing(err error) bool {
	text := err.Error()
	return strings.Contains(text, "no such file or directory") || strings.Contains(text, "not a directory")
}
