package publish_test

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/publish"
	patience "github.com/org/multiarch-action/internal/registry"
)

// server is a registry that speaks the real protocol on loopback. Requests go through before, which may answer them itself and then
// returns true.
type server struct {
	*httptest.Server
	host    string
	backend http.Handler

	mu       sync.Mutex
	before   func(w http.ResponseWriter, r *http.Request) bool
	requests []string
}

func serve(t *testing.T) *server {
	t.Helper()
	s := &server{backend: registry.New(registry.Logger(log.New(io.Discard, "", 0)))}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	at, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	s.host = at.Host
	return s
}

// instant is a clock whose waits take no time.
type instant struct{}

func (instant) Now() time.Time { return time.Unix(0, 0) }

func (instant) Wait(ctx context.Context, _ time.Duration) error { return context.Cause(ctx) }

// hasty is a registry's client that does not wait, so that it is soon at the end of its patience.
func hasty(t *testing.T) publish.Registry {
	t.Helper()
	transport, err := patience.New(patience.Config{Clock: instant{}})
	if err != nil {
		t.Fatal(err)
	}
	return publish.Registry{Transport: transport}
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, r.Method+" "+r.URL.Path)
	before := s.before
	s.mu.Unlock()
	if before == nil || !before(w, r) {
		s.backend.ServeHTTP(w, r)
	}
}

// intercept sets what happens before requests.
func (s *server) intercept(before func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = before
}

// refuse answers every request with that method and part of the path in the registry's own way.
func (s *server) refuse(method, path string, status int, code string) {
	s.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != method || !strings.Contains(r.URL.Path, path) {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"errors":[{"code":"`+code+`","message":"not you"}]}`) // the client's test sees what arrives
		return true
	})
}

// count says how many requests began with that text since the last call.
func (s *server) count(prefix string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, request := range s.requests {
		if strings.HasPrefix(request, prefix) {
			n++
		}
	}
	s.requests = nil
	return n
}

func (s *server) repo(t *testing.T, path string) name.Repository {
	t.Helper()
	repo, err := name.NewRepository(s.host + "/" + path)
	if err != nil {
		t.Fatal(err)
	}
	return repo
}

func (s *server) tags(t *testing.T, texts ...string) []plan.Tag {
	t.Helper()
	var out []plan.Tag
	for _, text := range texts {
		tag, err := name.NewTag(s.host + "/" + text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, plan.Tag{Tag: tag})
	}
	return out
}

// digestOf returns what a tag points at, or nothing.
func (s *server) digestOf(t *testing.T, tag plan.Tag) string {
	t.Helper()
	got, err := remote.Get(tag.Tag)
	if err != nil {
		return ""
	}
	return got.Digest.String()
}

// plainly takes the registry's address, which is another one each time, out of a text.
func (s *server) plainly(text string) string { return strings.ReplaceAll(text, s.host, "REGISTRY") }

// image is an image of two layers for a platform.
func image(t *testing.T, platform string) v1.Image {
	t.Helper()
	img, err := random.Image(100, 2)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	spec, err := v1.ParsePlatform(platform)
	if err != nil {
		t.Fatal(err)
	}
	config.OS, config.Architecture, config.Variant = spec.OS, spec.Architecture, spec.Variant
	img, err = mutate.ConfigFile(mutate.MediaType(img, types.OCIManifestSchema1), config)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// pushed stores an image by its digest, as the builder does, and returns its descriptor.
func (s *server) pushed(t *testing.T, repo name.Repository, img v1.Image) ocispec.Descriptor {
	t.Helper()
	hash, err := img.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(repo.Digest(hash.String()), img); err != nil {
		t.Fatal(err)
	}
	return ocispec.Descriptor{Digest: digest.Digest(hash.String())}
}

// pushedIndex stores an index of images for the platforms.
func (s *server) pushedIndex(t *testing.T, repo name.Repository, platforms ...string) ocispec.Descriptor {
	t.Helper()
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, platform := range platforms {
		spec, err := v1.ParsePlatform(platform)
		if err != nil {
			t.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image(t, platform), Descriptor: v1.Descriptor{Platform: spec}})
	}
	hash, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(repo.Digest(hash.String()), index); err != nil {
		t.Fatal(err)
	}
	return ocispec.Descriptor{Digest: digest.Digest(hash.String())}
}

// document is an index of images that are in the repository.
func (s *server) document(t *testing.T, repo name.Repository, platforms ...string) publish.Document {
	t.Helper()
	images, err := publish.Registry{}.Read(t.Context(), repo, s.pushedIndex(t, repo, platforms...))
	if err != nil {
		t.Fatal(err)
	}
	document, err := publish.Assemble(images)
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// copyImages puts the images of a document into a second repository, as the builder does.
func (s *server) copyImages(t *testing.T, document publish.Document, from, to name.Repository) {
	t.Helper()
	var index v1.IndexManifest
	if err := json.Unmarshal(document.Raw, &index); err != nil {
		t.Fatal(err)
	}
	for _, child := range index.Manifests {
		img, err := remote.Image(from.Digest(child.Digest.String()))
		if err != nil {
			t.Fatal(err)
		}
		s.pushed(t, to, img)
	}
}
