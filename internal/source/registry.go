package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/multiarch-action/internal/registry"
)

// accepted are the types that are asked for. Docker's schema 1 is not among them, so that registries which can convert do not.
var accepted = []types.MediaType{types.OCIImageIndex, types.DockerManifestList, types.OCIManifestSchema1, types.DockerManifestSchema2}

// remoteStore is a repository in a registry.
type remoteStore struct {
	repo   name.Repository
	client *http.Client
}

// insecure makes a reference one that is read by plain HTTP, if its registry speaks that.
func (o Opener) insecure(ref Reference) Reference {
	if slices.Contains(o.PlainHTTP, ref.remote.Context().RegistryStr()) {
		if plain, err := name.ParseReference(ref.remote.Name(), name.Insecure); err == nil {
			ref.remote = plain
		}
	}
	return ref
}

// openRemote reads without a login first: most images need none, and a wrong or old password would keep them from being read.
func (o Opener) openRemote(ctx context.Context, ref Reference) (*Source, error) {
	source, err := o.openAs(registry.RefuseLimits(ctx), ref, authn.Anonymous)
	var answer *transport.Error
	if !errors.As(err, &answer) || !mayNeedLogin(answer.StatusCode) {
		return source, err
	}
	login, lookup := authn.Resolve(ctx, o.keychain(), ref.remote.Context())
	if lookup != nil {
		return nil, errors.Join(err, fmt.Errorf("looking up the login for %s: %w", ref.remote.Context().RegistryStr(), lookup))
	}
	if login != authn.Anonymous || answer.StatusCode == http.StatusTooManyRequests {
		source, err = o.openAs(ctx, ref, login) // for want of a login it is waiting that helps against limits
	}
	if errors.As(err, &answer) && (answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden) {
		return nil, fmt.Errorf("%w; it was asked %s", err, registry.LoginOf(ctx, o.keychain(), ref.remote.Context()))
	}
	return source, err
}

// mayNeedLogin knows the answers behind which a repository may be hidden from those who are not known.
func mayNeedLogin(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusNotFound || status == http.StatusTooManyRequests
}

func (o Opener) openAs(ctx context.Context, ref Reference, login authn.Authenticator) (*Source, error) {
	repo := ref.remote.Context()
	patient := transport.NewUserAgent(registry.Over(o.Transport), "multiarch-action")
	authenticated, err := transport.NewWithContext(ctx, repo.Registry, login, patient, []string{repo.Scope(transport.PullScope)})
	if err != nil {
		return nil, err
	}
	s := &remoteStore{repo: repo, client: &http.Client{Transport: authenticated}}
	d := v1.Descriptor{}
	if digest, ok := ref.remote.(name.Digest); ok {
		if d.Digest, err = v1.NewHash(digest.DigestStr()); err != nil {
			return nil, err
		}
	}
	raw, served, err := s.get(ctx, ref.remote.Identifier(), d, maxDocument)
	if err != nil {
		return nil, err
	}
	got := describe(raw)
	if d.Digest != (v1.Hash{}) && d.Digest != got.Digest {
		return nil, bad(DefectDigest, d, "%s", d.Digest)("%s", got.Digest)
	}
	got.MediaType = served
	return newSource(ref.text, s, got, raw)
}

func (s *remoteStore) close() error {
	s.client.CloseIdleConnections()
	return nil
}

func (s *remoteStore) document(ctx context.Context, d v1.Descriptor, limit int64) ([]byte, types.MediaType, error) {
	return s.get(ctx, d.Digest.String(), d, limit)
}

func (s *remoteStore) get(ctx context.Context, identifier string, d v1.Descriptor, limit int64) ([]byte, types.MediaType, error) {
	response, err := s.request(ctx, "manifests/"+identifier, accepted)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = response.Body.Close() }() // only read
	raw, err := readAll(response.Body, d, limit)
	served, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
	return raw, types.MediaType(strings.TrimSpace(served)), err
}

func (s *remoteStore) blob(ctx context.Context, d v1.Descriptor) (io.ReadCloser, error) {
	response, err := s.request(ctx, "blobs/"+d.Digest.String(), nil)
	if err != nil {
		return nil, err
	}
	return response.Body, nil
}

// request asks the repository for something. The caller closes the body.
func (s *remoteStore) request(ctx context.Context, what string, accept []types.MediaType) (*http.Response, error) {
	address := fmt.Sprintf("%s://%s/v2/%s/%s", s.repo.Scheme(), s.repo.RegistryStr(), s.repo.RepositoryStr(), what)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	for _, mediaType := range accept {
		request.Header.Add("Accept", string(mediaType))
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, registry.Plain(err)
	}
	if err := transport.CheckError(response, http.StatusOK); err != nil {
		_ = response.Body.Close() // the error says more
		return nil, err
	}
	return response, nil
}
