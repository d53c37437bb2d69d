package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// StallError says that nothing came from a registry any more, nor went there.
type StallError struct{ After time.Duration }

// Error says for how long nothing came.
func (e *StallError) Error() string { return fmt.Sprintf("nothing came for %s", e.After) }

// Hint says what to do about it.
func (e *StallError) Hint() string {
	return "try again; if it stops again, look at the registry, and at proxies on the way to it"
}

// maxDocument is how long an answer may be that is read before it is passed on, so that it can be asked for again if it breaks off.
const maxDocument = 4 << 20

// try makes a request once.
func (t *Transport) try(request *http.Request, number int) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(request.Context())
	watch := &watch{after: t.stallOf(request), cancel: cancel}
	r := request.WithContext(ctx)
	if number > 1 && request.GetBody != nil {
		body, err := request.GetBody()
		if err != nil {
			cancel(nil)
			return nil, err
		}
		r.Body = body
	}
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &watchedBody{ReadCloser: r.Body, watch: watch}
	}
	watch.touch()
	begun := t.clock.Now()
	response, err := t.base.RoundTrip(r)
	watch.stop()
	t.tell(request, response, err, begun)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		cancel(nil)
		return nil, err
	}
	completeDigest(request, response)
	body := &answerBody{body: response.Body, ctx: ctx, cancel: cancel, watch: watch}
	response.Body = body
	switch {
	case request.Method != http.MethodGet || response.StatusCode != http.StatusOK:
	case isBlob(request):
		if !response.Uncompressed {
			body.transport, body.request = t, request
		}
	default:
		return document(response)
	}
	return response, nil
}

// tell traces a request. A query is left out: that of a storage service may be signed, which is as good as a password.
func (t *Transport) tell(request *http.Request, response *http.Response, err error, begun time.Time) {
	if t.trace == nil {
		return
	}
	end := ""
	if err != nil {
		end = inShort(err)
	} else {
		end = response.Status
	}
	t.trace(fmt.Sprintf("%s %s%s: %s (%d ms)", request.Method, request.URL.Host, request.URL.Path, end, t.clock.Now().Sub(begun).Milliseconds()))
}

// completeDigest adds the digest of a manifest that was asked for by its digest: some registries leave it out, and go-containerregistry
// does without the manifest then.
func completeDigest(request *http.Request, response *http.Response) {
	const header = "Docker-Content-Digest"
	_, identifier, _ := strings.Cut(request.URL.Path, "/manifests/")
	if response.StatusCode == http.StatusOK && reads(request) && strings.Contains(identifier, ":") && response.Header.Get(header) == "" {
		response.Header.Set(header, identifier)
	}
}

// stallOf is how long nothing may happen. At the end of an upload the registry works, and says nothing.
func (t *Transport) stallOf(request *http.Request) time.Duration {
	if request.Method == http.MethodPut && !strings.Contains(request.URL.Path, "/manifests/") {
		return commitStalls * t.stall
	}
	return t.stall
}

// isBlob reports whether an answer may be large. Registries send those who ask for a blob elsewhere.
func isBlob(request *http.Request) bool {
	return strings.Contains(request.URL.Path, "/blobs/") || request.Response != nil
}

// document reads an answer, so that it is whole or an error.
func document(response *http.Response) (*http.Response, error) {
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxDocument))
	if err != nil {
		_ = response.Body.Close() // the error says more
		return nil, err
	}
	if len(raw) == maxDocument { // no manifest; whoever asked has a limit
		response.Body = &joined{Reader: io.MultiReader(bytes.NewReader(raw), response.Body), Closer: response.Body}
		return response, nil
	}
	_ = response.Body.Close() // all of it was read
	response.Body = io.NopCloser(bytes.NewReader(raw))
	return response, nil
}

type joined struct {
	io.Reader
	io.Closer
}

// watch ends a request in which nothing happens.
type watch struct {
	after  time.Duration
	cancel context.CancelCauseFunc

	mu    sync.Mutex
	timer *time.Timer
}

// touch notes that something happens.
func (w *watch) touch() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer == nil {
		w.timer = time.AfterFunc(w.after, func() { w.cancel(&StallError{w.after}) })
		return
	}
	w.timer.Reset(w.after)
}

// stop stops watching until the next touch.
func (w *watch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer.Stop()
}

// watchedBody notes what is sent.
type watchedBody struct {
	io.ReadCloser
	watch *watch
}

// Read gives the next part, because the one before has left.
func (b *watchedBody) Read(buffer []byte) (int, error) {
	b.watch.touch()
	return b.ReadCloser.Read(buffer)
}

// answerBody is an answer that ends with an error if nothing of it comes for too long. Time in which nobody reads does not count. A blob
// that breaks off is asked for from there on.
type answerBody struct {
	body   io.ReadCloser
	ctx    context.Context // of the request
	cancel context.CancelCauseFunc
	watch  *watch

	transport *Transport // nil: it cannot be continued
	request   *http.Request
	got       int64
	breaks    int
}

// Read waits for bytes, but not for ever.
func (b *answerBody) Read(buffer []byte) (int, error) {
	for {
		n, err := b.read(buffer)
		b.got += int64(n)
		if n > 0 || err == nil || errors.Is(err, io.EOF) {
			if n > 0 && !errors.Is(err, io.EOF) {
				err = nil // it comes again
			}
			return n, err
		}
		if !b.proceed(err) {
			return 0, err
		}
	}
}

func (b *answerBody) read(buffer []byte) (int, error) {
	b.watch.touch()
	n, err := b.body.Read(buffer)
	b.watch.stop()
	if err != nil && b.ctx.Err() != nil {
		err = context.Cause(b.ctx)
	}
	return n, err
}

// proceed asks for the rest of a blob that broke off.
func (b *answerBody) proceed(cause error) bool {
	if b.transport == nil || b.request.Context().Err() != nil || !mayPass(cause) {
		return false
	}
	h := b.transport.host(b.request)
	b.breaks++
	if !b.transport.plan(h, h.now(), &trouble{err: cause}, b.breaks) {
		return false
	}
	request := b.request.Clone(b.request.Context())
	request.Header.Set("Range", "bytes="+strconv.FormatInt(b.got, 10)+"-")
	response, err := b.transport.RoundTrip(request)
	if err != nil {
		return false // the first error says more
	}
	rest := response.Body
	switch response.StatusCode {
	case http.StatusPartialContent:
	case http.StatusOK: // it gives the whole only
		if _, err := io.CopyN(io.Discard, rest, b.got); err == nil {
			break
		}
		fallthrough
	default:
		_ = rest.Close() // it is of no use
		return false
	}
	_ = b.body.Close() // it has broken off
	b.cancel(nil)
	inner := rest.(*answerBody) // the transport has made it
	inner.transport = nil       // one is enough to continue
	b.body, b.ctx, b.cancel, b.watch = inner.body, inner.ctx, inner.cancel, inner.watch
	return true
}

// Close ends the request.
func (b *answerBody) Close() error {
	err := b.body.Close()
	b.cancel(nil)
	return err
}
