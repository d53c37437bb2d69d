package layers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

// Layer is one layer of an image, and how to get its bytes.
type Layer struct {
	Digest    digest.Digest // of the bytes that Open gives; empty: not known
	Size      int64         // of those bytes; negative: not known
	DiffID    digest.Digest // of the tar file in them; empty: not known
	MediaType string
	Open      func(context.Context) (io.ReadCloser, error)
}

// concurrentLayers is how many layers are unpacked at once. Unpacking is bound by the processor and holds a few MiB each.
const concurrentLayers = 2

// Reader reads images within limits. What it keeps of all of them together is bounded by Limits.Kept.
type Reader struct {
	limits   Limits
	slots    *semaphore.Weighted
	kept     atomic.Int64 // bytes, by the stores of all images
	progress func(bytes int)
}

// NewReader makes a Reader. progress, if it is not nil, is told how many more bytes of layers have been read; it is called
// from several goroutines.
func NewReader(limits Limits, progress func(bytes int)) *Reader {
	limits = limits.withDefaults()
	if progress == nil {
		progress = func(int) {}
	}
	return &Reader{limits: limits, slots: semaphore.NewWeighted(concurrentLayers), progress: progress}
}

// Read streams every layer once, and returns the files that a container of the image would see. A *BadLayerError and a
// *LimitError are about the image; every other error means that it could not be read.
func (r *Reader) Read(ctx context.Context, list []Layer) (*Files, error) {
	store, err := newStore(r.limits.Kept, &r.kept)
	if err != nil {
		return nil, err
	}
	image := &image{reader: r, layers: list, store: store, collect: &collector{}}
	root, err := image.read(ctx)
	if err != nil {
		store.close()
		return nil, err
	}
	return &Files{image: image, root: root}, nil
}

// read scans the layers at the same time, and applies them in their order.
func (im *image) read(ctx context.Context) (*node, error) {
	scanned := make([][]entry, len(im.layers))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrentLayers)
	for i := range im.layers {
		g.Go(func() (err error) {
			scanned[i], err = im.scan(gctx, i)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	tree := newTree(im.reader.limits, im.collect)
	for i, entries := range scanned {
		if err := tree.apply(i, entries); err != nil {
			return nil, im.wrap(i, err)
		}
		scanned[i] = nil
	}
	return tree.root, nil
}

// image is one image that is being read.
type image struct {
	reader  *Reader
	layers  []Layer
	store   *store
	collect *collector

	unpacked  atomic.Int64 // bytes
	entries   atomic.Int64
	pathTable atomic.Int64 // bytes
}

// name is a layer for people: its place, counted from one as the base, and its digest.
func (im *image) name(i int) string {
	name := fmt.Sprintf("layer %d of %d", i+1, len(im.layers))
	if d := im.layers[i].Digest; d != "" {
		name += " (" + string(d) + ")"
	}
	return name
}

// wrap says in which layer something was wrong.
func (im *image) wrap(i int, err error) error {
	var bad *BadLayerError
	var limit *LimitError
	switch {
	case errors.As(err, &bad):
		bad.Layer, bad.Index = im.name(i), i
		return bad
	case errors.As(err, &limit):
		limit.Layer, limit.Index = im.name(i), i
		return limit
	}
	return fmt.Errorf("%s: reading: %w", im.name(i), err)
}

// foreign reports whether a layer must not be distributed, so that a registry need not have it (image-spec layer.md,
// "Non-Distributable Layers"). Its addresses are not followed: an image could name any.
func (l Layer) foreign() bool {
	return strings.Contains(l.MediaType, ".nondistributable.") || strings.Contains(l.MediaType, ".foreign.")
}
