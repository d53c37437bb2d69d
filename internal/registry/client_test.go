package registry_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/org/multiarch-action/internal/registry"
)

// base makes a transport of a function.
type base func(*http.Request) (*http.Response, error)

func (b base) RoundTrip(r *http.Request) (*http.Response, error) { return b(r) }

func TestFailuresOfTheConnection(t *testing.T) {
	t.Parallel()
	answered := &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}
	tests := []struct {
		name   string
		before bool // the registry has answered
		err    error
		tries  int
	}{
		{"reset", true, &net.OpError{Op: "read", Err: syscall.ECONNRESET}, 10},
		{"broken pipe", true, syscall.EPIPE, 10},
		{"end of file", true, io.ErrUnexpectedEOF, 10},
		{"too slow", true, &net.DNSError{IsTimeout: true}, 10},
		{"HTTP/2 connection that is closed", true, errors.New("http2: server sent GOAWAY and closed the connection"), 10},
		{"refused by a registry that has answered before", true, syscall.ECONNREFUSED, 10},
		{"refused at an address where nobody has answered", false, syscall.ECONNREFUSED, 1},
		{"no such name", true, &net.DNSError{IsNotFound: true}, 1},
		{"unknown authority", true, x509.UnknownAuthorityError{}, 1},
		{"plain HTTP", false, tls.RecordHeaderError{}, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tries, before := 0, test.before
			patient := newTransport(t, registry.Config{Clock: newClock(), Base: base(func(*http.Request) (*http.Response, error) {
				if before {
					before = false
					return answered, nil
				}
				tries++
				return nil, test.err
			})})
			for range 2 {
				if tries == 0 {
					_, _, _ = ask(t.Context(), patient, http.MethodGet, "http://registry.example/", "") // the tries count
				}
			}
			if tries != test.tries {
				t.Errorf("it was tried %d times, want %d", tries, test.tries)
			}
		})
	}
}

var app = must(name.NewRepository("registry.example/app"))

func must(repo name.Repository, err error) name.Repository {
	if err != nil {
		panic(err)
	}
	return repo
}

func refusal(method string, status int, code transport.ErrorCode) error {
	request, _ := http.NewRequest(method, "https://registry.example/v2/app/manifests/1", http.NoBody) // the address is right
	return &transport.Error{StatusCode: status, Request: request, Errors: []transport.Diagnostic{{Code: code, Message: "no"}}}
}

func TestAnOperationIsDoneAgain(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		err   error
		tries int
	}{
		{"an upload that was interrupted", &registry.InterruptedError{Err: io.EOF}, 10},
		{"a blob that the registry has lost", refusal(http.MethodPut, 400, transport.ManifestBlobUnknownErrorCode), 10},
		{"an upload that it has lost", refusal(http.MethodPatch, 404, transport.BlobUploadUnknownErrorCode), 10},
		{"a manifest that an index names", refusal(http.MethodPut, 404, transport.ManifestUnknownErrorCode), 10},
		{"a manifest that somebody looks for", refusal(http.MethodGet, 404, transport.ManifestUnknownErrorCode), 1},
		{"a refusal", refusal(http.MethodPut, 403, transport.DeniedErrorCode), 1},
		{"a login that never was accepted", refusal(http.MethodPut, 401, transport.UnauthorizedErrorCode), 1},
		{"anything else", errors.New("anything"), 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			client := registry.Client{Transport: newTransport(t, registry.Config{Clock: newClock()})}
			tries := 0
			err := client.Do(t.Context(), app, func(context.Context, []remote.Option) error {
				tries++
				return test.err
			})
			if !errors.Is(err, test.err) || tries != test.tries {
				t.Errorf("it was tried %d times and gave %v, want %d", tries, err, test.tries)
			}
			tries = 0
			err = client.Do(t.Context(), app, func(context.Context, []remote.Option) error {
				tries++
				if tries == 2 || test.tries == 1 {
					return nil
				}
				return test.err
			})
			if err != nil {
				t.Errorf("what is good the second time gives %v", err)
			}
		})
	}
}

// A token that was accepted may be too old by the end of a long build.
func TestALoginThatWasAcceptedIsAskedForAgain(t *testing.T) {
	t.Parallel()
	valid := "old"
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != valid {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/vnd.oci.image.index.v1+json")
		_, _ = io.WriteString(w, "{}") // the client's test sees what arrives
	})
	repo := must(name.NewRepository(strings.TrimPrefix(s.URL, "http://") + "/app"))
	current := "old"
	client := registry.Client{Keychain: helper(func() string { return current }), Transport: newTransport(t, registry.Config{})}
	read := func() error {
		return client.Do(t.Context(), repo, func(_ context.Context, options []remote.Option) error {
			_, err := remote.Get(repo.Tag("1"), options...)
			if valid == "new" {
				current = "new" // the helper gives another one from now on
			}
			return err
		})
	}
	if err := read(); err != nil {
		t.Fatal(err)
	}
	valid = "new"
	if err := read(); err != nil {
		t.Errorf("after the token was too old: %v", err)
	}
	valid = "another"
	if err := read(); err == nil || !strings.HasSuffix(err.Error(), "; it was asked with a user name and a password of a helper") {
		t.Errorf("with a password that is wrong for good: %v", err)
	}
}

// helper is a keychain that is asked for the password each time.
type helper func() string

func (h helper) Resolve(authn.Resource) (authn.Authenticator, error) {
	return &authn.Basic{Username: "me", Password: h()}, nil
}

func (h helper) Origin(authn.Resource) string { return "a helper" }

func TestLoginsInWords(t *testing.T) {
	t.Parallel()
	tests := map[string]authn.AuthConfig{
		"with a registry's token":            {RegistryToken: "s3cret"},
		"with an identity token":             {Username: "<token>", IdentityToken: "s3cret"},
		"with a user name and a password":    {Username: "me", Password: "s3cret"},
		"with a user name and a password of": {}, // of the helper, below
	}
	for want, config := range tests {
		var keychain authn.Keychain = fixed{authn.FromConfig(config)}
		if config == (authn.AuthConfig{}) {
			keychain, want = helper(func() string { return "s3cret" }), want+" a helper"
		}
		if got := registry.LoginOf(t.Context(), keychain, app); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := registry.LoginOf(t.Context(), fixed{authn.Anonymous}, app); got != "without a login" {
		t.Errorf("got %q", got)
	}
}

type fixed struct{ authn.Authenticator }

func (f fixed) Resolve(authn.Resource) (authn.Authenticator, error) { return f.Authenticator, nil }

func TestHints(t *testing.T) {
	t.Parallel()
	said := func(status int, code transport.ErrorCode, text string) error {
		return &transport.Error{StatusCode: status, Errors: []transport.Diagnostic{{Code: code, Message: text}}}
	}
	tests := []struct {
		err  error
		want string
	}{
		{said(401, "UNAUTHORIZED", "no"), "packages: write"},
		{said(403, "DENIED", "no"), "packages: write"},
		{said(403, "DENIED", "secondary rate limit"), "limits how much"},
		{said(429, "TOOMANYREQUESTS", "pull rate"), "limits how much"},
		{said(403, "DENIED", "storage quota exceeded"), "space in the registry is used up"},
		{said(413, "", ""), "how large an upload may be"},
		{said(405, "UNSUPPORTED", ""), "a mirror that can only be read"},
		{said(404, "NAME_UNKNOWN", ""), "want a repository to be made"},
		{said(503, "", ""), "is in trouble"},
		{&registry.StallError{}, "try again"},
		{fmt.Errorf("asking: %w", tls.RecordHeaderError{}), "--insecure-registry registry.example"},
		{errors.New("http: server gave HTTP response to HTTPS client"), "--insecure-registry registry.example"},
		{x509.UnknownAuthorityError{}, "--registry-ca registry.example=FILE"},
		{errors.New("no such host"), "can be reached from here"},
	}
	for _, test := range tests {
		if got := (&registry.Error{Host: "registry.example", Err: test.err}).Hint(); !strings.Contains(got, test.want) {
			t.Errorf("%v: the hint is %q, want %q in it", test.err, got, test.want)
		}
	}
}
