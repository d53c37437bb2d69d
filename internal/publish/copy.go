package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"
)

// Origin is where images are copied from. Its documents are those that their descriptors name.
type Origin interface {
	// Document reads an index or a manifest.
	Document(ctx context.Context, d v1.Descriptor) ([]byte, error)
	// Blob opens a config or a layer.
	Blob(ctx context.Context, d v1.Descriptor) (io.ReadCloser, error)
	// Repository is where it is; ok is false if that is not in a registry.
	Repository() (repo name.Repository, ok bool)
}

// concurrentManifests bounds how many manifests of an index are copied at once, each with concurrentBlobs.
const (
	concurrentManifests = 4
	concurrentBlobs     = 4
)

// Copied says how much was not there yet.
type Copied struct {
	Manifests int
	Blobs     int
	Bytes     int64 // of the blobs; those that the registry took over from another repository count, too
}

func (c *Copied) add(other Copied) {
	c.Manifests += other.Manifests
	c.Blobs += other.Blobs
	c.Bytes += other.Bytes
}

// Copy puts a manifest or an index with all that it names into a repository, byte for byte and by digest. What is there already is
// not sent again; what is in another repository of the same registry is mounted where the registry allows it. No tag moves, but
// that of the referrers' tag schema where what is copied has a subject and the registry has no referrers API.
func (r Registry) Copy(ctx context.Context, to name.Repository, from Origin, d v1.Descriptor) (Copied, error) {
	if repo, ok := from.Repository(); ok && repo.Name() == to.Name() {
		return Copied{}, nil
	}
	done, err := r.copy(ctx, to, from, d)
	if err != nil {
		return done, fmt.Errorf("repository %s: copying %s: %w", to, d.Digest, err)
	}
	return done, nil
}

// hangs is what a manifest or an index names.
type hangs struct {
	Config    *v1.Descriptor  `json:"config"`
	Layers    []v1.Descriptor `json:"layers"`
	Blobs     []v1.Descriptor `json:"blobs"`
	Manifests []v1.Descriptor `json:"manifests"`
	Subject   *v1.Descriptor  `json:"subject"`
}

func (r Registry) copy(ctx context.Context, to name.Repository, from Origin, d v1.Descriptor) (Copied, error) {
	raw, err := from.Document(ctx, d)
	if err != nil {
		return Copied{}, err
	}
	var names hangs
	if err := json.Unmarshal(raw, &names); err != nil {
		return Copied{}, fmt.Errorf("%s: reading: %w", d.Digest, err)
	}
	there, err := r.has(ctx, to.Digest(d.Digest.String()))
	if err != nil || there && names.Subject == nil {
		return Copied{}, err
	}
	var done Copied
	if !there {
		if done, err = r.copyBelow(ctx, to, from, names); err != nil {
			return done, err
		}
		done.Manifests++
	}
	// What has a subject is written again, so that it is in the list of referrers too.
	document := Document{Raw: raw, Type: d.MediaType, Hash: d.Digest}
	if err := r.put(ctx, to, to.Digest(d.Digest.String()), document); err != nil {
		return done, fmt.Errorf("%s: pushing: %w", d.Digest, err)
	}
	return done, nil
}

// copyBelow copies what a document names: first the blobs and manifests, because registries refuse one that names what is not there.
func (r Registry) copyBelow(ctx context.Context, to name.Repository, from Origin, names hangs) (Copied, error) {
	blobs := append(append([]v1.Descriptor{}, names.Layers...), names.Blobs...)
	if names.Config != nil {
		blobs = append(blobs, *names.Config)
	}
	results := make([]Copied, len(blobs)+len(names.Manifests))
	manifests, blobGroup := new(errgroup.Group), new(errgroup.Group)
	manifests.SetLimit(concurrentManifests)
	blobGroup.SetLimit(concurrentBlobs)
	for i, d := range blobs {
		blobGroup.Go(func() (err error) {
			results[i], err = r.copyBlob(ctx, to, from, d)
			return err
		})
	}
	for i, d := range names.Manifests {
		manifests.Go(func() (err error) {
			results[len(blobs)+i], err = r.copy(ctx, to, from, d)
			return err
		})
	}
	err := errors.Join(blobGroup.Wait(), manifests.Wait())
	var sum Copied
	for _, c := range results {
		sum.add(c)
	}
	return sum, err
}

func (r Registry) copyBlob(ctx context.Context, to name.Repository, from Origin, d v1.Descriptor) (Copied, error) {
	if !d.MediaType.IsDistributable() || len(d.URLs) > 0 {
		return Copied{}, nil // it lies elsewhere, where its URLs lead
	}
	blob := &blob{ctx: ctx, from: from, d: d}
	var layer v1.Layer = blob
	if repo, ok := from.Repository(); ok && repo.RegistryStr() == to.RegistryStr() {
		layer = &remote.MountableLayer{Layer: blob, Reference: repo.Digest(d.Digest.String())}
	}
	there, err := r.hasBlob(ctx, to.Digest(d.Digest.String()))
	if err != nil || there {
		return Copied{}, err
	}
	err = r.do(ctx, to, func(_ context.Context, options []remote.Option) error {
		return remote.WriteLayer(to, layer, options...)
	})
	if err != nil {
		return Copied{}, fmt.Errorf("blob %s: %w", d.Digest, err)
	}
	return Copied{Blobs: 1, Bytes: d.Size}, nil
}

// put writes a document under a digest or a tag.
func (r Registry) put(ctx context.Context, repo name.Repository, ref name.Reference, document Document) error {
	return r.do(ctx, repo, func(_ context.Context, options []remote.Option) error { return remote.Put(ref, document, options...) })
}

// has reports whether a repository holds a manifest.
func (r Registry) has(ctx context.Context, ref name.Reference) (bool, error) {
	_, err := r.get(ctx, ref.Context(), ref)
	return present(err)
}

func (r Registry) hasBlob(ctx context.Context, ref name.Digest) (bool, error) {
	return present(r.do(ctx, ref.Context(), func(_ context.Context, options []remote.Option) error {
		layer, err := remote.Layer(ref, options...)
		if err != nil {
			return err
		}
		_, err = layer.Size() // asks for its head
		return err
	}))
}

// present reads the answer to a question whether something is there.
func present(err error) (bool, error) {
	if isMissing(err) {
		return false, nil
	}
	return err == nil, err
}

// blob is a blob of an Origin as go-containerregistry uploads it. It belongs to one request, whose context it has.
type blob struct {
	ctx  context.Context
	from Origin
	d    v1.Descriptor
}

// Digest is of the bytes as they are stored.
func (b *blob) Digest() (v1.Hash, error) { return b.d.Digest, nil }

// DiffID is not known, and nobody who uploads asks for it.
func (b *blob) DiffID() (v1.Hash, error) {
	return v1.Hash{}, errors.New("the digest of the unpacked layer is not known")
}

// Compressed opens the blob.
func (b *blob) Compressed() (io.ReadCloser, error) { return b.from.Blob(b.ctx, b.d) }

// Uncompressed is not known either.
func (b *blob) Uncompressed() (io.ReadCloser, error) {
	return nil, errors.New("the layer is not unpacked")
}

// Size is of the bytes as they are stored.
func (b *blob) Size() (int64, error) { return b.d.Size, nil }

// MediaType is what the manifest says.
func (b *blob) MediaType() (types.MediaType, error) { return b.d.MediaType, nil }
