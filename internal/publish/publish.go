package publish

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/org/multiarch-action/internal/plan"
)

// concurrency is how many requests to a registry are under way at once.
const concurrency = 16

// Registry is how registries are reached. The zero value uses the user's docker configuration and the default transport.
type Registry struct {
	Keychain  authn.Keychain
	Transport http.RoundTripper
}

// Trusting returns a transport that trusts further certificate authorities, given in PEM, besides the system's.
func Trusting(authorities [][]byte) (http.RoundTripper, error) {
	if len(authorities) == 0 {
		return remote.DefaultTransport, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("certificates of this system: reading: %w", err)
	}
	for _, pem := range authorities {
		if !pool.AppendCertsFromPEM(pem) {
			return nil, errors.New("certificate authority of a registry: reading: it holds no certificate in PEM")
		}
	}
	t := remote.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return t, nil
}

func (r Registry) keychain() authn.Keychain {
	if r.Keychain == nil {
		return authn.DefaultKeychain
	}
	return r.Keychain
}

func (r Registry) transport() http.RoundTripper {
	if r.Transport == nil {
		return remote.DefaultTransport
	}
	return r.Transport
}

func (r Registry) options(ctx context.Context) []remote.Option {
	return []remote.Option{
		remote.WithContext(ctx), remote.WithAuthFromKeychain(r.keychain()),
		remote.WithTransport(r.transport()), remote.WithUserAgent("multiarch-action"),
	}
}

// CheckPush asks every repository's registry whether we may push there, by beginning an upload and giving it up. It takes a
// second now instead of a failure after the build. All refusals are returned together.
func (r Registry) CheckPush(ctx context.Context, repositories []name.Repository) error {
	problems := make([]error, len(repositories))
	var g errgroup.Group
	g.SetLimit(concurrency)
	for i, repo := range repositories {
		g.Go(func() error {
			// CheckPushPermission takes no context of its own; the transport carries ours.
			bound := roundTripper(func(request *http.Request) (*http.Response, error) {
				return r.transport().RoundTrip(request.WithContext(ctx))
			})
			reference := repo.Tag("permission-check") // only the repository is used
			if err := remote.CheckPushPermission(reference, r.keychain(), bound); err != nil {
				problems[i] = refused(repo, err)
			}
			return nil
		})
	}
	_ = g.Wait() // the problems are kept apart
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errors.Join(problems...)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// RefusedError says that a registry did not let us do something.
type RefusedError struct {
	Repository string
	Err        error
}

func refused(repo name.Repository, err error) error {
	return &RefusedError{Repository: repo.Name(), Err: err}
}

// Error names the repository and the registry's own words.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("repository %s: asking whether we may push: %v", e.Repository, e.Err)
}

// Unwrap returns the cause.
func (e *RefusedError) Unwrap() error { return e.Err }

// Hint says what to do about it.
func (e *RefusedError) Hint() string {
	var answer *transport.Error
	if errors.As(e.Err, &answer) && (answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden) {
		return "log in with an account that may push there, for example by docker login; on GitHub the job needs permissions: packages: write for ghcr.io"
	}
	host, _, _ := strings.Cut(e.Repository, "/")
	var plain tls.RecordHeaderError
	if errors.As(e.Err, &plain) || strings.Contains(e.Err.Error(), "HTTP response to HTTPS client") {
		return "the registry speaks plain HTTP: if that is meant, add --insecure-registry " + host
	}
	var unknown x509.UnknownAuthorityError
	if errors.As(e.Err, &unknown) {
		return "name the certificate of the registry's authority: --registry-ca " + host + "=FILE"
	}
	return "check the registry's name, and that it can be reached from here"
}

// Read finds out what the builder pushed: the manifests below the descriptor, in its order, each with its config and the
// size of its layers.
func (r Registry) Read(ctx context.Context, repo name.Repository, pushed ocispec.Descriptor) ([]plan.Pushed, error) {
	root, err := remote.Get(repo.Digest(pushed.Digest.String()), r.options(ctx)...)
	if err != nil {
		return nil, fmt.Errorf("repository %s: reading what was pushed: %w", repo, err)
	}
	children := []v1.Descriptor{root.Descriptor}
	if root.MediaType.IsIndex() {
		index, err := Document{Raw: root.Manifest, Type: root.MediaType, Hash: root.Digest}.Index()
		if err != nil {
			return nil, fmt.Errorf("repository %s: %w", repo, err)
		}
		children = index.Manifests
	}
	return r.Images(ctx, repo, children)
}

// Images reads from a repository what several descriptors name, in their order.
func (r Registry) Images(ctx context.Context, repo name.Repository, descriptors []v1.Descriptor) ([]plan.Pushed, error) {
	out := make([]plan.Pushed, len(descriptors))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrency)
	for i, descriptor := range descriptors {
		g.Go(func() error {
			var err error
			out[i], err = r.image(ctx, repo, descriptor)
			return err
		})
	}
	return out, g.Wait()
}

// image reads the manifest and config behind a descriptor. The platform comes from the config, not from a label.
func (r Registry) image(ctx context.Context, repo name.Repository, descriptor v1.Descriptor) (plan.Pushed, error) {
	fail := func(err error) (plan.Pushed, error) {
		return plan.Pushed{}, fmt.Errorf("image %s@%s: reading: %w", repo, descriptor.Digest, err)
	}
	image, err := remote.Image(repo.Digest(descriptor.Digest.String()), r.options(ctx)...)
	if err != nil {
		return fail(err)
	}
	manifest, err := image.Manifest()
	if err != nil {
		return fail(err)
	}
	raw, err := image.RawConfigFile()
	if err != nil {
		return fail(err)
	}
	out := plan.Pushed{Descriptor: descriptor, ConfigHash: manifest.Config.Digest, Layers: len(manifest.Layers), Blobs: manifest.Layers}
	if err := json.Unmarshal(raw, &out.Config); err != nil {
		return fail(err)
	}
	for _, layer := range manifest.Layers {
		out.Size += layer.Size
	}
	out.Platform = plan.PlatformOf(out.Config.Platform)
	if out.Descriptor.Platform == nil {
		spec := out.Platform.Spec()
		out.Descriptor.Platform = &v1.Platform{OS: spec.OS, Architecture: spec.Architecture, Variant: spec.Variant, OSVersion: spec.OSVersion}
	}
	return out, nil
}

// Document is an index or a manifest, ready to be pushed: its exact bytes decide its digest.
type Document struct {
	Raw  []byte
	Type types.MediaType
	Hash v1.Hash
}

// RawManifest and MediaType make a Document what go-containerregistry can put.
func (d Document) RawManifest() ([]byte, error) { return d.Raw, nil }

// MediaType returns the type that the registry is told.
func (d Document) MediaType() (types.MediaType, error) { return d.Type, nil }

// Index reads the document as an index.
func (d Document) Index() (v1.IndexManifest, error) {
	var index v1.IndexManifest
	if err := json.Unmarshal(d.Raw, &index); err != nil {
		return v1.IndexManifest{}, fmt.Errorf("index %s: reading: %w", d.Hash, err)
	}
	return index, nil
}

// Assemble makes the index of images in the given order. The same images in the same order give the same digest.
func Assemble(images []plan.Pushed) (Document, error) {
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
	for _, image := range images {
		d := image.Descriptor
		index.Manifests = append(index.Manifests, v1.Descriptor{
			MediaType: d.MediaType, Size: d.Size, Digest: d.Digest, Platform: d.Platform, Annotations: d.Annotations,
		})
	}
	raw, err := json.Marshal(index)
	if err != nil {
		return Document{}, fmt.Errorf("index: encoding: %w", err)
	}
	hash, _, err := v1.SHA256(bytes.NewReader(raw))
	if err != nil {
		return Document{}, fmt.Errorf("index: hashing: %w", err)
	}
	return Document{Raw: raw, Type: types.OCIImageIndex, Hash: hash}, nil
}

// Push stores a document in every repository by its digest, and reads it back. No tag moves.
func (r Registry) Push(ctx context.Context, repositories []name.Repository, document Document) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrency)
	for _, repo := range repositories {
		g.Go(func() error {
			ref := repo.Digest(document.Hash.String())
			if err := remote.Put(ref, document, r.options(ctx)...); err != nil {
				return fmt.Errorf("index %s: pushing: %w", ref, err)
			}
			got, err := remote.Get(ref, r.options(ctx)...)
			if err != nil {
				return fmt.Errorf("index %s: reading it back: %w", ref, err)
			}
			if !bytes.Equal(got.Manifest, document.Raw) {
				return fmt.Errorf("index %s: reading it back: the registry returned other bytes", ref)
			}
			return nil
		})
	}
	return g.Wait()
}

// Fetch returns the document behind a digest.
func (r Registry) Fetch(ctx context.Context, repo name.Repository, hash v1.Hash) (Document, error) {
	got, err := remote.Get(repo.Digest(hash.String()), r.options(ctx)...)
	if err != nil {
		return Document{}, fmt.Errorf("image %s@%s: reading: %w", repo, hash, err)
	}
	return Document{Raw: got.Manifest, Type: got.MediaType, Hash: hash}, nil
}
