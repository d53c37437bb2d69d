package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// registryUser may do everything in the second registry.
const registryUser = "lab"

// secret gives a path among the second registry's certificates and passwords.
func (l *lab) secret(name string) string { return l.state("run", "tls", name) }

// ensureSecrets makes the second registry's certificate and password, unless they are there and good for a day.
func (l *lab) ensureSecrets(now time.Time) error {
	if certificateLasts(l.secret("cert.pem"), now.Add(24*time.Hour)) && isFile(l.secret("htpasswd")) {
		return nil
	}
	if err := os.MkdirAll(l.secret(""), 0o700); err != nil {
		return fmt.Errorf("making a folder for its secrets: %w", err)
	}
	password := rand.Text()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost) // 130 random bits need no slow hash
	if err != nil {
		return fmt.Errorf("hashing its password: %w", err)
	}
	files, err := newCertificates(now)
	if err != nil {
		return err
	}
	files["password"] = []byte(password)
	files["htpasswd"] = []byte(registryUser + ":" + string(hash) + "\n")
	for name, content := range files {
		if err := os.WriteFile(l.secret(name), content, 0o600); err != nil {
			return fmt.Errorf("writing its secrets: %w", err)
		}
	}
	return nil
}

// certificateLasts says whether the certificate in a file is good at that time.
func certificateLasts(path string, at time.Time) bool {
	text, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return false
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	return err == nil && at.Before(certificate.NotAfter)
}

// newCertificates makes an authority, and a certificate of it for this machine's own names. The authority's key is
// forgotten at once: it never signs again.
func newCertificates(now time.Time) (map[string][]byte, error) {
	authority := certificateTemplate(now, 1, "multiarch-action lab authority")
	authority.IsCA, authority.BasicConstraintsValid = true, true
	authority.KeyUsage = x509.KeyUsageCertSign
	server := certificateTemplate(now, 2, "localhost")
	server.DNSNames = []string{"localhost"}
	server.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	server.KeyUsage = x509.KeyUsageDigitalSignature
	server.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}

	authorityKey, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	serverKey, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("making its keys: %w", err)
	}
	authorityDER, err1 := x509.CreateCertificate(rand.Reader, authority, authority, &authorityKey.PublicKey, authorityKey)
	serverDER, err2 := x509.CreateCertificate(rand.Reader, server, authority, &serverKey.PublicKey, authorityKey)
	keyDER, err3 := x509.MarshalPKCS8PrivateKey(serverKey)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, fmt.Errorf("making its certificates: %w", err)
	}
	return map[string][]byte{
		"ca.pem":   pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authorityDER}),
		"cert.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: serverDER}),
		"key.pem":  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	}, nil
}

func certificateTemplate(now time.Time, serial int64, name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-time.Hour), // clocks differ
		NotAfter:     now.AddDate(1, 0, 0),
	}
}
