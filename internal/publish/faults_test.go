package publish_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
)

// stage is a part of publishing, and the request of it that goes wrong.
type stage struct {
	name   string
	method string
	path   func(w work) string // a part of the path
}

var stages = []stage{
	{"blob", http.MethodPatch, func(work) string { return "/blobs/uploads/" }},
	{"manifest", http.MethodPut, func(w work) string { return "/manifests/" + w.manifest }},
	{"index", http.MethodPut, func(w work) string { return "/manifests/" + w.index }},
	{"tag", http.MethodPut, func(work) string { return "/manifests/1" }},
}

// work is what is published: the digests of its parts.
type work struct{ layer, manifest, index string }

// fault is one way in which a registry has a bad day.
type fault struct {
	name  string
	times int // how many requests it meets
	// meet answers a request badly. It returns false to let the registry answer.
	meet func(p *faultProxy, w http.ResponseWriter, r *http.Request) bool
	// after is given the registry's answers to requests for the same path, once the fault could have been met; nil: nothing.
	after func(p *faultProxy, response *http.Response)
	size  int64 // of the layer, in bytes; zero: a small one
}

const forever = 1 << 20

var faults = []fault{
	{name: "429 with seconds", times: 2, meet: status(429, "TOOMANYREQUESTS", "slow down", "Retry-After", "7")},
	{name: "429 with a date", times: 2, meet: status(429, "TOOMANYREQUESTS", "slow down", "Retry-After", "Thu, 01 Jan 2026 00:00:20 GMT")},
	{name: "429 alone", times: 2, meet: status(429, "TOOMANYREQUESTS", "slow down")},
	{name: "403 about a rate limit", times: 2, meet: status(403, "DENIED", "You have exceeded a secondary rate limit")},
	{name: "500", times: 2, meet: status(500, "UNKNOWN", "unknown error")},
	{name: "502", times: 2, meet: status(502, "", "")},
	{name: "503", times: 2, meet: status(503, "UNAVAILABLE", "service unavailable")},
	{name: "upload cut at 5 MB", times: 2, meet: cut, size: 6 << 20},
	{name: "connection reset", times: 2, meet: reset},
	{name: "stall", times: 2, meet: stall},
	{name: "401 in the middle", times: 1, meet: rotate},
	{name: "unknown blob", times: 1, meet: loseBlob},
	{name: "unknown right after a push", times: 1, after: forget},
	{name: "no digest in the header", times: forever, after: dropDigest},
	{name: "429 for ever", times: forever, meet: status(429, "TOOMANYREQUESTS", "slow down", "Retry-After", "90")},
	{name: "503 for ever", times: forever, meet: status(503, "UNAVAILABLE", "service unavailable")},
	{name: "reset for ever", times: forever, meet: reset},
	{name: "403 for ever", times: forever, meet: status(403, "DENIED", "requested access to the resource is denied")},
	{name: "413 for ever", times: forever, meet: status(413, "", "")},
}

// status answers in a registry's own way; without a code as a proxy does.
func status(code int, word, message string, header ...string) func(*faultProxy, http.ResponseWriter, *http.Request) bool {
	return func(_ *faultProxy, w http.ResponseWriter, r *http.Request) bool {
		_, _ = io.Copy(io.Discard, r.Body) // it is refused anyway
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
		if word != "" {
			_, _ = fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q}]}`, word, message) // the client's test sees what arrives
		}
		return true
	}
}

// cut ends the connection after five megabytes of the request, or after all of it.
func cut(_ *faultProxy, _ http.ResponseWriter, r *http.Request) bool {
	_, _ = io.CopyN(io.Discard, r.Body, 5<<20) // smaller bodies end before
	panic(http.ErrAbortHandler)
}

// reset ends the connection at once, in the hard way.
func reset(_ *faultProxy, w http.ResponseWriter, _ *http.Request) bool {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = connection.(*net.TCPConn).SetLinger(0) // sends a reset instead of an end
		_ = connection.Close()
	}
	return true
}

// stall never answers.
func stall(p *faultProxy, _ http.ResponseWriter, r *http.Request) bool {
	_, _ = io.Copy(io.Discard, r.Body) // the connection's end is seen only behind the body
	select {
	case <-r.Context().Done():
	case <-p.closed:
	}
	return true
}

// rotate lets the password that was good be too old.
func rotate(p *faultProxy, w http.ResponseWriter, r *http.Request) bool {
	p.password = "second"
	return p.refuseStrangers(w, r)
}

// loseBlob says that a blob is not there which was pushed before, until it is pushed again. An upload is not known itself.
func loseBlob(p *faultProxy, w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodPatch {
		return status(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")(p, w, r)
	}
	p.lost = p.work.layer
	return status(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry")(p, w, r)
}

// forget lets the registry not know for two requests what it has just taken.
func forget(p *faultProxy, response *http.Response) {
	if response.StatusCode == http.StatusCreated && p.forgotten == 0 {
		p.forgotten = 3
	}
}

func dropDigest(_ *faultProxy, response *http.Response) {
	response.Header.Del("Docker-Content-Digest")
}

// faultProxy stands in front of a registry, asks for a password, and lets one fault happen in one stage.
type faultProxy struct {
	*httptest.Server
	host     string
	fault    fault
	stage    stage
	work     work
	closed   chan struct{}
	password string

	mu        sync.Mutex
	met       int    // requests that the fault has met
	requests  int    // that it could have met
	lost      string // digest of a blob
	reloaded  bool   // it was pushed again
	forgotten int    // what was pushed is unknown until this is one; zero: it did not happen yet
}

func startFaultProxy(t *testing.T, backend string, s stage, f fault, w work) *faultProxy {
	t.Helper()
	p := &faultProxy{fault: f, stage: s, work: w, closed: make(chan struct{}), password: "first"}
	forward := &httputil.ReverseProxy{
		Transport: &http.Transport{MaxIdleConnsPerHost: 8},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: backend})
			r.Out.Host = r.In.Host // so that the registry leads back here
			r.Out.Header.Del("Authorization")
		},
		ModifyResponse: p.answered,
		ErrorLog:       log.New(io.Discard, "", 0), // of clients that go away
	}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !p.asked(w, r) {
			forward.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() { close(p.closed); p.Close() })
	p.host = strings.TrimPrefix(p.URL, "http://")
	return p
}

func (p *faultProxy) refuseStrangers(w http.ResponseWriter, r *http.Request) bool {
	if _, password, _ := r.BasicAuth(); password == p.password {
		return false
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
	return status(401, "UNAUTHORIZED", "authentication required")(p, w, r)
}

// asked answers requests that the registry does not get to see.
func (p *faultProxy) asked(w http.ResponseWriter, r *http.Request) bool {
	p.mu.Lock()
	if p.refuseStrangers(w, r) {
		p.mu.Unlock()
		return true
	}
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case p.lost != "" && reads && strings.HasSuffix(r.URL.Path, "/blobs/"+p.lost):
		p.mu.Unlock()
		return status(404, "BLOB_UNKNOWN", "blob unknown to registry")(p, w, r)
	case p.forgotten > 1 && reads && p.stage.name != "blob" && strings.Contains(r.URL.Path, p.stage.path(p.work)):
		p.forgotten--
		p.mu.Unlock()
		return status(404, "MANIFEST_UNKNOWN", "manifest unknown")(p, w, r)
	case r.Method == http.MethodPut && r.URL.Query().Get("digest") == p.lost && p.lost != "":
		p.lost, p.reloaded = "", true
	}
	if r.Method != p.stage.method || !strings.Contains(r.URL.Path, p.stage.path(p.work)) {
		p.mu.Unlock()
		return false
	}
	p.requests++
	if p.met == p.fault.times || p.fault.meet == nil {
		p.mu.Unlock()
		return false
	}
	p.met++
	if p.fault.name == "401 in the middle" || p.fault.name == "unknown blob" { // they change the proxy
		defer p.mu.Unlock()
		return p.fault.meet(p, w, r)
	}
	p.mu.Unlock()
	return p.fault.meet(p, w, r)
}

// answered changes what the registry says.
func (p *faultProxy) answered(response *http.Response) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fault.after != nil && strings.Contains(response.Request.URL.Path, p.stage.path(p.work)) {
		p.met++
		p.fault.after(p, response)
	}
	return nil
}

// Resolve gives the password that is good at the moment, as a credential helper does.
func (p *faultProxy) Resolve(authn.Resource) (authn.Authenticator, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return &authn.Basic{Username: "me", Password: p.password}, nil
}

// ticking is a clock that goes on only by waiting, at once.
type ticking struct {
	mu  sync.Mutex
	now time.Time
}

func newTicking() *ticking { return &ticking{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)} }

func (c *ticking) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *ticking) Wait(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(max(0, d))
	return context.Cause(ctx)
}
