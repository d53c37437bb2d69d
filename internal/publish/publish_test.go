package publish_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/publish"
)

func TestReadAnIndexInItsOrder(t *testing.T) {
	t.Parallel()
	s := serve(t)
	repo := s.repo(t, "app")
	want := []string{"linux/s390x", "linux/amd64", "linux/arm/v7"}
	images, err := publish.Registry{}.Read(t.Context(), repo, s.pushedIndex(t, repo, want...))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, image := range images {
		got = append(got, image.Platform.String())
		if image.Layers != 2 || image.Size < 200 || image.Descriptor.Platform == nil || image.ConfigHash.Hex == "" || image.Config.Architecture == "" {
			t.Errorf("%s: read as %+v, want two layers with their size, a platform and a config", image.Platform, image)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("Read() gives %q, want %q", got, want)
	}
}

func TestReadASingleManifest(t *testing.T) {
	t.Parallel()
	s := serve(t)
	repo := s.repo(t, "app")
	images, err := publish.Registry{}.Read(t.Context(), repo, s.pushed(t, repo, image(t, "linux/arm/v6")))
	if err != nil {
		t.Fatal(err)
	}
	if len(images) != 1 {
		t.Fatalf("Read() gives %d images, want 1", len(images))
	}
	want := &v1.Platform{OS: "linux", Architecture: "arm", Variant: "v6"}
	if diff := cmp.Diff(want, images[0].Descriptor.Platform); diff != "" {
		t.Errorf("the descriptor's platform, which is the config's, differs (-want +got):\n%s", diff)
	}
	if got, want := images[0].Platform.String(), "linux/arm/v6"; got != want {
		t.Errorf("the platform is %s, want %s", got, want)
	}
}

func TestReadNamesWhatIsNotThere(t *testing.T) {
	t.Parallel()
	s := serve(t)
	hash := digest.FromString("gone")
	_, err := hasty(t).Read(t.Context(), s.repo(t, "app"), ocispec.Descriptor{Digest: hash})
	if err == nil {
		t.Fatal("Read() gives no error")
	}
	want := "repository REGISTRY/app: reading what was pushed: GET http://REGISTRY/v2/app/manifests/" + hash.String() + ": NAME_UNKNOWN: Unknown name"
	if got := s.plainly(err.Error()); got != want {
		t.Errorf("Read():\n got %s\nwant %s", got, want)
	}
}

func TestAssembleGivesTheSameBytesInTheGivenOrder(t *testing.T) {
	t.Parallel()
	s := serve(t)
	repo := s.repo(t, "app")
	images, err := publish.Registry{}.Read(t.Context(), repo, s.pushedIndex(t, repo, "linux/amd64", "linux/arm64"))
	if err != nil {
		t.Fatal(err)
	}
	first, second := assemble(t, images), assemble(t, images)
	if first.Hash != second.Hash || string(first.Raw) != string(second.Raw) {
		t.Errorf("Assemble() gives %s, then %s", first.Raw, second.Raw)
	}
	if got, want := first.Hash.String(), digest.FromBytes(first.Raw).String(); got != want {
		t.Errorf("the hash is %s, want %s", got, want)
	}
	slices.Reverse(images)
	if other := assemble(t, images); other.Hash == first.Hash {
		t.Error("Assemble() gives the same index for another order")
	}
	if !strings.HasPrefix(string(first.Raw), `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{`) {
		t.Errorf("Assemble() gives %s", first.Raw)
	}
}

func assemble(t *testing.T, images []plan.Pushed) publish.Document {
	t.Helper()
	document, err := publish.Assemble(images)
	if err != nil {
		t.Fatal(err)
	}
	return document
}

func TestPushStoresByDigestEverywhere(t *testing.T) {
	t.Parallel()
	s := serve(t)
	one, two := s.repo(t, "one"), s.repo(t, "two")
	document := s.document(t, one, "linux/amd64", "linux/arm64")
	s.copyImages(t, document, one, two)
	if err := (publish.Registry{}).Push(t.Context(), []name.Repository{one, two}, document); err != nil {
		t.Fatal(err)
	}
	for _, repo := range []name.Repository{one, two} {
		got, err := publish.Registry{}.Fetch(t.Context(), repo, document.Hash)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(document, got); diff != "" {
			t.Errorf("%s holds another document (-want +got):\n%s", repo, diff)
		}
	}
	index, err := document.Index()
	if err != nil {
		t.Fatal(err)
	}
	images, err := publish.Registry{}.Images(t.Context(), two, index.Manifests)
	if err != nil || len(images) != 2 {
		t.Fatalf("Images() = %d images, %v", len(images), err)
	}
	for i, child := range index.Manifests {
		if got, want := images[i].Config.Architecture, child.Platform.Architecture; got != want {
			t.Errorf("the config of %s is for %q, want %q", child.Digest, got, want)
		}
	}
}

func TestPushReadsBack(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		answer func(w http.ResponseWriter, raw []byte)
	}{
		{"other bytes", func(w http.ResponseWriter, raw []byte) { _, _ = w.Write(append(raw, ' ')) }},
		{"nothing", func(w http.ResponseWriter, _ []byte) { w.WriteHeader(http.StatusNotFound) }},
		{"other bytes with the right digest in the header", func(w http.ResponseWriter, raw []byte) {
			w.Header().Set("Docker-Content-Digest", digest.FromBytes(raw).String())
			_, _ = io.WriteString(w, "{}")
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			repo := s.repo(t, "app")
			document := s.document(t, repo, "linux/amd64")
			s.intercept(func(w http.ResponseWriter, r *http.Request) bool {
				lies := r.Method == http.MethodGet && strings.Contains(r.URL.Path, document.Hash.String())
				if lies {
					w.Header().Set("Content-Type", string(document.Type))
					test.answer(w, document.Raw)
				}
				return lies
			})
			err := hasty(t).Push(t.Context(), []name.Repository{repo}, document)
			want := "index REGISTRY/app@" + document.Hash.String() + ": reading it back: "
			if err == nil || !strings.HasPrefix(s.plainly(err.Error()), want) {
				t.Errorf("Push() gives %v, want an error that begins with %s", err, want)
			}
		})
	}
}

func TestPushEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := serve(t)
	repo := s.repo(t, "app")
	document := s.document(t, repo, "linux/amd64")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (publish.Registry{}).Push(ctx, []name.Repository{repo}, document); !errors.Is(err, context.Canceled) {
		t.Errorf("Push() gives %v, want %v", err, context.Canceled)
	}
}
