// Package registry is the way to registries: one transport for all that the program asks of them (New), and operations over it that
// are done again where a registry has a bad day (Client.Do). It knows no images: what is asked is up to its callers.
//
// A request that fails in a way that may pass is made again: after as long as the registry says in Retry-After, else after pauses that
// grow. All requests to one registry wait together, the waits of a run have one budget, and every wait ends with its context.
package registry

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Bounds of patience. The reasons are in docs/registries.md.
const (
	defaultBudget = 10 * time.Minute
	defaultStall  = time.Minute
	maxTries      = 10 // of one request, or of one operation
	firstTries    = 3  // as long as nothing has answered at the address at all
	firstPause    = time.Second
	maxPause      = 30 * time.Second
	maxRetryAfter = 2 * time.Minute
	commitStalls  = 5 // stalls that the end of an upload may take: the registry reads all of it again there
)

// Config is how registries are reached. The zero value is ready to use.
type Config struct {
	Authorities [][]byte          // certificate authorities in PEM that are trusted besides the system's
	Base        http.RoundTripper // makes single requests; nil: go-containerregistry's, with the authorities
	Budget      time.Duration     // of all waits together; zero: ten minutes
	Stall       time.Duration     // how long no byte may come or go; zero: a minute
	Say         func(text string) // is told of every wait; nil: nobody is. It may be called from several goroutines
	Trace       func(text string) // is told of every request and its answer; nil: nobody is
	Clock       Clock             // nil: the real one
}

// Clock is time, as waiting needs it.
type Clock interface {
	Now() time.Time
	// Wait returns after d, or with the cause of the context's end.
	Wait(ctx context.Context, d time.Duration) error
}

type realClock struct{}

func (realClock) Now() time.Time { return time.Now() }

func (realClock) Wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Transport makes requests with patience. It may be used from several goroutines, and should be the only one of a run: what it knows of
// a registry, all its users share.
type Transport struct {
	base   http.RoundTripper
	stall  time.Duration
	budget *budget
	say    func(string)
	trace  func(string)
	clock  Clock
	known  atomic.Bool // somebody has accepted our credentials, so they were right once

	mu    sync.Mutex
	hosts map[string]*host
}

// New returns a transport. An error says that the authorities cannot be used.
func New(config Config) (*Transport, error) {
	base := config.Base
	if base == nil {
		var err error
		if base, err = trusting(config.Authorities); err != nil {
			return nil, err
		}
	}
	t := &Transport{
		base: base, stall: cmp.Or(config.Stall, defaultStall), budget: &budget{left: cmp.Or(config.Budget, defaultBudget)},
		say: config.Say, trace: config.Trace, clock: config.Clock, hosts: map[string]*host{},
	}
	if t.say == nil {
		t.say = func(string) {}
	}
	if t.clock == nil {
		t.clock = realClock{}
	}
	return t, nil
}

// Over returns a transport over another one, which is returned as it is if it has patience already. nil stands for the default.
func Over(base http.RoundTripper) *Transport {
	if t, ok := base.(*Transport); ok && t != nil {
		return t
	}
	t, _ := New(Config{Base: cmp.Or(base, remote.DefaultTransport)}) // fails for bad authorities only
	return t
}

// trusting is the default transport with further certificate authorities.
func trusting(authorities [][]byte) (http.RoundTripper, error) {
	if len(authorities) == 0 {
		return remote.DefaultTransport, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("certificates of this system: reading: %w", err)
	}
	for _, pem := range authorities {
		if !pool.AppendCertsFromPEM(pem) {
			return nil, errors.New("certificate authority of a registry: reading: it holds no certificate in PEM")
		}
	}
	t := remote.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return t, nil
}

// RoundTrip makes a request, and makes it again while that may help. What cannot be made again by itself, such as a part of an upload,
// ends with an InterruptedError: then the whole operation has to be done again, which Client.Do does.
func (t *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	h := t.host(request)
	began := t.clock.Now()
	for try := 1; ; try++ {
		if err := h.wait(request.Context()); err != nil {
			if request.Body != nil {
				_ = request.Body.Close() // nobody reads it any more
			}
			return nil, err
		}
		epoch := h.now()
		response, err := t.try(request, try)
		trouble := t.judge(request, response, err, h)
		if trouble == nil {
			h.good(response)
			t.known.CompareAndSwap(false, accepted(request, response))
			return response, err
		}
		again := t.plan(h, epoch, trouble, try)
		switch {
		case trouble.young && !again:
			return response, nil // it is not there, and that is the answer
		case trouble.young:
			_ = response.Body.Close() // the next answer counts
		case !again:
			return nil, &GaveUpError{Tries: try, Waited: t.clock.Now().Sub(began), Spent: trouble.spent, Err: trouble.err}
		case !repeatable(request):
			return nil, &InterruptedError{Err: trouble.err}
		}
		if err := t.clock.Wait(request.Context(), trouble.pause); err != nil { // zero, unless only this request waits
			return nil, err
		}
	}
}

// plan decides whether there is another try, and lets the registry, or what was just written, have time for it.
func (t *Transport) plan(h *host, epoch int, trouble *trouble, try int) (again bool) {
	switch {
	case trouble.young:
		trouble.pause = growing(try, 100*time.Millisecond, 5*time.Second)
		return try <= youngTries && t.budget.take(trouble.pause)
	case try >= maxTries, try >= firstTries && !h.hasAnswered():
		return false
	}
	pause, first := h.putOff(epoch, trouble.after)
	if pause < 0 {
		trouble.spent = true
		return false
	}
	if first {
		t.say(fmt.Sprintf("registry %s: %s; trying again in %s", h.name, inShort(trouble.err), pause.Round(100*time.Millisecond)))
	}
	return true
}

// host is what is known of the registry that a request goes to.
func (t *Transport) host(request *http.Request) *host { return t.hostAt(request.URL) }

func (t *Transport) hostAt(address *url.URL) *host {
	key := address.Scheme + "://" + address.Host // http and https are tried beside each other
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.hosts[key]
	if h == nil {
		h = &host{name: address.Host, clock: t.clock, budget: t.budget}
		t.hosts[key] = h
	}
	return h
}

// accepted reports whether a request with credentials was answered well.
func accepted(request *http.Request, response *http.Response) bool {
	return request.Header.Get("Authorization") != "" && response != nil && response.StatusCode < http.StatusBadRequest
}
