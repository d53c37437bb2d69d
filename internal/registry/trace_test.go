package registry_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/org/multiarch-action/internal/registry"
)

func TestARequestIsTracedWithoutItsSecrets(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	var lines []string
	transport, err := registry.New(registry.Config{Clock: newClock(), Trace: func(text string) { lines = append(lines, text) }})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/v2/app/blobs/sha256:00?signature=s3cret", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth("robot", "pass-word")
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close() // it has none
	want := "GET " + strings.TrimPrefix(server.URL, "http://") + "/v2/app/blobs/sha256:00: 418 I'm a teapot (0 ms)"
	if len(lines) != 1 || lines[0] != want {
		t.Errorf("the trace is %q, want %q", lines, want)
	}
}
