package publish_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/multiarch-action/internal/publish"
)

// place is a repository that images are copied from.
type place struct{ repo name.Repository }

func (p place) Repository() (name.Repository, bool) { return p.repo, true }

func (p place) Document(ctx context.Context, d v1.Descriptor) ([]byte, error) {
	got, err := remote.Get(p.repo.Digest(d.Digest.String()), remote.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	return got.Manifest, nil
}

func (p place) Blob(ctx context.Context, d v1.Descriptor) (io.ReadCloser, error) {
	layer, err := remote.Layer(p.repo.Digest(d.Digest.String()), remote.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	return layer.Compressed()
}

func described(d publish.Document) v1.Descriptor {
	return v1.Descriptor{MediaType: d.Type, Size: int64(len(d.Raw)), Digest: d.Hash}
}

// published is an index that is in the repository.
func (s *server) published(t *testing.T, repo name.Repository, platforms ...string) publish.Document {
	t.Helper()
	document := s.document(t, repo, platforms...)
	if err := (publish.Registry{}).Push(t.Context(), []name.Repository{repo}, document); err != nil {
		t.Fatal(err)
	}
	return document
}

func TestCopy(t *testing.T) {
	t.Parallel()
	from, to := serve(t), serve(t)
	r, origin := publish.Registry{}, place{from.repo(t, "app")}
	document := from.published(t, origin.repo, "linux/amd64", "linux/arm64")
	for i, target := range []name.Repository{to.repo(t, "far"), from.repo(t, "near")} {
		done, err := r.Copy(t.Context(), target, origin, described(document))
		if err != nil {
			t.Fatal(err)
		}
		far := i == 0 // this registry keeps the blobs of all its repositories in one place
		if done.Manifests != 3 || far != (done.Blobs >= 4) || far != (done.Bytes > 0) {
			t.Errorf("to %s: %+v was copied, want an index, two manifests and their blobs", target, done)
		}
		got, err := r.Fetch(t.Context(), target, document.Hash)
		if err != nil || !bytes.Equal(got.Raw, document.Raw) {
			t.Errorf("%s holds %s, %v", target, got.Raw, err)
		}
		from.count("")
		to.count("")
		if again, err := r.Copy(t.Context(), target, origin, described(document)); err != nil || again != (publish.Copied{}) {
			t.Errorf("the second time %+v, %v; want nothing", again, err)
		}
		if n := from.count("PUT ") + to.count("PUT "); n != 0 {
			t.Errorf("the second time there were %d PUT requests", n)
		}
	}
	if done, err := r.Copy(t.Context(), origin.repo, origin, described(document)); err != nil || done != (publish.Copied{}) {
		t.Errorf("to itself: %+v, %v; want nothing", done, err)
	}
	_, err := r.Copy(t.Context(), to.repo(t, "none"), place{from.repo(t, "none")}, described(document))
	if err == nil || !strings.Contains(err.Error(), "copying "+document.Hash.String()) {
		t.Errorf("of what is not there: %v", err)
	}
}

// attach pushes an artifact about a manifest.
func attach(t *testing.T, repo name.Repository, subject v1.Descriptor, artifactType types.MediaType) v1.Hash {
	t.Helper()
	artifact, ok := mutate.Subject(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), artifactType), subject).(v1.Image)
	if !ok {
		t.Fatal("an image with a subject is no image any more")
	}
	hash, err := artifact.Digest()
	if err == nil {
		err = remote.Write(repo.Digest(hash.String()), artifact)
	}
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func TestCompanionsGoAlong(t *testing.T) {
	t.Parallel()
	from, to := serve(t), serve(t)
	r, origin, target := publish.Registry{}, place{from.repo(t, "app")}, to.repo(t, "app")
	document := from.published(t, origin.repo, "linux/amd64", "linux/arm64")
	sbom := attach(t, origin.repo, described(document), "application/spdx+json")
	raw, err := origin.Document(t.Context(), v1.Descriptor{Digest: sbom})
	if err != nil {
		t.Fatal(err)
	}
	signature := attach(t, origin.repo, v1.Descriptor{MediaType: types.OCIManifestSchema1, Size: int64(len(raw)), Digest: sbom}, "application/vnd.dev.cosign.artifact.sig.v1+json")
	cosign := empty.Image
	cosignTag := strings.Replace(document.Hash.String(), ":", "-", 1) + ".sig"
	if err := remote.Write(origin.repo.Tag(cosignTag), cosign); err != nil {
		t.Fatal(err)
	}
	found, err := r.Companions(t.Context(), origin.repo, []v1.Hash{document.Hash})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 3 || found[0].Descriptor.Digest != sbom || found[1].Tag != cosignTag || found[2].Descriptor.Digest != signature {
		t.Fatalf("found %+v, want the SBOM, the signature of the image, and that of the SBOM", found)
	}
	if _, err := r.Copy(t.Context(), target, origin, described(document)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, c := range found {
			if _, kept, err := r.CopyCompanion(t.Context(), target, origin, c); err != nil || kept != "" {
				t.Fatalf("%+v: %q, %v", c, kept, err)
			}
		}
	}
	there, err := r.Companions(t.Context(), target, []v1.Hash{document.Hash})
	if err != nil {
		t.Fatal(err)
	}
	same := func(a, b publish.Companion) bool { return a.Tag == b.Tag && a.Descriptor.Digest == b.Descriptor.Digest }
	if !slices.EqualFunc(found, there, same) {
		t.Errorf("there is %+v, want %+v", there, found)
	}
	if got, _ := json.Marshal(there[0].Descriptor); !strings.Contains(string(got), "spdx") {
		t.Errorf("the referrer is listed as %s", got)
	}
}

// A signature that somebody else has put there is left alone.
func TestCompanionDoesNotReplaceAnother(t *testing.T) {
	t.Parallel()
	s, r := serve(t), publish.Registry{}
	origin, target := place{s.repo(t, "app")}, s.repo(t, "other")
	mine, theirs := s.published(t, origin.repo, "linux/amd64"), s.published(t, target, "linux/arm64")
	for repo, document := range map[name.Repository]publish.Document{origin.repo: mine, target: theirs} {
		if err := remote.Put(repo.Tag("sha256-1.sig"), document); err != nil {
			t.Fatal(err)
		}
	}
	_, kept, err := r.CopyCompanion(t.Context(), target, origin, publish.Companion{Descriptor: described(mine), Tag: "sha256-1.sig"})
	if err != nil || kept != theirs.Hash.String() {
		t.Errorf("CopyCompanion() = %q, %v; want %s", kept, err, theirs.Hash)
	}
}
