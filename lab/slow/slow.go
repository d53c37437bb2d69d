// Package slow makes a registry on this machine as slow as one far away, because that is what a CI machine sees: a reverse proxy that
// holds every request back and limits what flows.
package slow

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"golang.org/x/time/rate"
)

// Link is the way to a registry.
type Link struct {
	Delay          time.Duration // added to every request; a connection that is opened costs nothing more
	BytesPerSecond int           // in each direction, shared by all connections
}

// Proxy is a registry behind a link.
type Proxy struct {
	server   *http.Server
	listener net.Listener
}

// Start serves the registry at host:port, which speaks plain HTTP, on a free port of the loopback interface, until Close.
func Start(ctx context.Context, registry string, link Link) (*Proxy, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("slow registry: taking a port: %w", err)
	}
	p := &Proxy{listener: listener, server: link.server(forward(registry))}
	go func() { _ = p.server.Serve(link.limit(listener)) }() // ends by Close
	return p, nil
}

// Address is the proxy as an image reference begins.
func (p *Proxy) Address() string {
	_, port, _ := net.SplitHostPort(p.listener.Addr().String()) // a listener's address has a port
	return "localhost:" + port
}

// Close ends the proxy and its connections.
func (p *Proxy) Close() error { return p.server.Close() }

// forward passes requests on. The registry is told the name under which it was asked, so that the addresses in its answers lead
// through the proxy, too.
func forward(registry string) http.Handler {
	target := &url.URL{Scheme: "http", Host: registry}
	return &httputil.ReverseProxy{
		Transport: &http.Transport{MaxIdleConnsPerHost: 64},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
		},
	}
}

// server answers every request after the delay.
func (l Link) server(next http.Handler) *http.Server {
	return &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(l.Delay):
				next.ServeHTTP(w, r)
			case <-r.Context().Done():
			}
		}),
	}
}

// burst is how much may flow at once: small beside what flows in a second, large beside a packet.
const burst = 64 << 10

// limit makes a listener whose connections share the link, which carries as much one way as the other.
func (l Link) limit(listener net.Listener) net.Listener {
	limiter := func() *rate.Limiter { return rate.NewLimiter(rate.Limit(l.BytesPerSecond), burst) }
	return &limitedListener{Listener: listener, in: limiter(), out: limiter()}
}

type limitedListener struct {
	net.Listener
	in, out *rate.Limiter
}

// Accept gives a connection that waits for its share.
func (l *limitedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &limitedConn{Conn: conn, in: l.in, out: l.out}, nil
}

type limitedConn struct {
	net.Conn
	in, out *rate.Limiter
}

// Read waits until what it has read may have arrived.
func (c *limitedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p[:min(len(p), burst)])
	return n, cmp.Or(err, c.in.WaitN(context.Background(), n))
}

// Write waits before each part until it may leave.
func (c *limitedConn) Write(p []byte) (int, error) {
	written := 0
	for written < len(p) {
		part := p[written:min(written+burst, len(p))]
		if err := c.out.WaitN(context.Background(), len(part)); err != nil {
			return written, err
		}
		n, err := c.Conn.Write(part)
		written += n
		if err != nil {
			return written, err
		}
	}
	return written, nil
}
