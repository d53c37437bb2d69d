//go:build e2e

package e2e

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// slowRegistry stands before the lab's registry. It takes large uploads at a crawl, and of a repository's tags only the first, so that a
// run can be interrupted in the middle of either.
type slowRegistry struct {
	host  string
	tell  func(what string) // is told once each: "upload" or "tag" begins, and will not end
	stop  chan struct{}
	proxy *httputil.ReverseProxy

	mu   sync.Mutex
	told map[string]bool
	tags int
}

func newSlowRegistry(t *testing.T, tell func(what string)) *slowRegistry {
	t.Helper()
	s := &slowRegistry{tell: tell, stop: make(chan struct{}), told: map[string]bool{}}
	target := &url.URL{Scheme: "http", Host: w.lab["LAB_REGISTRY"]}
	s.proxy = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // the registry answers with addresses of its own, which must be ours
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) {}, // who asked has gone
	}
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		close(s.stop) // else what crawls would be waited for
		server.Close()
	})
	s.host = strings.TrimPrefix(server.URL, "http://")
	return s
}

// ServeHTTP passes requests on, slowly.
func (s *slowRegistry) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	put, path := request.Method == http.MethodPut, request.URL.Path
	if put && strings.Contains(path, "/manifests/") && !strings.Contains(path, "/sha256:") && !s.firstTag() {
		s.begin("tag")
		select {
		case <-request.Context().Done():
		case <-s.stop:
		}
		return
	}
	upload := request.Method == http.MethodPatch || put && strings.Contains(path, "/uploads/")
	if upload && (request.ContentLength > 1_000_000 || request.ContentLength < 0) {
		request.Body = &crawl{ReadCloser: request.Body, begin: func() { s.begin("upload") }, done: s.stop}
	}
	s.proxy.ServeHTTP(writer, request)
}

func (s *slowRegistry) firstTag() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tags++
	return s.tags == 1
}

func (s *slowRegistry) begin(what string) {
	s.mu.Lock()
	first := !s.told[what]
	s.told[what] = true
	s.mu.Unlock()
	if first {
		s.tell(what)
	}
}

// crawl lets a body through at 10 kB a second once 100 kB have passed.
type crawl struct {
	io.ReadCloser
	passed int
	once   sync.Once
	begin  func()
	done   <-chan struct{}
}

func (c *crawl) Read(p []byte) (int, error) {
	if c.passed > 100_000 {
		c.once.Do(c.begin)
		select {
		case <-time.After(100 * time.Millisecond):
		case <-c.done:
			return 0, io.ErrUnexpectedEOF
		}
		p = p[:min(len(p), 1000)]
	}
	n, err := c.ReadCloser.Read(p)
	c.passed += n
	return n, err
}
