package main

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

func TestTheSecondRegistrysCertificateIsForThisMachine(t *testing.T) {
	t.Parallel()
	now := time.Now()
	l := testLab(t)
	if err := l.ensureSecrets(now); err != nil {
		t.Fatal(err)
	}
	roots, err := l.registryRoots()
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(read(t, l.secret("cert.pem")))
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"localhost", "127.0.0.1"} {
		if _, err := certificate.Verify(x509.VerifyOptions{Roots: roots, DNSName: host, CurrentTime: now}); err != nil {
			t.Errorf("as %s: %v", host, err)
		}
	}
}

func TestThePasswordOpensTheSecondRegistryAndStaysTheSame(t *testing.T) {
	t.Parallel()
	l := testLab(t)
	if err := l.ensureSecrets(time.Now()); err != nil {
		t.Fatal(err)
	}
	password := read(t, l.secret("password"))
	user, hash, _ := strings.Cut(strings.TrimSpace(string(read(t, l.secret("htpasswd")))), ":")
	if user != registryUser || bcrypt.CompareHashAndPassword([]byte(hash), password) != nil {
		t.Errorf("the password doesn't match the line %s:%s", user, hash)
	}
	for _, name := range []string{"password", "htpasswd", "key.pem"} {
		if info, err := os.Stat(l.secret(name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: got mode %v (%v), want -rw-------", name, info.Mode(), err)
		}
	}
	if err := l.ensureSecrets(time.Now()); err != nil || string(read(t, l.secret("password"))) != string(password) {
		t.Errorf("a second call changed the password (%v)", err)
	}
	if err := l.ensureSecrets(time.Now().AddDate(1, 0, 0)); err != nil || string(read(t, l.secret("password"))) == string(password) {
		t.Errorf("a certificate that ends today was kept (%v)", err)
	}
}

func TestRegistryConfigAllowsDeletingAndListensOnLoopbackOnly(t *testing.T) {
	t.Parallel()
	got := registryConfig(plainRegistry, "/s")
	for _, want := range []string{"rootdirectory: /s\n", "delete:\n    enabled: true\n", "addr: 127.0.0.1:5000\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%swhich lacks %q", got, want)
		}
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
