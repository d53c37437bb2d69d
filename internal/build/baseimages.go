package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/registry"
)

// BaseImages is how the configs of base images are read. The zero value reads them from where their names say, with the user's docker
// configuration.
type BaseImages struct {
	Keychain  authn.Keychain
	Transport http.RoundTripper
	Config    plan.BuilderConfig // for its mirrors and registries with plain HTTP
}

// resolver returns what the converter asks for base images. It asks for each image and each platform once. The requests end with ctx
// and not with the one of the conversion that happened to be first.
func (b BaseImages) resolver(ctx context.Context) *configs {
	c := &configs{BaseImages: b}
	if c.Keychain == nil {
		c.Keychain = authn.DefaultKeychain
	}
	puller, err := remote.NewPuller(append(registry.Patient(registry.Over(c.Transport)), remote.WithAuthFromKeychain(c.Keychain))...)
	c.get = func(ref name.Reference) (*remote.Descriptor, error) {
		if err != nil {
			return nil, err
		}
		return puller.Get(ctx, ref)
	}
	return c
}

// configs answers the converter.
type configs struct {
	BaseImages
	get    func(name.Reference) (*remote.Descriptor, error)
	images memo[*remote.Descriptor]
	found  memo[[]byte]
}

// ResolveImageConfig returns the config of an image for a platform, and the reference as it was given.
func (c *configs) ResolveImageConfig(_ context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	platform := platforms.DefaultSpec()
	if opt.ImageOpt != nil && opt.ImageOpt.Platform != nil {
		platform = *opt.ImageOpt.Platform
	}
	config, err := c.found.do(ref+" "+platforms.FormatAll(platform), func() ([]byte, error) {
		image, err := c.images.do(ref, func() (*remote.Descriptor, error) { return c.find(ref) })
		if err != nil {
			return nil, err
		}
		return configFor(image, platform)
	})
	return ref, "", config, err
}

// find asks the mirrors of the image's registry in turn, and then the registry itself, as the builder does.
func (c *configs) find(ref string) (*remote.Descriptor, error) {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return nil, err
	}
	registries := c.Config.Registries()
	host := reference.Domain(named)
	mirrors, _ := registries[host]["mirrors"].([]any)
	var problems []error
	for _, place := range append(slices.Clone(mirrors), host) {
		text, _ := place.(string)
		image, err := c.ask(registries, text+strings.TrimPrefix(named.String(), host))
		if err == nil {
			return image, nil
		}
		problems = append(problems, err)
	}
	return nil, errors.Join(problems...)
}

func (c *configs) ask(registries map[string]map[string]any, ref string) (*remote.Descriptor, error) {
	host, _, _ := strings.Cut(ref, "/")
	var options []name.Option
	if plain, _ := registries[host]["http"].(bool); plain {
		options = append(options, name.Insecure)
	}
	parsed, err := name.ParseReference(ref, options...)
	if err != nil {
		return nil, err
	}
	return c.get(parsed)
}

// configFor reads the config of the image for a platform: of several that fit, the one that the builder takes.
func configFor(image *remote.Descriptor, platform ocispec.Platform) ([]byte, error) {
	if !image.MediaType.IsIndex() {
		single, err := image.Image()
		if err != nil {
			return nil, err
		}
		return single.RawConfigFile()
	}
	index, err := image.ImageIndex()
	if err != nil {
		return nil, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	child, ok := childFor(manifest.Manifests, platform)
	if !ok {
		return nil, fmt.Errorf("it is not published for %s", platforms.FormatAll(platform))
	}
	single, err := index.Image(child)
	if err != nil {
		return nil, err
	}
	return single.RawConfigFile()
}

func childFor(children []v1.Descriptor, platform ocispec.Platform) (v1.Hash, bool) {
	fits := platforms.Only(platforms.Normalize(platform))
	var best v1.Hash
	var bestPlatform ocispec.Platform
	for _, child := range children {
		if child.Platform == nil {
			continue
		}
		p := platforms.Normalize(ocispec.Platform{
			OS: child.Platform.OS, Architecture: child.Platform.Architecture, Variant: child.Platform.Variant,
			OSVersion: child.Platform.OSVersion, OSFeatures: child.Platform.OSFeatures,
		})
		if fits.Match(p) && (best == v1.Hash{} || fits.Less(p, bestPlatform)) {
			best, bestPlatform = child.Digest, p
		}
	}
	return best, best != v1.Hash{}
}

// offline answers the converter without asking anybody: every base image is one that brings nothing along.
type offline struct{}

// ResolveImageConfig returns a config that says nothing but the platform. It has a layer, since an image without any is taken for an
// empty one.
func (offline) ResolveImageConfig(_ context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	image := ocispec.Image{RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{digest.FromString("")}}}
	if opt.ImageOpt != nil && opt.ImageOpt.Platform != nil {
		image.Platform = *opt.ImageOpt.Platform
	}
	config, err := json.Marshal(image)
	return ref, "", config, err
}

// memo does each thing once, also if several ask for it at the same time.
type memo[V any] struct {
	mu    sync.Mutex
	calls map[string]func() (V, error)
}

func (m *memo[V]) do(key string, work func() (V, error)) (V, error) {
	m.mu.Lock()
	if m.calls == nil {
		m.calls = map[string]func() (V, error){}
	}
	call, ok := m.calls[key]
	if !ok {
		call = sync.OnceValues(work)
		m.calls[key] = call
	}
	m.mu.Unlock()
	return call()
}
