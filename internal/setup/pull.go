package setup

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/moby/moby/api/pkg/authconfig"
	"github.com/moby/moby/api/types/registry"
)

const (
	// hubMirror answers for images of Docker Hub when that is away or limits (https://cloud.google.com/artifact-registry/docs/pull-cached-dockerhub-images).
	hubMirror = "mirror.gcr.io"
	hub       = "docker.io"
)

// pullWaits are the pauses before the second, third and fourth try. The engine does not pass a registry's Retry-After on.
var pullWaits = []time.Duration{time.Second, 3 * time.Second, 9 * time.Second}

// source is one way to get an image.
type source struct {
	image string
	login string // of the user, as the engine wants it; empty: anonymously
}

// String names it for people.
func (s source) String() string {
	if s.login != "" {
		return s.image + " with your login"
	}
	return s.image
}

// sourcesOf lists the ways to get an image in the order in which they are tried. Anonymous comes first: hosted runners pull from Docker
// Hub without a limit that counts for accounts.
func sourcesOf(ctx context.Context, image string, keychain authn.Keychain) ([]source, error) {
	ref, err := reference.ParseDockerRef(image)
	if err != nil {
		return nil, fmt.Errorf("image %q: reading the name: %w", image, err)
	}
	sources := []source{{image: image}}
	if login := loginFor(ctx, ref, keychain); login != "" {
		sources = append(sources, source{image: image, login: login})
	}
	if reference.Domain(ref) == hub {
		sources = append(sources, source{image: hubMirror + strings.TrimPrefix(ref.String(), hub)})
	}
	return sources, nil
}

// loginFor returns the user's login for an image, as the engine wants it. Where there is none, or the helper that should know it
// fails, it is empty: the image may be public.
func loginFor(ctx context.Context, image reference.Named, keychain authn.Keychain) string {
	repository, err := name.NewRepository(image.Name(), name.WeakValidation)
	if err != nil {
		return ""
	}
	if keychain == nil {
		keychain = authn.DefaultKeychain
	}
	login, err := authn.Resolve(ctx, keychain, repository)
	if err != nil || login == authn.Anonymous {
		return ""
	}
	found, err := authn.Authorization(ctx, login)
	if err != nil {
		return ""
	}
	server := repository.RegistryStr()
	if server == name.DefaultRegistry {
		server = authn.DefaultAuthKey
	}
	encoded, err := authconfig.Encode(registry.AuthConfig{
		Username: found.Username, Password: found.Password, ServerAddress: server,
		IdentityToken: found.IdentityToken, RegistryToken: found.RegistryToken,
	})
	if err != nil {
		return ""
	}
	return encoded
}

// puller is what pulling needs of the world.
type puller struct {
	pull func(context.Context, source) error
	say  func(string)
	wait func(context.Context, time.Duration) error
}

// pullFrom tries the sources in their order and returns the name of the image that the first good one gave.
func pullFrom(ctx context.Context, sources []source, p puller) (string, error) {
	failure := &PullError{}
	for _, s := range sources {
		p.say("pulling " + s.String())
		err := p.patiently(ctx, s)
		if err == nil {
			return s.image, nil
		}
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		failure.Causes = append(failure.Causes, fmt.Errorf("image %s: pulling: %w", s, err))
	}
	return "", failure
}

// patiently pulls, and pulls again while the failure may pass.
func (p puller) patiently(ctx context.Context, s source) error {
	for _, pause := range pullWaits {
		err := p.pull(ctx, s)
		if err == nil || !passing(err) || ctx.Err() != nil {
			return err
		}
		p.say(fmt.Sprintf("pulling %s: %v; trying again in %s", s, err, pause))
		if err := p.wait(ctx, pause); err != nil {
			return err
		}
	}
	return p.pull(ctx, s)
}

// lasting are words of the engine for failures that another try does not mend. Most of them come in the stream of a pull that had
// begun well, where there is no status to go by.
var lasting = []string{
	"not found", "manifest unknown", "no matching manifest", "repository does not exist", "unauthorized", "denied", "forbidden", "authentication required",
	"no basic auth credentials", "no space left", "x509:", "server gave http response to https client", "unsupported", "invalid", "no such host",
}

// passing reports whether a failure may be gone at the next try.
func passing(err error) bool {
	if errdefs.IsNotFound(err) || errdefs.IsUnauthorized(err) || errdefs.IsPermissionDenied(err) || errdefs.IsInvalidArgument(err) {
		return false
	}
	text := strings.ToLower(err.Error())
	for _, words := range lasting {
		if strings.Contains(text, words) {
			return false
		}
	}
	return !errors.Is(err, context.Canceled)
}

// PullError says that no source gave an image.
type PullError struct{ Causes []error }

// Error lists the sources and their causes.
func (e *PullError) Error() string { return errors.Join(e.Causes...).Error() }

// Unwrap returns the causes.
func (e *PullError) Unwrap() []error { return e.Causes }

// Hint says what to do about it.
func (e *PullError) Hint() string {
	text := strings.ToLower(e.Error())
	switch {
	case strings.Contains(text, "toomanyrequests") || strings.Contains(text, "rate limit"):
		return "the registry limits pulls: log in to it (docker login), or name a copy elsewhere with --buildkit-image"
	case strings.Contains(text, "denied") || strings.Contains(text, "unauthorized"):
		return "log in to the registry (docker login), or name an image that may be pulled with --buildkit-image"
	case strings.Contains(text, "not found") || strings.Contains(text, "manifest unknown"):
		return "name an image that exists with --buildkit-image"
	}
	return "the Docker engine pulls the image, so it must reach the registry: see to its network, proxy and DNS, name a copy that it reaches with " +
		"--buildkit-image, or load one (docker load) and name it there by its tag"
}
