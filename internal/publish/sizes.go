package publish

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"

	"github.com/org/multiarch-action/internal/plan"
)

// Sizes are the bytes of the compressed layers of an image's platforms.
type Sizes struct {
	Tag       plan.Tag
	Digest    string
	Platforms map[string]int64 // by platform
}

// sizesTime is how long the sizes of what is replaced may take: they are for people only.
const sizesTime = 5 * time.Second

// replacing tells Replaced what the first tag holds that is there, with a request for each of its platforms, while the tags move. It
// returns a function that waits until that has been done.
func (r Registry) replacing(ctx context.Context, tags []plan.Tag, held []Document) (wait func()) {
	i := slices.IndexFunc(held, func(d Document) bool { return d.Hash != (v1.Hash{}) })
	if r.Replaced == nil || i < 0 {
		return func() {}
	}
	ctx, cancel := context.WithTimeout(ctx, sizesTime)
	done := make(chan struct{})
	go func() {
		defer close(done)
		sizes, err := r.sizes(ctx, tags[i].Context(), held[i])
		if err != nil {
			err = fmt.Errorf("tag %s: reading the sizes of what it held: %w", tags[i].Name(), err)
		}
		r.Replaced(Sizes{Tag: tags[i], Digest: held[i].Hash.String(), Platforms: sizes}, err)
	}()
	return func() {
		<-done
		cancel()
	}
}

// sizes of a document's platforms. What is no image, or says no platform, has none.
func (r Registry) sizes(ctx context.Context, repo name.Repository, document Document) (map[string]int64, error) {
	if !document.Type.IsIndex() {
		image, err := r.image(ctx, repo, v1.Descriptor{Digest: document.Hash})
		return map[string]int64{image.Platform.String(): image.Size}, err
	}
	index, err := document.Index()
	if err != nil {
		return nil, err
	}
	out := map[string]int64{}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrency)
	for _, d := range index.Manifests {
		if !d.MediaType.IsImage() || d.Platform == nil || d.Annotations[referenceType] == attestationType {
			continue
		}
		g.Go(func() error {
			child, err := r.get(ctx, repo, repo.Digest(d.Digest.String()))
			if err != nil {
				return err
			}
			var manifest v1.Manifest
			err = json.Unmarshal(child.Raw, &manifest)
			size := int64(0)
			for _, layer := range manifest.Layers {
				size += layer.Size
			}
			mu.Lock()
			defer mu.Unlock()
			platform := platformOf(*d.Platform).String()
			out[platform] = cmp.Or(out[platform], size) // clients take the first of two
			return err
		})
	}
	return out, g.Wait()
}
