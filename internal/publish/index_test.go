package publish_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/publish"
)

// attested is an index as BuildKit makes it: images, and behind them an attestation about each, unless about says something else.
func (s *server) attested(t *testing.T, repo name.Repository, about string, platforms ...string) (ocispec.Descriptor, []byte) {
	t.Helper()
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	var attestations []mutate.IndexAddendum
	for _, platform := range platforms {
		spec, err := v1.ParsePlatform(platform)
		if err != nil {
			t.Fatal(err)
		}
		img := image(t, platform)
		hash, err := img.Digest()
		if err != nil {
			t.Fatal(err)
		}
		subject := hash.String()
		if about != "" {
			subject = about
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: img, Descriptor: v1.Descriptor{Platform: spec}})
		attestations = append(attestations, mutate.IndexAddendum{Add: image(t, "unknown/unknown"), Descriptor: v1.Descriptor{
			Platform:    &v1.Platform{OS: "unknown", Architecture: "unknown"},
			Annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": subject},
		}})
	}
	index = mutate.AppendManifests(index, attestations...)
	hash, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(repo.Digest(hash.String()), index); err != nil {
		t.Fatal(err)
	}
	raw, err := index.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	return ocispec.Descriptor{Digest: digest.Digest(hash.String())}, raw
}

// An index that is put together from what one builder pushed is the one that it pushed, byte for byte.
func TestAssembleMakesTheBuildersOwnIndex(t *testing.T) {
	t.Parallel()
	s := serve(t)
	repo := s.repo(t, "app")
	pushed, raw := s.attested(t, repo, "", "linux/amd64", "linux/arm/v7")
	images, err := publish.Registry{}.Read(t.Context(), repo, pushed)
	if err != nil {
		t.Fatal(err)
	}
	if len(images) != 2 || len(images[0].Attestations) != 1 || len(images[1].Attestations) != 1 {
		t.Fatalf("Read() gives %+v, want two images with an attestation each", images)
	}
	if diff := cmp.Diff(string(raw), string(assemble(t, images).Raw)); diff != "" {
		t.Errorf("the index differs (-builder's +ours):\n%s", diff)
	}
}

// Platforms of different builders come in any order, and the attestations follow them.
func TestAttestationsFollowTheirPlatforms(t *testing.T) {
	t.Parallel()
	s := serve(t)
	repo := s.repo(t, "app")
	var images []plan.Pushed
	for _, platform := range []string{"linux/arm64", "linux/amd64"} {
		pushed, _ := s.attested(t, repo, "", platform)
		read, err := publish.Registry{}.Read(t.Context(), repo, pushed)
		if err != nil {
			t.Fatal(err)
		}
		images = append(read, images...)
	}
	index, err := assemble(t, images).Index()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, entry := range index.Manifests {
		got = append(got, entry.Platform.String()+" "+entry.Annotations["vnd.docker.reference.digest"])
	}
	want := []string{"linux/amd64 ", "linux/arm64 ", "unknown/unknown " + index.Manifests[0].Digest.String(), "unknown/unknown " + index.Manifests[1].Digest.String()}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the entries differ (-want +got):\n%s", diff)
	}
}

func TestAnAttestationAboutNothingIsAnError(t *testing.T) {
	t.Parallel()
	s := serve(t)
	repo := s.repo(t, "app")
	pushed, _ := s.attested(t, repo, "sha256:gone", "linux/amd64")
	_, err := publish.Registry{}.Read(t.Context(), repo, pushed)
	if err == nil || !strings.Contains(err.Error(), `: it is about "sha256:gone", and there is no such image`) {
		t.Errorf("Read() gives %v", err)
	}
}

func TestTheTypeOfAnIndexIsThatOfItsImages(t *testing.T) {
	t.Parallel()
	some := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0", 64)}
	docker := plan.Pushed{Descriptor: v1.Descriptor{MediaType: types.DockerManifestSchema2, Size: 1, Digest: some}}
	oci := plan.Pushed{Descriptor: v1.Descriptor{MediaType: types.OCIManifestSchema1, Size: 1, Digest: some}}
	attested := plan.Pushed{Descriptor: docker.Descriptor, Attestations: []v1.Descriptor{oci.Descriptor}}
	annotations := map[string]string{"b": "2", "a": "1"}
	tests := []struct {
		name  string
		index publish.Index
		want  types.MediaType
	}{
		{"OCI", publish.Index{Images: []plan.Pushed{oci, oci}}, types.OCIImageIndex},
		{"Docker", publish.Index{Images: []plan.Pushed{docker, docker}}, types.DockerManifestList},
		{"both", publish.Index{Images: []plan.Pushed{docker, oci}}, types.OCIImageIndex},
		{"Docker's with annotations", publish.Index{Images: []plan.Pushed{docker}, Annotations: annotations}, types.OCIImageIndex},
		{"Docker's with an attestation", publish.Index{Images: []plan.Pushed{attested}}, types.OCIImageIndex},
	}
	for _, test := range tests {
		document, err := test.index.Assemble()
		if err != nil {
			t.Fatal(err)
		}
		var got v1.IndexManifest
		if err := json.Unmarshal(document.Raw, &got); err != nil {
			t.Fatal(err)
		}
		if document.Type != test.want || got.MediaType != test.want {
			t.Errorf("%s: the type is %s and in the document %s, want %s", test.name, document.Type, got.MediaType, test.want)
		}
		if diff := cmp.Diff(test.index.Annotations, got.Annotations); diff != "" {
			t.Errorf("%s: the annotations differ:\n%s", test.name, diff)
		}
	}
}

func TestWhatIsThereIsNotWrittenAgain(t *testing.T) {
	t.Parallel()
	s := serve(t)
	repos := []name.Repository{s.repo(t, "one"), s.repo(t, "two")}
	document := s.document(t, repos[0], "linux/amd64", "linux/arm64")
	s.copyImages(t, document, repos[0], repos[1])
	tags := s.tags(t, "one:1", "two:1")
	for _, want := range []int{3, 0} { // the first repository has the index from the start
		s.count("")
		if err := (publish.Registry{}).Push(t.Context(), repos, document); err != nil {
			t.Fatal(err)
		}
		if _, err := (publish.Registry{}).Tag(t.Context(), tags, document); err != nil {
			t.Fatal(err)
		}
		if got := s.count("PUT "); got != want {
			t.Errorf("it made %d PUT requests, want %d", got, want)
		}
	}
}
