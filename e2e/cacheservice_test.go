//go:build e2e

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// cacheService is the second version of GitHub's service for caches, as far as BuildKit uses it: entries are announced and found by
// three calls, and their contents are blobs of Azure's storage.
type cacheService struct {
	*httptest.Server
	token string

	mu      sync.Mutex
	blobs   map[string][]byte // by key, or by key and block
	entries []string          // keys of what is complete, the oldest first
}

func newCacheService(t *testing.T) *cacheService {
	t.Helper()
	part := base64.RawURLEncoding.EncodeToString
	// As GitHub's: "ac" says what may be read and written.
	claims := fmt.Sprintf(`{"ac":"[{\"Scope\":\"refs/heads/main\",\"Permission\":3}]","nbf":%d,"exp":%d}`, time.Now().Add(-time.Hour).Unix(), time.Now().Add(time.Hour).Unix())
	s := &cacheService{
		token: part([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + part([]byte(claims)) + "." + part([]byte("signature")), blobs: map[string][]byte{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /twirp/github.actions.results.api.v1.CacheService/{call}", s.call)
	mux.HandleFunc("PUT /blob/{key}", s.put)
	mux.HandleFunc("GET /blob/{key}", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		content := string(s.blobs[r.PathValue("key")])
		s.mu.Unlock()
		if from := r.Header.Get("X-Ms-Range"); from != "" {
			r.Header.Set("Range", from)
		}
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *cacheService) call(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+s.token {
		http.Error(w, `{"code":"unauthenticated"}`, http.StatusUnauthorized)
		return
	}
	var request struct {
		Key         string
		RestoreKeys []string `json:"restore_keys"`
	}
	_ = json.NewDecoder(r.Body).Decode(&request)
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := map[string]any{"ok": true}
	address := func(key string) string { return s.URL + "/blob/" + base64.RawURLEncoding.EncodeToString([]byte(key)) }
	switch r.PathValue("call") {
	case "CreateCacheEntry":
		answer["signed_upload_url"] = address(request.Key)
	case "FinalizeCacheEntryUpload":
		s.entries = append(s.entries, request.Key)
		answer["entry_id"] = "1"
	case "GetCacheEntryDownloadURL":
		answer["ok"] = false
		for _, key := range s.entries {
			for _, wanted := range append(request.RestoreKeys, request.Key) {
				if strings.HasPrefix(key, wanted) {
					answer = map[string]any{"ok": true, "matched_key": key, "signed_download_url": address(key)}
				}
			}
		}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// put takes a blob at once, or its blocks and then their list.
func (s *cacheService) put(w http.ResponseWriter, r *http.Request) {
	content, _ := io.ReadAll(r.Body)
	key := r.PathValue("key")
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.URL.Query().Get("comp") {
	case "block":
		key += " " + r.URL.Query().Get("blockid")
	case "blocklist":
		var list struct {
			Latest []string
		}
		_ = xml.Unmarshal(content, &list)
		content = nil
		for _, block := range list.Latest {
			content = append(content, s.blobs[key+" "+block]...)
		}
	}
	s.blobs[key] = content
	w.Header().Set("X-Ms-Request-Id", "1")
	w.WriteHeader(http.StatusCreated)
}

// The service is no real one, but its words are; the host tells of it, and platforms keep apart in it.
func TestCacheServiceOfTheHost(t *testing.T) {
	t.Parallel()
	service := newCacheService(t)
	dir := folder(t, map[string]string{"Dockerfile": cachedBuild})
	platforms := []string{"linux/amd64", "linux/arm64"}
	env := []string{"ACTIONS_RUNTIME_TOKEN=" + service.token, "ACTIONS_RESULTS_URL=" + service.URL + "/"}
	var results []result
	for range 2 {
		i := builds(dir, platforms, "--cache-to", "type=gha,mode=max", "--cache-from", "type=gha")
		i.env = env
		r := i.run(t)
		r.wantCode(t, 0)
		if strings.Contains(r.stderr, service.token) || len(r.report.Notes) > 1 {
			t.Errorf("the token was printed, or there are notes: %q", r.report.Notes)
		}
		results = append(results, r)
	}
	first, _ := results[0].executed()
	if second, cached := results[1].executed(); first != 5 || second != 0 || cached == 0 {
		t.Errorf("the first run executed %d steps, want 5; the second %d, and took %d from the cache", first, second, cached)
	}
	for _, platform := range []string{"linux-amd64", "linux-arm64"} {
		if !strings.Contains(strings.Join(service.entries, "\n"), "-"+platform+"-") {
			t.Errorf("no entry is for %s alone: %q", platform, service.entries)
		}
	}
}
