//go:build e2e

package e2e

import (
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// storage is an Azure storage account, as far as BuildKit uses one: containers, and blobs that are put, looked at and got. How blobs are
// put and got is that of GitHub's service for caches.
type storage struct {
	*cacheService
	mu    sync.Mutex
	names map[string]bool // of containers and complete blobs
}

func newStorage(t *testing.T) *storage {
	t.Helper()
	s := &storage{cacheService: newCacheService(t), names: map[string]bool{}}
	inner := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Header.Get("Authorization"), "SharedKey account:") {
			http.Error(w, "who are you?", http.StatusForbidden)
			return
		}
		name := strings.Trim(r.URL.Path, "/")
		s.mu.Lock()
		known := s.names[name]
		if r.Method == http.MethodPut && r.URL.Query().Get("comp") != "block" {
			s.names[name] = true
		}
		s.mu.Unlock()
		switch container := r.URL.Query().Get("restype") == "container"; {
		case r.Method != http.MethodPut && !known:
			code := "BlobNotFound"
			if container {
				code = "ContainerNotFound"
			}
			w.Header().Set("X-Ms-Error-Code", code)
			w.WriteHeader(http.StatusNotFound)
		case container && r.Method == http.MethodPut:
			w.WriteHeader(http.StatusCreated)
		case container:
			w.WriteHeader(http.StatusOK)
		default:
			if r.Method == http.MethodHead {
				w.Header().Set("X-Ms-Blob-Type", "BlockBlob")
			}
			r.URL.Path, r.URL.RawPath = "/blob/"+strings.ReplaceAll(name, "/", "_"), ""
			inner.ServeHTTP(w, r)
		}
	})
	return s
}

// The services are no real ones, but BuildKit speaks to them as to real ones: what a fresh builder reads there leaves nothing to be
// executed, and platforms have objects of their own.
func TestCachesInObjectStorage(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"Dockerfile": cachedBuild})
	buckets := s3mem.New()
	if err := buckets.CreateBucket("builds"); err != nil {
		t.Fatal(err)
	}
	objects := httptest.NewServer(gofakes3.New(buckets).Server())
	t.Cleanup(objects.Close)
	account := newStorage(t)
	for _, test := range []struct {
		name, cache string
		env         []string
		manifests   func() []string
	}{
		{
			"s3", "type=s3,region=eu-1,bucket=builds,endpoint_url=" + objects.URL + ",use_path_style=true",
			[]string{"AWS_ACCESS_KEY_ID=who", "AWS_SECRET_ACCESS_KEY=s3cretkey"},
			func() []string {
				prefix := gofakes3.NewPrefix(nil, nil)
				list, err := buckets.ListBucket("builds", &prefix, gofakes3.ListBucketPage{})
				if err != nil {
					t.Error(err)
					return nil
				}
				var names []string
				for _, object := range list.Contents {
					names = append(names, object.Key)
				}
				return names
			},
		},
		{
			"azblob", "type=azblob,container=builds,account_name=account,account_url=" + account.URL + ",secret_access_key=czNjcmV0a2V5", nil, func() []string {
				var names []string
				for name := range account.names {
					names = append(names, name)
				}
				return names
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for again := range 2 {
				i := builds(dir, pair, "--cache-to", test.cache+",mode=max", "--cache-from", test.cache)
				i.env = test.env
				r := i.run(t)
				r.wantCode(t, 0)
				if executed, cached := r.executed(); executed != 5*(1-again) || again == 1 && cached == 0 {
					t.Errorf("build %d executed %d steps and took %d from the cache", again+1, executed, cached)
				}
				if len(r.report.Notes) > 1 || strings.Contains(r.stderr, "s3cretkey") || strings.Contains(r.stderr, "czNjcmV0a2V5") {
					t.Errorf("a secret was printed, or there are notes: %q", r.report.Notes)
				}
			}
			names := strings.Join(test.manifests(), "\n")
			for _, platform := range []string{"-linux-amd64", "-linux-arm64"} {
				if !strings.Contains(names, path.Base(dir)+platform) {
					t.Errorf("nothing is for %s alone: %s", platform, names)
				}
			}
		})
	}
}
