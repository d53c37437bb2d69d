package registry_test

import (
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/org/multiarch-action/internal/registry"
)

func TestFurtherAuthoritiesAreTrusted(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of clients that do not trust it
	s.StartTLS()
	t.Cleanup(s.Close)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	get := func(authorities ...[]byte) error {
		transport, err := registry.New(registry.Config{Authorities: authorities})
		if err != nil {
			return err
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, http.NoBody)
		if err != nil {
			return err
		}
		response, err := transport.RoundTrip(request)
		if err != nil {
			return err
		}
		return response.Body.Close()
	}
	if err := get(authority); err != nil {
		t.Errorf("with the server's authority: %v", err)
	}
	if err := get(); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without the server's authority: %v, want an error about its certificate", err)
	}
	const want = "certificate authority of a registry: reading: it holds no certificate in PEM"
	if err := get([]byte("text")); err == nil || err.Error() != want {
		t.Errorf("with text for a certificate: %v, want %s", err, want)
	}
}
