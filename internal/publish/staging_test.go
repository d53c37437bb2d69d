package publish_test

import (
	"net/http"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/publish"
)

func (s *server) handover(t *testing.T, attempt int64) plan.Handover {
	t.Helper()
	repo := s.repo(t, "app")
	document := s.document(t, repo, "linux/amd64")
	index, err := document.Index()
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.ParsePlatform("linux/amd64")
	if err != nil {
		t.Fatal(err)
	}
	return plan.Handover{
		SchemaVersion: plan.HandoverSchema, Image: repo.Name(), Tags: []string{repo.Name() + ":1"}, Platform: p,
		Key: "812", Attempt: attempt, Revision: "c0ffee", Manifests: index.Manifests,
	}
}

func TestStage(t *testing.T) {
	t.Parallel()
	s, r := serve(t), publish.Registry{}
	repo, first, second := s.repo(t, "app"), s.handover(t, 1), s.handover(t, 2)
	staged := func() (*plan.Handover, v1.Hash) {
		t.Helper()
		h, hash, err := r.Staged(t.Context(), repo, "812", first.Platform)
		if err != nil {
			t.Fatal(err)
		}
		return h, hash
	}
	if h, _ := staged(); h != nil {
		t.Errorf("before anything is handed over there is %+v", h)
	}
	if err := r.Begin(t.Context(), repo, first); err != nil {
		t.Fatal(err)
	}
	if h, _ := staged(); h != nil {
		t.Errorf("the first attempt has left %+v when it began", h)
	}
	for _, h := range []plan.Handover{first, first, second} { // again, and a newer attempt
		if err := r.Stage(t.Context(), repo, h); err != nil {
			t.Fatal(err)
		}
	}
	if h, _ := staged(); h.Attempt != 2 || h.Building || h.Manifests[0].Digest != second.Manifests[0].Digest {
		t.Errorf("there is %+v, want attempt 2", h)
	}
	for _, late := range []error{r.Stage(t.Context(), repo, first), r.Begin(t.Context(), repo, first)} {
		want := "REGISTRY/app:staged-812-linux-amd64: handing over linux/amd64: attempt 2 has handed it over, and this is attempt 1: the older must not replace the newer"
		if late == nil || s.plainly(late.Error()) != want {
			t.Errorf("a late first attempt:\n got %v\nwant %s", late, want)
		}
	}
	third := second
	third.Attempt = 3
	if err := r.Begin(t.Context(), repo, third); err != nil {
		t.Fatal(err)
	}
	h, hash := staged()
	if h.Attempt != 3 || !h.Building {
		t.Errorf("there is %+v, want that attempt 3 has begun", h)
	}
	if allowed, err := r.Unstage(t.Context(), repo, third, hash); err != nil || !allowed {
		t.Errorf("Unstage() = %t, %v", allowed, err)
	}
	if h, _ := staged(); h != nil {
		t.Errorf("in the end there is %+v", h)
	}
	if allowed, err := r.Unstage(t.Context(), repo, third, hash); err != nil || !allowed {
		t.Errorf("Unstage() of what is not there = %t, %v", allowed, err)
	}
}

func TestUnstageWhereNothingMayBeDeleted(t *testing.T) {
	t.Parallel()
	s := serve(t)
	h := s.handover(t, 1)
	s.refuse(http.MethodDelete, "/manifests/", http.StatusMethodNotAllowed, "UNSUPPORTED")
	if allowed, err := (publish.Registry{}).Unstage(t.Context(), s.repo(t, "app"), h, h.Manifests[0].Digest); allowed || err != nil {
		t.Errorf("Unstage() = %t, %v; want that it is not allowed", allowed, err)
	}
}

func TestStagedReadsOnlyHandovers(t *testing.T) {
	t.Parallel()
	s, r := serve(t), publish.Registry{}
	h := s.handover(t, 1)
	tag := s.tags(t, "app:"+plan.StagingTag("812", h.Platform))
	if _, err := r.Tag(t.Context(), tag, s.document(t, s.repo(t, "app"), "linux/amd64")); err != nil {
		t.Fatal(err)
	}
	_, _, err := r.Staged(t.Context(), s.repo(t, "app"), "812", h.Platform)
	if err == nil || !strings.HasSuffix(err.Error(), "reading what was handed over: it was not written by a staged build") {
		t.Errorf("Staged() gives %v", err)
	}
}
