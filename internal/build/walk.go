package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	gateway "github.com/moby/buildkit/frontend/gateway/client"
	fstypes "github.com/tonistiigi/fsutil/types"
)

// maxDepth bounds how deep folders are followed: the length of a path in Linux allows no more that is of use.
const maxDepth = 512

// While one file is visited, the builder is already asked for the next ones.
const (
	aheadRequests = 8       // at once; each mounts the snapshot, which the kernel does one at a time
	aheadEntries  = 32      // of a folder
	aheadBytes    = 4 << 10 // of the beginning of a file
)

// Walk calls visit for every file below a folder, folders before what they hold, in the order of their names. A link is
// not followed; visit may return fs.SkipDir. What skip names is left out. The builder lists a folder at a time.
func (f *Files) Walk(ctx context.Context, folder string, skip func(name string, kind fs.FileMode) bool, visit func(name string, stat *fstypes.Stat) error) error {
	ctx, cancel := context.WithCancel(ctx)
	w := &walker{files: f, skip: skip, visit: visit, slots: make(chan struct{}, aheadRequests)}
	defer w.pending.Wait()
	defer cancel()
	folder = path.Clean("/" + folder)
	return w.walk(ctx, folder, 0, w.list(ctx, folder))
}

// walker is one walk.
type walker struct {
	files   *Files
	skip    func(name string, kind fs.FileMode) bool
	visit   func(name string, stat *fstypes.Stat) error
	slots   chan struct{}
	pending sync.WaitGroup
}

// ahead is what was asked for before it is needed.
type ahead struct {
	done    chan struct{}
	entries map[string]*fstypes.Stat // of a folder
	head    []byte                   // of a file
	err     error
}

// begin asks for something as soon as there is a slot.
func (w *walker) begin(ctx context.Context, ask func(*ahead)) *ahead {
	a := &ahead{done: make(chan struct{})}
	w.pending.Go(func() {
		defer close(a.done)
		select {
		case w.slots <- struct{}{}:
			ask(a)
			<-w.slots
		case <-ctx.Done():
			a.err = context.Cause(ctx)
		}
	})
	return a
}

// list uses what is known, and does not make more known: all folders of an image may be many.
func (w *walker) list(ctx context.Context, folder string) *ahead {
	if entries, known := w.files.listed(folder); known {
		done := make(chan struct{})
		close(done)
		return &ahead{done: done, entries: entries}
	}
	return w.begin(ctx, func(a *ahead) { a.entries, a.err = w.files.read(ctx, folder) })
}

// next asks for what a visit of a file will need: of a folder what is in it, of what may be a program or a library its beginning.
func (w *walker) next(ctx context.Context, name string, stat *fstypes.Stat) *ahead {
	mode := fs.FileMode(stat.Mode)
	switch {
	case mode.IsDir():
		return w.list(ctx, name)
	case mode.IsRegular() && stat.Size > 0 && !w.files.hasBlock(name) && (mode&0o111 != 0 || strings.Contains(path.Base(name), ".so")):
		return w.begin(ctx, func(a *ahead) { a.head, a.err = w.files.readFile(ctx, name, 0, aheadBytes) })
	}
	return nil
}

func (w *walker) walk(ctx context.Context, folder string, depth int, listed *ahead) error {
	if depth > maxDepth {
		return fmt.Errorf("builder: folder %q of the image is nested deeper than %d", folder, maxDepth)
	}
	<-listed.done
	if listed.err != nil {
		return listed.err
	}
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(listed.entries)), func(name string) bool {
		return w.skip(path.Join(folder, name), fs.FileMode(listed.entries[name].Mode).Type())
	})
	begun := make([]*ahead, 0, len(names))
	for i, name := range names {
		for len(begun) < min(len(names), i+aheadEntries) {
			next := names[len(begun)]
			begun = append(begun, w.next(ctx, path.Join(folder, next), listed.entries[next]))
		}
		full, stat := path.Join(folder, name), listed.entries[name]
		err := w.one(ctx, full, stat, begun[i])
		if err == nil && fs.FileMode(stat.Mode).IsDir() {
			err = w.walk(ctx, full, depth+1, begun[i])
		}
		if err != nil && !errors.Is(err, fs.SkipDir) {
			return err
		}
		begun[i] = nil
	}
	return nil
}

// one visits a file, whose beginning may have been read already.
func (w *walker) one(ctx context.Context, name string, stat *fstypes.Stat, begun *ahead) error {
	if begun != nil && !fs.FileMode(stat.Mode).IsDir() {
		<-begun.done
		if begun.err != nil {
			return begun.err
		}
		w.files.remember(name, begun.head, stat.Size)
		defer w.files.remember("", nil, 0)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return w.visit(name, stat)
}

// read lists a folder.
func (f *Files) read(ctx context.Context, folder string) (map[string]*fstypes.Stat, error) {
	entries := map[string]*fstypes.Stat{}
	if f.ref == nil {
		return entries, nil
	}
	if err := f.count(); err != nil {
		return nil, err
	}
	stats, err := f.ref.ReadDir(ctx, gateway.ReadDirRequest{Path: folder})
	if err != nil && !missing(err) {
		return nil, fmt.Errorf("builder: listing %q of the image: %w", folder, err)
	}
	for _, stat := range stats {
		entries[path.Base(stat.Path)] = stat
	}
	return entries, nil
}
