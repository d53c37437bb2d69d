//go:build e2e

package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// buildkitd is a BuildKit that somebody else runs: in a container of the test's, on a port of this machine, behind mutual TLS.
type buildkitd struct {
	container string
	address   string // without options
	certs     authority
}

// node is the text for --node.
func (b buildkitd) node() string { return b.address + b.certs.options() }

// startBuildkitd starts one with further flags, and waits until it answers.
func startBuildkitd(t *testing.T, certs authority, flags ...string) buildkitd {
	t.Helper()
	port := freePort(t)
	b := buildkitd{address: "tcp://127.0.0.1:" + port, certs: certs}
	args := []string{
		"run", "-d", "--privileged", "--init", "--network", "host", "--label", "multiarch-e2e.nodes=" + t.Name(),
		"-v", certs.folder + ":/certs:ro", "-v", w.lab["LAB_BUILDKITD_CONFIG"] + ":/etc/buildkit/buildkitd.toml:ro", w.lab["LAB_BUILDKIT_IMAGE"],
		"--addr", "unix:///run/buildkit/buildkitd.sock", "--addr", b.address,
		"--tlscacert", "/certs/ca.pem", "--tlscert", "/certs/server.pem", "--tlskey", "/certs/server-key.pem",
	}
	b.container = strings.TrimSpace(must(t, "docker", append(args, flags...)...))
	t.Cleanup(func() { _, _ = output("", "docker", "rm", "-f", "-v", b.container) })
	deadline := time.Now().Add(time.Minute)
	for {
		_, err := output("", "docker", "exec", b.container, "buildctl", "debug", "workers")
		if err == nil {
			return b
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v\n%s", err, must(t, "docker", "logs", b.container))
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }() // only its number counts
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// authority is a folder with a certificate authority, a server's certificate for 127.0.0.1, and a client's, all of which are made for
// one test: ca.pem, server.pem, server-key.pem, client.pem, client-key.pem.
type authority struct{ folder string }

// options are those of an address.
func (a authority) options() string {
	return fmt.Sprintf(",cacert=%s,cert=%s,key=%s", a.file("ca.pem"), a.file("client.pem"), a.file("client-key.pem"))
}

func (a authority) file(name string) string { return filepath.Join(a.folder, name) }

func newAuthority(t *testing.T) authority {
	t.Helper()
	a := authority{folder: shortTemp(t)}
	key := newKey(t)
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "e2e authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.write(t, "ca.pem", "CERTIFICATE", sign(t, root, root, key, key))
	for i, name := range []string{"server", "client"} {
		leafKey := newKey(t)
		leaf := &x509.Certificate{
			SerialNumber: big.NewInt(int64(2 + i)), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"node.example"},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
		a.write(t, name+".pem", "CERTIFICATE", sign(t, leaf, root, leafKey, key))
		raw, err := x509.MarshalPKCS8PrivateKey(leafKey)
		if err != nil {
			t.Fatal(err)
		}
		a.write(t, name+"-key.pem", "PRIVATE KEY", raw)
	}
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t *testing.T, leaf, parent *x509.Certificate, leafKey, parentKey *ecdsa.PrivateKey) []byte {
	t.Helper()
	raw, err := x509.CreateCertificate(rand.Reader, leaf, parent, leafKey.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func (a authority) write(t *testing.T, name, kind string, raw []byte) {
	t.Helper()
	var text bytes.Buffer
	if err := pem.Encode(&text, &pem.Block{Type: kind, Bytes: raw}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(a.file(name), text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// join connects whoever comes to a listener with a socket.
func join(listener net.Listener, socket string) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return // the test has ended
		}
		server, err := net.Dial("unix", socket)
		if err != nil {
			_ = client.Close()
			continue
		}
		go func() { _, _ = io.Copy(server, client); _ = server.Close() }()
		go func() { _, _ = io.Copy(client, server); _ = client.Close() }()
	}
}
