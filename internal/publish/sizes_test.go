package publish_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/publish"
)

// layersOf are the sizes of the layers of each platform's image.
func layersOf(t *testing.T, repo name.Repository, document publish.Document) map[string]int64 {
	t.Helper()
	images, err := publish.Registry{}.Read(t.Context(), repo, ocispec.Descriptor{Digest: digest.Digest(document.Hash.String())})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int64{}
	for _, image := range images {
		out[image.Platform.String()] = image.Size
	}
	return out
}

func TestTagTellsHowLargeWasWhatItReplaces(t *testing.T) {
	t.Parallel()
	s := serve(t)
	repo := s.repo(t, "app")
	manifest := s.store(t, repo, made{platforms: "linux/arm64", labels: "version=1.0"})
	index := s.store(t, repo, made{platforms: "linux/amd64 linux/arm/v7", labels: "version=1.1"})
	next := s.store(t, repo, made{platforms: "linux/amd64 linux/arm/v7 linux/arm64", labels: "version=1.2"})
	tests := []struct {
		name   string
		tags   string
		held   map[int]publish.Document
		want   map[string]int64
		wantOf int
	}{
		{"nothing is there", "app:a app:b", nil, nil, 0},
		{"the first that is there", "app:c app:d app:e", map[int]publish.Document{1: index, 2: manifest}, layersOf(t, repo, index), 1},
		{"a manifest", "app:f", map[int]publish.Document{0: manifest}, layersOf(t, repo, manifest), 0},
		{"the same", "app:g", map[int]publish.Document{0: next}, layersOf(t, repo, next), 0},
	}
	for _, test := range tests {
		tags := s.tags(t, strings.Fields(test.tags)...)
		for i, document := range test.held {
			s.put(t, tags[i], document)
		}
		var told []publish.Sizes
		registry := publish.Registry{Replaced: func(sizes publish.Sizes, err error) {
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			told = append(told, sizes)
		}}
		if _, err := registry.Tag(t.Context(), tags, next); err != nil {
			t.Fatal(err)
		}
		if test.want == nil {
			if len(told) > 0 {
				t.Errorf("%s: it tells of %v", test.name, told)
			}
			continue
		}
		if len(told) != 1 || told[0].Tag != tags[test.wantOf] || !maps.Equal(told[0].Platforms, test.want) || told[0].Digest != test.held[test.wantOf].Hash.String() {
			t.Errorf("%s: it tells of %v, want %v", test.name, told, test.want)
		}
	}
}

// What is only for people keeps no tag from moving.
func TestTagsMoveWithoutTheSizes(t *testing.T) {
	t.Parallel()
	s := serve(t)
	repo := s.repo(t, "app")
	before := s.store(t, repo, made{platforms: "linux/amd64", labels: "version=1.0", annotated: true})
	next := s.store(t, repo, made{platforms: "linux/amd64 linux/arm64", labels: "version=1.1", annotated: true})
	tags := s.tags(t, "app:1")
	s.put(t, tags[0], before)
	index, err := before.Index()
	if err != nil {
		t.Fatal(err)
	}
	s.refuse(http.MethodGet, "/manifests/"+index.Manifests[0].Digest.String(), http.StatusForbidden, "DENIED")
	var told error
	registry := publish.Registry{ForceTag: true, Replaced: func(_ publish.Sizes, err error) { told = err }}
	moves, err := registry.Tag(t.Context(), tags, next)
	if err != nil || !moves[0].Moved() {
		t.Errorf("Tag() = %+v, %v", moves, err)
	}
	if want := "tag " + tags[0].Name() + ": reading the sizes of what it held: "; told == nil || !strings.HasPrefix(told.Error(), want) {
		t.Errorf("it tells %v, want %s…", told, want)
	}
}

func (s *server) put(t *testing.T, tag plan.Tag, document publish.Document) {
	t.Helper()
	(&shelf{server: s}).point(t, tag, document)
}
