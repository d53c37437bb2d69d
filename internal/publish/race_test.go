package publish_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/publish"
	patience "github.com/org/multiarch-action/internal/registry"
)

func TestTwoRunsRaceForATagInProcess(t *testing.T) {
	t.Parallel()
	raceForTags(t, serve(t).host, 10)
}

// meeting lets two runs wait for each other after they have written a tag, so that each reads what the later one has written.
type meeting struct {
	base http.RoundTripper
	here *sync.WaitGroup
}

func (m meeting) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := m.base.RoundTrip(request)
	if request.Method == http.MethodPut && strings.Contains(request.URL.Path, "/manifests/race-") {
		m.here.Done()
		m.here.Wait()
	}
	return response, err
}

// raceForTags lets two runs move tags at the same moment, one after the other. The tag is one of their indexes then, whole, and who has lost says so.
// In every second race they write before either reads back; in the others the earlier may be done before the later comes.
func raceForTags(t *testing.T, host string, rounds int) {
	t.Helper()
	repo := repositoryAt(t, host, fmt.Sprintf("race/%d", time.Now().UnixNano()))
	s := &server{host: host}
	var documents [2]publish.Document
	for i := range documents {
		documents[i] = s.document(t, repo, "linux/amd64", "linux/arm64")
		if err := (publish.Registry{}).Push(t.Context(), []name.Repository{repo}, documents[i]); err != nil {
			t.Fatal(err)
		}
	}
	won, said := [2]int{}, 0
	for round := range rounds {
		meets := round%2 == 0
		tag := plan.Tag{Tag: repo.Tag(fmt.Sprintf("race-%d", round))}
		errs := raceOnce(t, tag, documents, meets)
		got, err := remote.Get(tag.Tag)
		if err != nil {
			t.Fatal(err)
		}
		winner := 0
		if got.Digest == documents[1].Hash {
			winner = 1
		}
		won[winner]++
		if got.Digest != documents[winner].Hash || got.Size != int64(len(documents[winner].Raw)) {
			t.Errorf("%s points at %s, which nobody has written", tag, got.Digest)
		}
		if errs[winner] != nil {
			t.Errorf("%s: the winner says: %v", tag, errs[winner])
		}
		want := fmt.Sprintf("tag %s: reading it back: it points at %s, not at %s; another run has moved it at the same moment", tag.Name(), documents[winner].Hash, documents[1-winner].Hash)
		switch loser := errs[1-winner]; {
		case loser != nil && loser.Error() == want:
			said++
		case loser != nil:
			t.Errorf("%s: the loser says: %v", tag, loser)
		case meets:
			t.Errorf("%s: the loser says nothing", tag)
		}
	}
	t.Logf("won: %v; the loser said so %d times of %d", won, said, rounds)
	for _, document := range documents {
		wholeIndex(t, repo, document.Hash)
	}
}

func raceOnce(t *testing.T, tag plan.Tag, documents [2]publish.Document, meets bool) (errs [2]error) {
	t.Helper()
	var here, runs sync.WaitGroup
	here.Add(len(documents))
	for i, document := range documents {
		config := patience.Config{}
		if meets {
			config.Base = meeting{remote.DefaultTransport, &here}
		}
		transport, err := patience.New(config)
		if err != nil {
			t.Fatal(err)
		}
		runs.Go(func() {
			_, errs[i] = publish.Registry{Transport: transport}.Tag(t.Context(), []plan.Tag{tag}, document)
		})
	}
	runs.Wait()
	return errs
}

// wholeIndex reads everything behind an index.
func wholeIndex(t *testing.T, repo name.Repository, hash v1.Hash) {
	t.Helper()
	index, err := remote.Index(repo.Digest(hash.String()))
	if err == nil {
		err = validate.Index(index)
	}
	if err != nil {
		t.Errorf("index %s is not whole: %v", hash, err)
	}
}
