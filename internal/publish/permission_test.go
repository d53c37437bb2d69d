package publish_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/org/multiarch-action/internal/publish"
)

func TestCheckPush(t *testing.T) {
	t.Parallel()
	s := serve(t)
	repositories := []name.Repository{s.repo(t, "one"), s.repo(t, "two")}
	if err := (publish.Registry{}).CheckPush(t.Context(), repositories); err != nil {
		t.Fatal(err)
	}
	if got := s.count("PUT "); got != 0 {
		t.Errorf("CheckPush() made %d PUT requests, want none", got)
	}
}

func TestCheckPushRefused(t *testing.T) {
	t.Parallel()
	const logIn = "log in with an account that may push there, for example by docker login; on GitHub the job needs permissions: packages: write for ghcr.io"
	tests := []struct {
		name   string
		status int
		code   string
		want   string
		hint   string
	}{
		{"not known", http.StatusUnauthorized, "UNAUTHORIZED", "repository REGISTRY/app: asking whether we may push: POST http://REGISTRY/v2/app/blobs/uploads/: UNAUTHORIZED: not you; it was asked without a login", logIn},
		{"not allowed", http.StatusForbidden, "DENIED", "repository REGISTRY/app: asking whether we may push: POST http://REGISTRY/v2/app/blobs/uploads/: DENIED: not you; it was asked without a login", logIn},
		{"no such repository", http.StatusNotFound, "NAME_UNKNOWN", "repository REGISTRY/app: asking whether we may push: POST http://REGISTRY/v2/app/blobs/uploads/: NAME_UNKNOWN: not you", "check the registry's name and the repository's; some registries want a repository to be made before something is pushed there"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			s.refuse(http.MethodPost, "/blobs/uploads/", test.status, test.code)
			err := publish.Registry{}.CheckPush(t.Context(), []name.Repository{s.repo(t, "app")})
			var refused *publish.RefusedError
			if !errors.As(err, &refused) {
				t.Fatalf("CheckPush() gives %v, want a RefusedError", err)
			}
			if got := s.plainly(err.Error()); got != test.want {
				t.Errorf("CheckPush():\n got %s\nwant %s", got, test.want)
			}
			if got := refused.Hint(); got != test.hint {
				t.Errorf("Hint():\n got %s\nwant %s", got, test.hint)
			}
		})
	}
}

func TestRefusalsOfTLSNameTheInput(t *testing.T) {
	t.Parallel()
	repo, err := name.NewRepository("registry.example:5000/app")
	if err != nil {
		t.Fatal(err)
	}
	for want, cause := range map[string]error{
		"the registry speaks plain HTTP: if that is meant, add --insecure-registry registry.example:5000": tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"},
		"name the certificate of the registry's authority: --registry-ca registry.example:5000=FILE":      x509.UnknownAuthorityError{},
		"check the registry's name, and that it can be reached from here":                                 errors.New("no such host"),
	} {
		refused := &publish.RefusedError{Repository: repo.Name(), Err: fmt.Errorf("asking: %w", cause)}
		if got := refused.Hint(); got != want {
			t.Errorf("Hint():\n got %s\nwant %s", got, want)
		}
	}
}

func TestCheckPushNamesEveryRefusal(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.refuse(http.MethodPost, "/bad/", http.StatusForbidden, "DENIED")
	err := publish.Registry{}.CheckPush(t.Context(), []name.Repository{s.repo(t, "bad/one"), s.repo(t, "good"), s.repo(t, "bad/two")})
	if err == nil {
		t.Fatal("CheckPush() gives no error")
	}
	lines := strings.Split(s.plainly(err.Error()), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "repository REGISTRY/bad/one: ") || !strings.HasPrefix(lines[1], "repository REGISTRY/bad/two: ") {
		t.Errorf("CheckPush() gives %q, want a line for each refusal, in order", lines)
	}
}

func TestCheckPushEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := serve(t)
	cause := errors.New("the user has pressed a key")
	ctx, cancel := context.WithCancelCause(t.Context())
	s.intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		cancel(cause)
		select {
		case <-r.Context().Done(): // the client has gone
		case <-time.After(10 * time.Second):
			t.Error("the request goes on after its context has ended")
		}
		return true
	})
	if err := (publish.Registry{}).CheckPush(ctx, []name.Repository{s.repo(t, "app")}); !errors.Is(err, cause) {
		t.Errorf("CheckPush() gives %v, want %v", err, cause)
	}
}

// keychain is a user's docker configuration with one login.
type keychain struct {
	host string
	auth authn.Basic
}

func (k keychain) Resolve(resource authn.Resource) (authn.Authenticator, error) {
	if resource.RegistryStr() == k.host {
		return &k.auth, nil
	}
	return authn.Anonymous, nil
}

func TestCredentialsAreUsedForEverything(t *testing.T) {
	t.Parallel()
	s := serve(t)
	repo := s.repo(t, "app")
	document := s.document(t, repo, "linux/amd64")
	s.intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if user, password, _ := r.BasicAuth(); user == "me" && password == "s3cret" {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	})
	known := publish.Registry{Keychain: keychain{s.host, authn.Basic{Username: "me", Password: "s3cret"}}}
	use := func(r publish.Registry) error {
		_, tagErr := r.Tag(t.Context(), s.tags(t, "app:1"), document)
		_, indexErr := r.Fetch(t.Context(), repo, document.Hash)
		return errors.Join(r.CheckPush(t.Context(), []name.Repository{repo}), r.Push(t.Context(), []name.Repository{repo}, document), tagErr, indexErr)
	}
	if err := use(known); err != nil {
		t.Errorf("with the right password: %v", err)
	}
	stranger := publish.Registry{Keychain: keychain{s.host, authn.Basic{Username: "me", Password: "wr0ng"}}}
	err := use(stranger)
	if err == nil {
		t.Fatal("with a wrong password there is no error")
	}
	if strings.Contains(err.Error(), "wr0ng") {
		t.Errorf("the error shows the password: %v", err)
	}
}
