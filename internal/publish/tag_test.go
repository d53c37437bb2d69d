package publish_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/publish"
)

// shelf is a registry with two documents, old and new, and tags that point nowhere yet.
type shelf struct {
	*server
	old, new publish.Document
}

func stocked(t *testing.T) *shelf {
	t.Helper()
	s := &shelf{server: serve(t)}
	repo := s.repo(t, "app")
	s.old, s.new = s.document(t, repo, "linux/amd64"), s.document(t, repo, "linux/amd64", "linux/arm64")
	if err := (publish.Registry{}).Push(t.Context(), []name.Repository{repo}, s.new); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *shelf) point(t *testing.T, tag plan.Tag, document publish.Document) {
	t.Helper()
	if err := remote.Put(tag.Tag, document); err != nil {
		t.Fatal(err)
	}
}

func TestTagMovesAndReadsBack(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		from  func(*shelf) *publish.Document
		puts  int
		moved bool
	}{
		{"a tag that was not there", func(*shelf) *publish.Document { return nil }, 1, true},
		{"a tag that pointed elsewhere", func(s *shelf) *publish.Document { return &s.old }, 1, true},
		{"a tag that points there already is not written", func(s *shelf) *publish.Document { return &s.new }, 0, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := stocked(t)
			tags := s.tags(t, "app:1")
			want := publish.Move{Tag: tags[0], To: s.new.Hash.String()}
			if from := test.from(s); from != nil {
				s.point(t, tags[0], *from)
				want.From = from.Hash.String()
			}
			s.count("")
			moves, err := publish.Registry{}.Tag(t.Context(), tags, s.new)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.count("PUT "); got != test.puts {
				t.Errorf("Tag() made %d PUT requests, want %d", got, test.puts)
			}
			if len(moves) != 1 || moves[0] != want || moves[0].Moved() != test.moved {
				t.Errorf("Tag() = %+v, want %+v, moved: %t", moves, want, test.moved)
			}
			if got, want := s.digestOf(t, tags[0]), s.new.Hash.String(); got != want {
				t.Errorf("the tag points at %s, want %s", got, want)
			}
		})
	}
}

func TestTagStopsAtTheFirstThatDoesNotWork(t *testing.T) {
	t.Parallel()
	s := stocked(t)
	tags := s.tags(t, "app:1.4.2", "app:1.4", "app:1")
	s.point(t, tags[2], s.old)
	s.refuse(http.MethodPut, "/manifests/1.4", http.StatusForbidden, "DENIED")
	s.intercept(onlyPath("/v2/app/manifests/1.4", s.before))
	moves, err := publish.Registry{}.Tag(t.Context(), tags, s.new)
	to := s.new.Hash.String()
	want := "tag REGISTRY/app:1.4: moving it to " + to + ": PUT http://REGISTRY/v2/app/manifests/1.4: DENIED: not you; it was asked without a login"
	if err == nil || s.plainly(err.Error()) != want {
		t.Errorf("Tag():\n got %v\nwant %s", err, want)
	}
	for i, want := range []publish.Move{{Tag: tags[0], To: to}, {Tag: tags[1]}, {Tag: tags[2]}} {
		if moves[i] != want {
			t.Errorf("move %d is %+v, want %+v", i, moves[i], want)
		}
	}
	if got, want := s.digestOf(t, tags[2]), s.old.Hash.String(); got != want {
		t.Errorf("the last tag points at %s, want %s: it was not its turn", got, want)
	}
}

func onlyPath(path string, do func(http.ResponseWriter, *http.Request) bool) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool { return r.URL.Path == path && do(w, r) }
}

// Another run moves the tag between our writing and our reading back.
func TestTagSaysThatItLostARace(t *testing.T) {
	t.Parallel()
	s := stocked(t)
	tags := s.tags(t, "app:1")
	s.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut || !strings.HasSuffix(r.URL.Path, "/manifests/1") {
			return false
		}
		s.backend.ServeHTTP(w, r)
		other := httptest.NewRequestWithContext(r.Context(), http.MethodPut, r.URL.Path, bytes.NewReader(s.old.Raw))
		other.Header.Set("Content-Type", string(s.old.Type))
		s.backend.ServeHTTP(httptest.NewRecorder(), other)
		return true
	})
	moves, err := publish.Registry{}.Tag(t.Context(), tags, s.new)
	want := "tag REGISTRY/app:1: reading it back: it points at " + s.old.Hash.String() + ", not at " + s.new.Hash.String() + "; another run has moved it at the same moment"
	if err == nil || s.plainly(err.Error()) != want {
		t.Errorf("Tag():\n got %v\nwant %s", err, want)
	}
	if moves[0].To != "" || moves[0].Moved() {
		t.Errorf("Tag() = %+v, want a tag that is not ours", moves[0])
	}
}

// A registry may answer without a digest, or with a wrong one in the header: the bytes decide.
func TestTagComputesTheDigestFromTheBytes(t *testing.T) {
	t.Parallel()
	s := stocked(t)
	tags := s.tags(t, "app:1")
	s.point(t, tags[0], s.new)
	s.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/manifests/1") {
			return false
		}
		w.Header().Set("Content-Type", string(s.new.Type))
		_, _ = w.Write(s.new.Raw) // the client's test sees what arrives
		return true
	})
	moves, err := publish.Registry{}.Tag(t.Context(), tags, s.new)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := moves[0].From, s.new.Hash.String(); got != want || moves[0].Moved() {
		t.Errorf("Tag() = %+v, want a tag that points at %s already", moves[0], want)
	}
}

func TestTagEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := stocked(t)
	tags := s.tags(t, "app:1.4", "app:1")
	cause := errors.New("the user has pressed a key")
	ctx, cancel := context.WithCancelCause(t.Context())
	s.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		s.backend.ServeHTTP(w, r)
		if r.Method == http.MethodPut {
			cancel(cause)
		}
		return true
	})
	moves, err := publish.Registry{}.Tag(ctx, tags, s.new)
	if err == nil || !errors.Is(err, cause) && !errors.Is(err, context.Canceled) {
		t.Errorf("Tag() gives %v, want the end of its context", err)
	}
	if moves[1].To != "" || s.digestOf(t, tags[1]) != "" {
		t.Errorf("the second tag is %+v, want it untouched", moves[1])
	}
	moves, err = publish.Registry{}.Tag(ctx, tags, s.new)
	if !errors.Is(err, cause) || moves[0].To != "" {
		t.Errorf("Tag() with an ended context = %+v, %v, want nothing and %v", moves, err, cause)
	}
}

// The run is cancelled when the registry has taken the tag and before it has said so.
func TestTagThatMovedInSpiteOfACancellationIsReportedAsMoved(t *testing.T) {
	t.Parallel()
	s := stocked(t)
	tags := s.tags(t, "app:1.4", "app:1")
	ctx, cancel := context.WithCancel(t.Context())
	s.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut {
			return false
		}
		s.backend.ServeHTTP(httptest.NewRecorder(), r)
		cancel()
		<-r.Context().Done() // the client has gone
		return true
	})
	moves, err := publish.Registry{}.Tag(ctx, tags, s.new)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Tag() gives %v, want the cancellation", err)
	}
	if want := s.new.Hash.String(); moves[0].To != want || !moves[0].Moved() || moves[1].To != "" {
		t.Errorf("Tag() = %+v, want the first tag moved to %s", moves, want)
	}
}
