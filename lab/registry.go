package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// registry is one of the lab's two registries: an ordinary process on loopback.
type registry struct {
	name   string // under which its process is recorded
	port   string
	secure bool // TLS, user and password
}

var (
	plainRegistry  = registry{name: "registry", port: "5000"}
	secureRegistry = registry{name: "registry-tls", port: "5443", secure: true}
)

// address gives the registry as an image reference begins.
func (r registry) address() string { return "localhost:" + r.port }

// bringRegistries starts both registries, or finds them running.
func (l *lab) bringRegistries(ctx context.Context) error {
	program, err := l.registryProgram(ctx)
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	for _, r := range []registry{plainRegistry, secureRegistry} {
		err := l.log.step(ctx, r.name, func(ctx context.Context) (string, error) { return l.bringRegistry(ctx, r, program) })
		if err != nil {
			return err
		}
	}
	return nil
}

// registryProgram gives Debian's registry; or the same program built from source where Debian's doesn't run, because
// the machine's C library is another one.
func (l *lab) registryProgram(ctx context.Context) (string, error) {
	packages, err := l.memos.debs(ctx)
	if err != nil {
		return "", err
	}
	host, err := hostArch()
	if err != nil {
		return "", err
	}
	path := filepath.Join(packages.root("docker-registry", host.debian), "usr", "bin", "docker-registry")
	if quiet(child(ctx, path, "--version")) == nil {
		return path, nil
	}
	return l.tool(ctx, "registry")
}

func (l *lab) bringRegistry(ctx context.Context, r registry, program string) (string, error) {
	kind := map[bool]string{false: "plain HTTP", true: "TLS and password"}[r.secure]
	config := l.state("run", r.name+".yml")
	if err := l.prepareRegistry(r, config); err != nil {
		return "", err
	}
	client, err := l.registryClient(r)
	if err != nil {
		return "", err
	}
	if _, runs := l.recorded(r.name); runs && registryAnswers(ctx, client, r) {
		return fmt.Sprintf("%s (%s) runs already", r.address(), kind), nil
	}
	args := []string{program, "serve", config}
	if err := l.freePort(ctx, r, args); err != nil {
		return "", err
	}
	daemon, err := l.startDaemon(ctx, r.name, args)
	if err != nil {
		return "", err
	}
	if err := daemon.wait(ctx, 20*time.Second, func() bool { return registryAnswers(ctx, client, r) }); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s (%s) started", r.address(), kind), nil
}

// freePort makes sure that the registry's port is free. A registry of this very folder, whose record was deleted with
// the folder, is ended: its files are gone with it. A foreign program is not.
func (l *lab) freePort(ctx context.Context, r registry, args []string) error {
	lost := machine.running(args)
	if had, runs := l.recorded(r.name); runs {
		lost = append(lost, had) // it runs and doesn't answer
	}
	for _, old := range lost {
		if err := machine.end(ctx, old, 10*time.Second); err != nil {
			return fmt.Errorf("ending an earlier %s: %w", r.name, err)
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:"+r.port)
	if err != nil {
		return withHint(fmt.Errorf("taking port %s for the registry: %w", r.port, err),
			fmt.Sprintf("see who holds it with: ss -ltnp 'sport = :%s'; end that program, then run `lab up` again", r.port))
	}
	return listener.Close()
}

// registryAnswers says whether the registry speaks its protocol. Asking for a password is an answer, too.
func registryAnswers(ctx context.Context, client *http.Client, r registry) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	scheme := map[bool]string{false: "http", true: "https"}[r.secure]
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+r.address()+"/v2/", nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close() // the status says it all
	return response.StatusCode == http.StatusOK || r.secure && response.StatusCode == http.StatusUnauthorized
}

// prepareRegistry writes a registry's files.
func (l *lab) prepareRegistry(r registry, config string) error {
	storage := l.state("registry", r.name)
	if err := os.MkdirAll(storage, 0o750); err != nil {
		return fmt.Errorf("making its folders: %w", err)
	}
	text := registryConfig(r, storage)
	if r.secure {
		if err := l.ensureSecrets(time.Now()); err != nil {
			return err
		}
		text += fmt.Sprintf(secureConfig, l.secret("cert.pem"), l.secret("key.pem"), l.secret("htpasswd"))
	}
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return fmt.Errorf("writing its configuration: %w", err)
	}
	return nil
}

// registryClient gives a client that trusts the registry, and goes to it through no proxy: it is on this machine.
func (l *lab) registryClient(r registry) (*http.Client, error) {
	transport := &http.Transport{}
	if r.secure {
		roots, err := l.registryRoots()
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{Transport: transport}, nil
}

// registryRoots gives the certificates that the second registry is trusted by.
func (l *lab) registryRoots() (*x509.CertPool, error) {
	authority, err := os.ReadFile(l.secret("ca.pem"))
	if err != nil {
		return nil, fmt.Errorf("reading the certificate authority: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("reading the certificate authority: %s holds no certificate", l.secret("ca.pem"))
	}
	return roots, nil
}

// registryConfig is read by both generations of the registry. Deleting is allowed, because tests clean up.
func registryConfig(r registry, storage string) string {
	return strings.NewReplacer("STORAGE", storage, "PORT", r.port).Replace(`version: 0.1
log:
  level: warn
  accesslog:
    disabled: true
storage:
  filesystem:
    rootdirectory: STORAGE
  delete:
    enabled: true
http:
  addr: 127.0.0.1:PORT
`)
}

// secureConfig goes on where registryConfig ends.
const secureConfig = `  tls:
    certificate: %s
    key: %s
auth:
  htpasswd:
    realm: lab
    path: %s
`
