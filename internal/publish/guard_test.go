package publish_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/publish"
)

// made says how an image is made for a test: its platforms, and labels as "version=1.4 created=…".
type made struct {
	platforms string // with blanks between; one makes a manifest, unless there are annotations
	labels    string
	annotated bool   // the labels are annotations of the index instead
	inherited string // labels that come from the base image
}

func pairs(text string) map[string]string {
	out := map[string]string{}
	for pair := range strings.FieldsSeq(text) {
		key, value, _ := strings.Cut(pair, "=")
		out["org.opencontainers.image."+key] = value
	}
	return out
}

// store pushes what is made and returns the document that a tag can point at.
func (s *server) store(t *testing.T, repo name.Repository, m made) publish.Document {
	t.Helper()
	var images []plan.Pushed
	for platform := range strings.FieldsSeq(m.platforms) {
		img := image(t, platform)
		if m.inherited != "" || !m.annotated {
			config, err := img.ConfigFile()
			if err != nil {
				t.Fatal(err)
			}
			config.Config.Labels = pairs(m.inherited)
			if !m.annotated {
				config.Config.Labels = pairs(m.labels)
			}
			if img, err = mutate.ConfigFile(img, config); err != nil {
				t.Fatal(err)
			}
		}
		pushed, err := publish.Registry{}.Read(t.Context(), repo, s.pushed(t, repo, img))
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, pushed...)
	}
	index := publish.Index{Images: images}
	if m.annotated {
		index.Annotations = pairs(m.labels)
	} else if len(images) == 1 {
		document, err := publish.Registry{}.Fetch(t.Context(), repo, images[0].Descriptor.Digest)
		if err != nil {
			t.Fatal(err)
		}
		return document
	}
	document, err := index.Assemble()
	if err != nil {
		t.Fatal(err)
	}
	if err := (publish.Registry{}).Push(t.Context(), []name.Repository{repo}, document); err != nil {
		t.Fatal(err)
	}
	return document
}

func TestATagIsNotTurnedBackByAccident(t *testing.T) {
	t.Parallel()
	const (
		early = "created=2026-01-01T00:00:00Z revision=aaa"
		late  = "created=2026-02-01T00:00:00+02:00 revision=bbb"
	)
	tests := []struct {
		name      string
		tag       string
		held, new made
		want      string // the reason; empty: it moves
	}{
		{"more platforms", "1", made{platforms: "linux/amd64 linux/arm64"}, made{platforms: "linux/amd64 linux/arm64 linux/s390x"}, ""},
		{"fewer platforms", "1", made{platforms: "linux/amd64 linux/arm64 linux/arm/v7"}, made{platforms: "linux/arm64 linux/s390x"}, "it would lose linux/amd64, linux/arm/v7"},
		{"one platform instead of two", "1", made{platforms: "linux/amd64 linux/arm64"}, made{platforms: "linux/amd64"}, "it would lose linux/arm64"},
		{"one platform instead of another", "1", made{platforms: "linux/arm64"}, made{platforms: "linux/amd64"}, "it would lose linux/arm64"},
		{"an index instead of an image", "1", made{platforms: "linux/amd64"}, made{platforms: "linux/amd64 linux/arm64"}, ""},

		{"a later version", "1", made{platforms: "linux/amd64", labels: "version=1.4.9"}, made{platforms: "linux/amd64", labels: "version=1.4.10"}, ""},
		{"an older version", "1.4", made{platforms: "linux/amd64", labels: "version=1.4.10"}, made{platforms: "linux/amd64", labels: "version=v1.4.9"}, "version v1.4.9 is older than 1.4.10"},
		{"an older version in annotations", "1", made{platforms: "linux/amd64 linux/arm64", labels: "version=2.0.0", annotated: true}, made{platforms: "linux/amd64 linux/arm64", labels: "version=1.9.0", annotated: true}, "version 1.9.0 is older than 2.0.0"},
		{"names of branches are no versions", "edge", made{platforms: "linux/amd64", labels: "version=main"}, made{platforms: "linux/amd64", labels: "version=develop"}, ""},
		{"a later version from an older commit", "latest", made{platforms: "linux/amd64", labels: "version=1.9.0 " + late}, made{platforms: "linux/amd64", labels: "version=2.0.0 " + early}, ""},

		{"a pre-release as latest", "latest", made{platforms: "linux/amd64", labels: "version=1.4.0"}, made{platforms: "linux/amd64", labels: "version=1.5.0-rc.1"}, "the pre-release 1.5.0-rc.1 does not become latest"},
		{"a pre-release instead of something unknown as latest", "latest", made{platforms: "linux/amd64"}, made{platforms: "linux/amd64", labels: "version=1.5.0-rc.1"}, "the pre-release 1.5.0-rc.1 does not become latest"},
		{"a pre-release after another as latest", "latest", made{platforms: "linux/amd64", labels: "version=1.5.0-rc.1"}, made{platforms: "linux/amd64", labels: "version=1.5.0-rc.2"}, ""},
		{"a pre-release as something else", "next", made{platforms: "linux/amd64", labels: "version=1.4.0"}, made{platforms: "linux/amd64", labels: "version=1.5.0-rc.1"}, ""},

		{"a later commit", "edge", made{platforms: "linux/amd64", labels: early}, made{platforms: "linux/amd64", labels: late}, ""},
		{"an older commit", "edge", made{platforms: "linux/amd64", labels: late}, made{platforms: "linux/amd64", labels: early}, "its commit, of 2026-01-01T00:00:00Z, is older than that of 2026-01-31T22:00:00Z"},
		{"the same commit by another clock", "edge", made{platforms: "linux/amd64", labels: late}, made{platforms: "linux/amd64", labels: "created=2026-01-01T00:00:00Z revision=bbb"}, ""},
		{
			"an older base image", "edge",
			made{platforms: "linux/amd64 linux/arm64", labels: early, annotated: true, inherited: "version=3.2.0 revision=base"},
			made{platforms: "linux/amd64 linux/arm64", labels: late, annotated: true, inherited: "version=3.1.0 revision=former"},
			"",
		},
		{"a commit of which nothing is known", "edge", made{platforms: "linux/amd64", labels: late}, made{platforms: "linux/amd64"}, ""},
		{
			"two reasons", "1",
			made{platforms: "linux/amd64 linux/arm64", labels: "version=1.1.0"},
			made{platforms: "linux/amd64", labels: "version=1.0.0"},
			"it would lose linux/arm64, and version 1.0.0 is older than 1.1.0",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			repo := s.repo(t, "app")
			held, next := s.store(t, repo, test.held), s.store(t, repo, test.new)
			tags := s.tags(t, "app:not-there-yet", "app:"+test.tag)
			if err := remote.Put(tags[1].Tag, held); err != nil {
				t.Fatal(err)
			}
			_, err := publish.Registry{}.Tag(t.Context(), tags, next)
			var refused *publish.HeldError
			switch {
			case test.want == "" && err != nil:
				t.Errorf("Tag() gives %v, want it moved", err)
			case test.want == "":
				return
			case !errors.As(err, &refused) || strings.Join(refused.Reasons, ", and ") != test.want:
				t.Errorf("Tag():\n got %v\nwant the reason %s", err, test.want)
			case s.digestOf(t, tags[0]) != "" || s.digestOf(t, tags[1]) != held.Hash.String():
				t.Error("a tag has moved")
			}
			if _, err := (publish.Registry{ForceTag: true}).Tag(t.Context(), tags, next); err != nil || s.digestOf(t, tags[1]) != next.Hash.String() {
				t.Errorf("with force: %v, and the tag is at %s", err, s.digestOf(t, tags[1]))
			}
		})
	}
}

func TestARefusalShowsBothSides(t *testing.T) {
	t.Parallel()
	s := serve(t)
	repo := s.repo(t, "app")
	held := s.store(t, repo, made{platforms: "linux/amd64 linux/arm64", labels: "version=1.4.1 revision=abc created=2026-01-01T00:00:00Z"})
	next := s.store(t, repo, made{platforms: "linux/amd64"})
	tags := s.tags(t, "app:1.4", "app:1")
	for _, tag := range tags {
		if err := remote.Put(tag.Tag, held); err != nil {
			t.Fatal(err)
		}
	}
	_, err := publish.Registry{}.Tag(t.Context(), tags, next)
	if err == nil {
		t.Fatal("Tag() gives no error")
	}
	sides := "not moved: it would lose linux/arm64; it holds " + held.Hash.String() + " (linux/amd64, linux/arm64; version 1.4.1; commit abc; of 2026-01-01T00:00:00Z), and would hold " + next.Hash.String() + " (linux/amd64)"
	want := "tag REGISTRY/app:1.4: " + sides + "\ntag REGISTRY/app:1: " + sides
	if diff := cmp.Diff(want, s.plainly(err.Error())); diff != "" {
		t.Errorf("Tag() (-want +got):\n%s", diff)
	}
	var refused *publish.HeldError
	if errors.As(err, &refused); refused.Hint() != "if that is meant, add --force-tag; a platform that is left out on purpose, as --allow-failure does, needs it too" {
		t.Errorf("Hint() = %q", refused.Hint())
	}
}

// What was deleted behind a tag must not keep the tag from being mended.
func TestABrokenTagCanBeMended(t *testing.T) {
	t.Parallel()
	s := serve(t)
	repo := s.repo(t, "app")
	held, next := s.store(t, repo, made{platforms: "linux/amd64"}), s.store(t, repo, made{platforms: "linux/amd64"})
	tags := s.tags(t, "app:1")
	if err := remote.Put(tags[0].Tag, held); err != nil {
		t.Fatal(err)
	}
	s.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		gone := strings.HasSuffix(r.URL.Path, "/manifests/"+held.Hash.String())
		if gone {
			w.WriteHeader(http.StatusNotFound)
		}
		return gone
	})
	if _, err := (publish.Registry{}).Tag(t.Context(), tags, next); err != nil {
		t.Errorf("Tag() gives %v", err)
	}
}

func TestImmutableTags(t *testing.T) {
	t.Parallel()
	const refusal = "The image tag '1' already exists in the 'app' repository and cannot be overwritten because the tag is immutable."
	tests := []struct {
		name    string
		between func(s *shelf, tag plan.Tag) // what another run does after we have looked
		want    string
	}{
		{"that hold the same by now", func(s *shelf, tag plan.Tag) { s.point(t, tag, s.new) }, ""},
		{"that hold something else", func(s *shelf, tag plan.Tag) { s.point(t, tag, s.old) }, "OLD"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := stocked(t)
			tags := s.tags(t, "app:1")
			s.intercept(func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodPut || !strings.HasSuffix(r.URL.Path, "/manifests/1") {
					return false
				}
				s.intercept(nil)
				test.between(s, tags[0])
				w.WriteHeader(http.StatusBadRequest)
				_, _ = w.Write([]byte(`{"errors":[{"code":"TAG_INVALID","message":"` + refusal + `"}]}`)) // the client's test sees what arrives
				return true
			})
			moves, err := publish.Registry{}.Tag(t.Context(), tags, s.new)
			if test.want == "" {
				if err != nil || moves[0].To != s.new.Hash.String() {
					t.Errorf("Tag() = %+v, %v, want the tag where it is", moves, err)
				}
				return
			}
			want := "tag REGISTRY/app:1: moving it to " + s.new.Hash.String() + ": it is immutable and holds " + s.old.Hash.String() + ": PUT http://REGISTRY/v2/app/manifests/1: TAG_INVALID: " + refusal
			if err == nil || s.plainly(err.Error()) != want {
				t.Errorf("Tag():\n got %v\nwant %s", err, want)
			}
			var immutable *publish.ImmutableError
			if !errors.As(err, &immutable) || !strings.Contains(immutable.Hint(), "not there yet") || moves[0].To != "" {
				t.Errorf("Tag() = %+v, %v, want an ImmutableError and no move", moves, err)
			}
		})
	}
}

// One name moves in all of its repositories before the next begins.
func TestOneNameMovesEverywhereTogether(t *testing.T) {
	t.Parallel()
	s := stocked(t)
	other := s.repo(t, "copy")
	s.copyImages(t, s.new, s.repo(t, "app"), other)
	if err := (publish.Registry{}).Push(t.Context(), []name.Repository{other}, s.new); err != nil {
		t.Fatal(err)
	}
	s.refuse(http.MethodPut, "/manifests/1.4", http.StatusForbidden, "DENIED")
	s.intercept(onlyPath("/v2/app/manifests/1.4", s.before))
	tags := s.tags(t, "app:1.4", "app:1", "copy:1.4", "copy:1")
	moves, err := publish.Registry{}.Tag(t.Context(), tags, s.new)
	if err == nil || strings.Contains(err.Error(), "copy") {
		t.Errorf("Tag() gives %v, want the refusal of one repository", err)
	}
	to := s.new.Hash.String()
	want := []publish.Move{{Tag: tags[0]}, {Tag: tags[1]}, {Tag: tags[2], To: to}, {Tag: tags[3]}}
	for i, move := range moves {
		if move != want[i] {
			t.Errorf("move %d is %+v, want %+v", i, move, want[i])
		}
	}
}

// A registry may give the old answer for a while after it has taken the new one.
func TestATagThatIsReadTooEarlyIsReadAgain(t *testing.T) {
	t.Parallel()
	s := stocked(t)
	tags := s.tags(t, "app:1")
	s.point(t, tags[0], s.old)
	stale := 3
	written := false
	s.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/manifests/1") {
			return false
		}
		written = written || r.Method == http.MethodPut
		if r.Method != http.MethodGet || !written || stale == 0 {
			return false
		}
		stale--
		w.Header().Set("Content-Type", string(s.old.Type))
		_, _ = w.Write(s.old.Raw) // the client's test sees what arrives
		return true
	})
	moves, err := hasty(t).Tag(t.Context(), tags, s.new)
	if err != nil || moves[0].To != s.new.Hash.String() || stale != 0 {
		t.Errorf("Tag() = %+v, %v with %d old answers left, want the tag moved", moves, err, stale)
	}
}
