package registry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// passing are the answers after which it is worth to ask again: among them 499 and 522, which proxies give when a registry was slow.
var passing = []int{
	http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, 499,
	http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, 522,
}

// youngTries is how often something is looked for that was written a moment ago: for half a minute or more.
const youngTries = 12

// trouble is why a request has to be made again.
type trouble struct {
	err   error
	after time.Duration // as long as the registry wants; zero: it did not say
	young bool          // what was written is not there yet
	pause time.Duration // that concerns this request only
}

// judge looks at what came of a request. nil is good, or bad for good.
func (t *Transport) judge(request *http.Request, response *http.Response, err error, h *host) *trouble {
	switch {
	case request.Context().Err() != nil:
		return nil
	case err != nil:
		if mayPass(err) || errors.Is(err, syscall.ECONNREFUSED) && h.hasAnswered() { // it is started anew
			return &trouble{err: err}
		}
		return nil
	case response.StatusCode == http.StatusNotFound && reads(request) && has(request.Context(), justWritten):
		return &trouble{young: true}
	case response.StatusCode == http.StatusTooManyRequests && has(request.Context(), refuseLimits):
		return nil
	case slices.Contains(passing, response.StatusCode), response.StatusCode == http.StatusForbidden && limited(response):
		h.heard()
		return &trouble{after: retryAfter(response.Header, t.clock.Now()), err: answer(response)}
	}
	return nil
}

func (h *host) heard() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answered = true
}

// reads reports whether a request changes nothing.
func reads(request *http.Request) bool {
	return request.Method == http.MethodGet || request.Method == http.MethodHead
}

// mayPass knows the failures of a connection that are often gone at the next try.
func mayPass(err error) bool {
	for _, known := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE, net.ErrClosed} {
		if errors.Is(err, known) {
			return true
		}
	}
	var stall *StallError
	var dns *net.DNSError
	var network net.Error
	switch {
	case errors.As(err, &stall):
		return true
	case errors.As(err, &dns):
		return dns.IsTemporary || dns.IsTimeout
	case errors.As(err, &network) && network.Timeout():
		return true
	}
	// net/http keeps the types of HTTP/2 to itself.
	return strings.Contains(err.Error(), "http2: server sent GOAWAY") || strings.Contains(err.Error(), "stream error: stream ID")
}

// limited reports whether a refusal is about too many requests, as GitHub's registry says with status 403. The body can still be read.
func limited(response *http.Response) bool {
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxWords))
	_ = response.Body.Close() // it was read as far as it is of interest
	response.Body = io.NopCloser(bytes.NewReader(raw))
	text := strings.ToLower(string(raw))
	return err == nil && (strings.Contains(text, "rate limit") || strings.Contains(text, "ratelimit") || strings.Contains(text, "toomanyrequests"))
}

// maxWords is how much of a refusal is read.
const maxWords = 64 << 10

// answer makes an error of a refusal, in the registry's own words.
func answer(response *http.Response) error {
	err := transport.CheckError(response) // no status is good
	_ = response.Body.Close()             // it was read
	return err
}

// retryAfter is how long a registry wants to be left alone: in seconds, or until a date (RFC 9110, 10.2.3).
func retryAfter(header http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(text); err == nil {
		return max(0, date.Sub(now))
	}
	return 0
}

// repeatable reports whether a request can be made again by itself. The parts of an upload cannot: the registry may have kept what came
// before, and counts on what comes next.
func repeatable(request *http.Request) bool {
	switch request.Method {
	case http.MethodPatch:
		return false
	case http.MethodPut:
		if !strings.Contains(request.URL.Path, "/manifests/") {
			return false
		}
	}
	return request.Body == nil || request.Body == http.NoBody || request.GetBody != nil
}

type contextKey int

const (
	justWritten contextKey = iota
	refuseLimits
)

func has(ctx context.Context, key contextKey) bool { return ctx.Value(key) != nil }

// JustWritten lets requests with this context look for a while for what is not there: registries answer "not found" for seconds after
// they have taken something. It is only for what this run has written.
func JustWritten(ctx context.Context) context.Context {
	return context.WithValue(ctx, justWritten, true)
}

// RefuseLimits lets requests with this context return at once when the registry says that there are too many, because something else
// can be tried.
func RefuseLimits(ctx context.Context) context.Context {
	return context.WithValue(ctx, refuseLimits, true)
}
