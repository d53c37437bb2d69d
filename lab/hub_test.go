package main

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	memoryregistry "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func TestAskHub(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		status int
		want   hub
	}{
		{"a hub that asks who is there", http.StatusUnauthorized, hub{"index.docker.io", "Docker Hub is in reach: images are pulled"}},
		{"a hub that lets everybody in", http.StatusOK, hub{"index.docker.io", "Docker Hub is in reach: images are pulled"}},
		{"something in between that refuses", http.StatusForbidden, hub{"", "Docker Hub answers 403 Forbidden: images are made here"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(tt.status) }))
			t.Cleanup(server.Close)
			if got := askHub(t.Context(), server.URL); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestAHubOutOfReachIsNoError(t *testing.T) {
	t.Parallel()
	got := askHub(t.Context(), "http://127.0.0.1:1/v2/")
	want := hub{why: "Docker Hub is out of reach (connection refused): images are made here"}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestTheHubCanBeNamedOrSwitchedOff(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]hub{
		"off":            {why: "LAB_HUB=off: images are made here"},
		"localhost:5001": {host: "localhost:5001", why: "images are pulled from LAB_HUB=localhost:5001"},
	} {
		l := newLab(t.TempDir(), func(string) string { return setting }, io.Discard, t.Output())
		got, err := l.findHub(t.Context())
		if err != nil || got != want {
			t.Errorf("LAB_HUB=%s: got %+v (%v), want %+v", setting, got, err, want)
		}
	}
}

func TestCopyIndexKeepsOnlyThePlatformsOfTheLab(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(memoryregistry.New(memoryregistry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	from := hub{host: strings.TrimPrefix(server.URL, "http://")}
	index := v1.ImageIndex(empty.Index)
	for _, platform := range []string{"linux/amd64", "linux/arm64/v8", "linux/arm/v5", "linux/arm/v7", "windows/amd64", "unknown/unknown"} {
		p, err := v1.ParsePlatform(platform)
		if err != nil {
			t.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: empty.Image, Descriptor: v1.Descriptor{Platform: p}})
	}
	ref, err := name.NewTag(from.host+"/library/debian:bookworm-slim", name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, index); err != nil {
		t.Fatal(err)
	}
	image := baseImage{name: "library/debian", tags: []string{"bookworm-slim"}, platforms: []string{"linux/amd64", "linux/arm64", "linux/arm/v7"}}
	copied, err := copyIndex(t.Context(), from, image)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := copied.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, one := range manifest.Manifests {
		got = append(got, one.Platform.String())
	}
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64/v8", "linux/arm/v7"}, got); diff != "" {
		t.Errorf("platforms (-want +got):\n%s", diff)
	}
}
