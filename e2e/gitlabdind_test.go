//go:build e2e

package e2e

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// The component logs in by the job's token, and reaches its engine as in a job beside docker:dind, at port 2376 by the certificates that the service makes: here by TLS in
// front of the lab's engine, which lets nobody in without one of the client's.
func TestGitLabDockerInDockerOverTLS(t *testing.T) {
	t.Parallel()
	certs := newAuthority(t)
	client := filepath.Join(certs.folder, "client")
	if err := os.Mkdir(client, 0o700); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{"ca.pem": "ca.pem", "client.pem": "cert.pem", "client-key.pem": "key.pem"} {
		if err := os.Link(certs.file(from), filepath.Join(client, to)); err != nil {
			t.Fatal(err)
		}
	}
	through := serveEngineOverTLS(t, certs, "127.0.0.1:2376")
	const token = "glcbt-token-of-the-job"
	repository := "/e2e/gitlab-dind-" + strings.ToLower(rand.Text())
	dir := gitlabProject(t, `
include:
  - local: /templates/build.yml
    inputs: {platforms: [linux/amd64], services: [], docker-host: "tcp://127.0.0.1:2376", docker-certs: "`+certs.folder+`"}
`, "FROM busybox\nRUN echo x > /x\n")
	cmd := gitlabCI(t, dir, guarded(t, "gitlab-ci-token", token)+repository)
	cmd.Env = append(cmd.Env, "CI_JOB_TOKEN="+token)
	out, err := cmd.CombinedOutput()
	if err != nil || digestOf(t, w.lab["LAB_REGISTRY"]+repository+":main") == "" {
		t.Errorf("%v\n%s", err, out)
	}
	if strings.Contains(string(out), token) {
		t.Error("the token was printed")
	}
	if through.Load() == 0 {
		t.Errorf("nobody came by TLS:\n%s", out)
	}
}

// serveEngineOverTLS lets clients with a certificate of the authority reach the lab's engine, and counts their connections.
func serveEngineOverTLS(t *testing.T, certs authority, address string) *atomic.Int64 {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(certs.file("server.pem"), certs.file("server-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(certs.file("ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	config := &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12}
	listener, err := tls.Listen("tcp", address, config)
	for deadline := time.Now().Add(time.Minute); errors.Is(err, syscall.EADDRINUSE) && time.Now().Before(deadline); time.Sleep(time.Second) {
		listener, err = tls.Listen("tcp", address, config) // another run of this test has the port
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	var count atomic.Int64
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // the test has ended
			}
			go func() {
				if conn.(*tls.Conn).HandshakeContext(t.Context()) == nil {
					count.Add(1)
					joinEngine(conn.(*tls.Conn))
				}
				_ = conn.Close() // there is nobody to tell
			}()
		}
	}()
	return &count
}

// joinEngine joins a connection to the lab's engine until both sides have said everything.
func joinEngine(conn *tls.Conn) {
	engine, err := net.Dial("unix", "/var/run/docker.sock")
	if err != nil {
		return
	}
	defer func() { _ = engine.Close() }() // both sides are done
	done := make(chan struct{})
	go func() {
		_, _ = io.Copy(engine, conn) // what breaks shows at the client
		_ = engine.(*net.UnixConn).CloseWrite()
		close(done)
	}()
	_, _ = io.Copy(conn, engine)
	_ = conn.CloseWrite()
	<-done
}
