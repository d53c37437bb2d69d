package slow

import (
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// pipes is a listener without a network, so that a test's clock stands still while nobody waits for it.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	p.conns <- server
	return client, nil
}

// behind runs use with a client of a handler behind a link, in a bubble whose time passes only by waiting, and gives that time.
func behind(t *testing.T, link Link, handler http.HandlerFunc, use func(client *http.Client)) (took time.Duration) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		listener := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
		server := link.server(handler)
		var serving sync.WaitGroup
		serving.Go(func() { _ = server.Serve(link.limit(listener)) })
		transport := &http.Transport{DialContext: listener.dial}
		start := time.Now()
		use(&http.Client{Transport: transport})
		took = time.Since(start)
		transport.CloseIdleConnections()
		_ = server.Close()
		serving.Wait()
	})
	return took
}

func send(t *testing.T, client *http.Client, body []byte) {
	t.Helper()
	answer, err := client.Post("http://registry/", "", bytes.NewReader(body))
	if err != nil {
		t.Error(err)
		return
	}
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Error(err)
	}
	_ = answer.Body.Close()
}

const megabyte = 1e6

func echo(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.WriteHeader(http.StatusOK)
}

func give(size int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, size)) }
}

// The clock is the test's own, so what a link adds is exact, but for the headers and the first burst.
func TestALinkAddsItsDelayAndItsRate(t *testing.T) {
	t.Parallel()
	wide := 1 << 40
	tests := []struct {
		name    string
		link    Link
		handler http.HandlerFunc
		use     func(t *testing.T, client *http.Client)
		want    time.Duration
	}{
		{
			"nothing without a link",
			Link{BytesPerSecond: wide},
			echo,
			func(t *testing.T, client *http.Client) { send(t, client, make([]byte, megabyte)) }, 0,
		},
		{
			"its delay to each of three requests",
			Link{Delay: 20 * time.Millisecond, BytesPerSecond: wide},
			echo,
			func(t *testing.T, client *http.Client) {
				for range 3 {
					send(t, client, nil)
				}
			}, 60 * time.Millisecond,
		},
		{
			"a second to as much as it sends in one",
			Link{BytesPerSecond: 5 * megabyte},
			echo,
			func(t *testing.T, client *http.Client) { send(t, client, make([]byte, 5*megabyte)) }, time.Second,
		},
		{
			"a second to as much as it fetches in one",
			Link{BytesPerSecond: 5 * megabyte},
			give(5 * megabyte),
			func(t *testing.T, client *http.Client) { send(t, client, nil) }, time.Second,
		},
		{
			"two seconds to four who share it",
			Link{BytesPerSecond: 5 * megabyte},
			give(2.5 * megabyte),
			func(t *testing.T, client *http.Client) {
				var all sync.WaitGroup
				for range 4 {
					all.Go(func() { send(t, client, nil) })
				}
				all.Wait()
			}, 2 * time.Second,
		},
		{
			"a second to both ways at once",
			Link{BytesPerSecond: 5 * megabyte},
			nil,
			func(t *testing.T, client *http.Client) {
				var all sync.WaitGroup
				all.Go(func() { send(t, client, make([]byte, 5*megabyte)) })
				all.Go(func() { send(t, client, nil) })
				all.Wait()
			}, time.Second,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			handler := tt.handler
			if handler == nil {
				handler = func(w http.ResponseWriter, r *http.Request) {
					if n, _ := io.Copy(io.Discard, r.Body); n == 0 {
						give(5*megabyte)(w, r)
					}
				}
			}
			took := behind(t, tt.link, handler, func(client *http.Client) { tt.use(t, client) })
			if slack := 20 * time.Millisecond; (took - tt.want).Abs() > slack {
				t.Errorf("it took %v, want %v", took, tt.want)
			}
		})
	}
}

// A registry tells where to send a blob, by the name under which it was asked, and that place must be behind the link as well.
func TestARegistryWorksBehindTheLink(t *testing.T) {
	t.Parallel()
	memory := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	var asked sync.Map
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Host, true)
		memory.ServeHTTP(w, r)
	}))
	t.Cleanup(store.Close)
	proxy, err := Start(t.Context(), strings.TrimPrefix(store.URL, "http://"), Link{Delay: time.Millisecond, BytesPerSecond: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(proxy.Address() + "/some/image:1")
	if err != nil {
		t.Fatal(err)
	}
	image, err := random.Image(100<<10, 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, image, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	want, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	got, err := remote.Head(ref, remote.WithContext(t.Context()))
	if err != nil || got.Digest != want {
		t.Errorf("the registry has %v (%v), want %v", got, err, want)
	}
	asked.Range(func(host, _ any) bool {
		if host != proxy.Address() {
			t.Errorf("the registry was asked as %v, want %s", host, proxy.Address())
		}
		return true
	})
	if err := proxy.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := remote.Head(ref, remote.WithContext(t.Context())); err == nil {
		t.Error("the proxy answers after it was closed")
	}
}
