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
	"sync/atomic"
	"testing"
	"time"
)

// slowRegistry stands before the lab's registry. It takes large uploads at a crawl, or of a repository's tags only the first, so that a
// run can be interrupted in the middle of them.
type slowRegistry struct {
	host  string
	slow  string // "upload" or "tag"; empty: neither
	begun func() // is called once, when one has begun that will not end
	stop  chan struct{}
	proxy *httputil.ReverseProxy
	tags  atomic.Int32
}

func newSlowRegistry(t *testing.T, slow string, begun func()) *slowRegistry {
	t.Helper()
	s := &slowRegistry{slow: slow, begun: sync.OnceFunc(begun), stop: make(chan struct{})}
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
	if s.slow == "tag" && put && strings.Contains(path, "/manifests/") && !strings.Contains(path, "/sha256:") && s.tags.Add(1) > 1 {
		s.begun()
		select {
		case <-request.Context().Done():
		case <-s.stop:
		}
		return
	}
	upload := request.Method == http.MethodPatch || put && strings.Contains(path, "/uploads/")
	if s.slow == "upload" && upload && (request.ContentLength > 1_000_000 || request.ContentLength < 0) {
		request.Body = &crawl{ReadCloser: request.Body, begin: s.begun, done: s.stop}
	}
	s.proxy.ServeHTTP(writer, request)
}

// crawl lets a body through at 10 kB a second once 100 kB have passed.
type crawl struct {
	io.ReadCloser
	passed int
	begin  func()
	done   <-chan struct{}
}

func (c *crawl) Read(p []byte) (int, error) {
	if c.passed > 100_000 {
		c.begin()
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
