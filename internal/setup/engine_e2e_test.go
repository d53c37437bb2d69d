//go:build e2e

package setup

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/client"
)

// certificates writes ca.pem, cert.pem and key.pem into a folder, as docker:dind does. One key serves both sides.
func certificates(t *testing.T, dir string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	secret := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	for name, content := range map[string][]byte{"ca.pem": certificate, "cert.pem": certificate, "key.pem": secret} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pair, err := tls.X509KeyPair(certificate, secret)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// serveEngine passes connections on to the lab's engine, over TLS with client certificates if there is a configuration.
func serveEngine(t *testing.T, address string, config *tls.Config) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: "engine"}) },
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", strings.TrimPrefix(client.DefaultDockerHost, "unix://"))
		}},
	}
	server := &http.Server{Handler: proxy, TLSConfig: config, ErrorLog: log.New(io.Discard, "", 0)}
	t.Cleanup(func() { _ = server.Close() })
	go func() {
		if config != nil {
			_ = server.ServeTLS(listener, "", "") // until it is closed
			return
		}
		_ = server.Serve(listener)
	}()
}

// freeAddress is one on which nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

func TestEngineOverTLSIsWaitedFor(t *testing.T) {
	dir := t.TempDir()
	address := freeAddress(t)
	env := map[string]string{"DOCKER_HOST": "tcp://" + address, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": dir}
	var said []string
	engine, err := Connect(t.Context(), func(name string) string { return env[name] }, func(text string) {
		said = append(said, text)
		pair := certificates(t, dir)
		pool := x509.NewCertPool()
		pool.AddCert(pair.Leaf)
		serveEngine(t, address, &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12})
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "docker engine at tcp://" + address + " does not answer yet (dial tcp " + address + ": connect: connection refused); waiting for up to 30s"
	if len(said) != 1 || said[0] != want {
		t.Errorf("said %q, want %q", said, want)
	}
	if _, err := engine.api.Info(t.Context(), client.InfoOptions{}); err != nil {
		t.Error(err)
	}
	if err := engine.Close(); err != nil {
		t.Error(err)
	}

	// The same engine, asked wrongly.
	for name, test := range map[string]struct {
		env  map[string]string
		hint string
	}{
		"without TLS":               {map[string]string{"DOCKER_HOST": "tcp://" + address}, "the engine speaks TLS there: set DOCKER_TLS_VERIFY=1"},
		"with others' certificates": {map[string]string{"DOCKER_HOST": "tcp://" + address, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": othersCertificates(t)}, "the engine and this program must trust each other's certificates; these are used: "},
	} {
		_, err := Connect(t.Context(), func(name string) string { return test.env[name] }, func(string) {})
		var hinted interface{ Hint() string }
		if !errors.As(err, &hinted) || !strings.HasPrefix(hinted.Hint(), test.hint) {
			t.Errorf("%s: Connect() = %v, want one with the hint %q", name, err, test.hint)
		}
	}
}

func othersCertificates(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	certificates(t, dir)
	return dir
}

func TestEngineOfAContext(t *testing.T) {
	address := freeAddress(t)
	serveEngine(t, address, nil)
	env := map[string]string{"DOCKER_CONFIG": contextsIn(t, "far", "tcp://"+address)}
	engine, err := Connect(t.Context(), func(name string) string { return env[name] }, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = engine.Close() }()
	if got, want := engine.api.DaemonHost(), "tcp://"+address; got != want {
		t.Errorf("connected to %s, want %s", got, want)
	}
}

func TestWaitingForAnEngineCanBeCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Connect(ctx, func(name string) string {
		return map[string]string{"DOCKER_HOST": "tcp://" + freeAddress(t)}[name]
	}, func(string) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Connect() = %v, want it cancelled", err)
	}
}

// The program ssh is replaced by what it would start on the far side.
func TestEngineOverSSH(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ssh"), []byte("#!/bin/sh\nexec docker system dial-stdio\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	engine, err := Connect(t.Context(), func(name string) string { return map[string]string{"DOCKER_HOST": "ssh://me@far"}[name] }, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = engine.Close() }()
	if _, err := engine.api.Info(t.Context(), client.InfoOptions{}); err != nil {
		t.Error(err)
	}
	if s := engine.shareSocket(dir); s != nil {
		t.Error("a folder is shared with another machine")
	}
}

func TestEngineOverSSHThatFails(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ssh"), []byte("#!/bin/sh\nread request\necho 'Permission denied (publickey).' >&2; exit 255\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	_, err := Connect(t.Context(), func(name string) string { return map[string]string{"DOCKER_HOST": "ssh://me@far"}[name] }, func(string) {})
	var hinted interface{ Hint() string }
	if !errors.As(err, &hinted) || !strings.Contains(err.Error(), "Permission denied (publickey).") || !strings.HasPrefix(hinted.Hint(), "ssh must reach that host") {
		t.Errorf("Connect() = %v, want ssh's own words and a hint", err)
	}
}
