//go:build e2e

package setup

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/moby/moby/client"
)

// faults is a registry that answers the first requests for manifests with faults.
type faults struct {
	registry http.Handler
	mu       sync.Mutex
	answers  []func(http.ResponseWriter)
}

func (f *faults) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if strings.Contains(r.URL.Path, "/manifests/") && len(f.answers) > 0 {
		answer := f.answers[0]
		f.answers = f.answers[1:]
		answer(w)
		return
	}
	f.registry.ServeHTTP(w, r)
}

func status(code int, body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

func reset(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

// The engine itself pulls, so what is shown is that its words for a registry's faults are understood.
func TestEnginePullsThroughFaults(t *testing.T) {
	engine, err := Connect(t.Context(), os.Getenv, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = engine.Close() }()
	limited := `{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit"}]}`
	denied := `{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}`
	for _, test := range []struct {
		name    string
		answers []func(http.ResponseWriter)
		retried bool
		fails   bool
	}{
		{"none", nil, false, false},
		{"an error of the server", []func(http.ResponseWriter){status(503, ""), status(503, "")}, true, false},
		{"a limit", []func(http.ResponseWriter){status(429, limited), status(429, limited)}, true, false},
		{"a reset connection", []func(http.ResponseWriter){reset, reset}, true, false},
		{"no permission", []func(http.ResponseWriter){status(403, denied), status(403, denied), status(403, denied)}, false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := &faults{registry: registry.New(registry.Logger(log.New(io.Discard, "", 0)))}
			server := httptest.NewServer(f)
			defer server.Close()
			ref := strings.TrimPrefix(server.URL, "http://") + "/builder/pull:1"
			push(t, ref)
			f.answers = test.answers
			defer func() {
				_, _ = engine.api.ImageRemove(context.WithoutCancel(t.Context()), ref, client.ImageRemoveOptions{Force: true})
			}()
			waits := 0
			got, err := pullFrom(t.Context(), []source{{image: ref}}, puller{
				pull: engine.pull,
				say:  func(text string) { t.Log(text) },
				wait: func(context.Context, time.Duration) error { waits++; return nil },
			})
			if (err != nil) != test.fails || !test.fails && got != ref {
				t.Errorf("pullFrom() = %q, %v", got, err)
			}
			if (waits > 0) != test.retried {
				t.Errorf("it tried again %d times, want some: %t", waits, test.retried)
			}
		})
	}
}

func push(t *testing.T, ref string) {
	t.Helper()
	tag, err := name.NewTag(ref)
	if err != nil {
		t.Fatal(err)
	}
	image, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag, image); err != nil {
		t.Fatal(err)
	}
}
