package publish

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/sync/errgroup"

	"github.com/org/multiarch-action/internal/registry"
)

// concurrency is how many requests to a registry are under way at once.
const concurrency = 16

// Registry is how registries are reached. The zero value uses the user's docker configuration and the default transport.
type Registry struct {
	Keychain  authn.Keychain
	Transport http.RoundTripper // it is given patience, if it is not a registry.Transport
	ForceTag  bool              // Tag moves tags wherever it is told to
	// Replaced is told by Tag, before that returns, how large the image was that the first tag held which was there, or why that is not
	// known. nil: nobody asks.
	Replaced func(Sizes, error)
}

func (r Registry) client() registry.Client {
	return registry.Client{Keychain: r.Keychain, Transport: registry.Over(r.Transport)}
}

// do does something with a repository, as often as it takes (registry.Client.Do).
func (r Registry) do(ctx context.Context, repo name.Repository, op func(ctx context.Context, options []remote.Option) error) error {
	return r.client().Do(ctx, repo, op)
}

func (r Registry) keychain() authn.Keychain {
	if r.Keychain == nil {
		return authn.DefaultKeychain
	}
	return r.Keychain
}

// CheckPush asks every repository's registry whether we may push there, by beginning an upload and giving it up. It takes a
// second now instead of a failure after the build. All refusals are returned together.
func (r Registry) CheckPush(ctx context.Context, repositories []name.Repository) error {
	problems := make([]error, len(repositories))
	client := r.client()
	var g errgroup.Group
	g.SetLimit(concurrency)
	for i, repo := range repositories {
		g.Go(func() error {
			err := client.Do(ctx, repo, func(ctx context.Context, _ []remote.Option) error {
				// CheckPushPermission takes no context of its own; the transport carries ours.
				bound := roundTripper(func(request *http.Request) (*http.Response, error) {
					return client.Transport.RoundTrip(request.WithContext(ctx))
				})
				reference := repo.Tag("permission-check") // only the repository is used
				return remote.CheckPushPermission(reference, r.keychain(), bound)
			})
			if err != nil {
				problems[i] = &RefusedError{Repository: repo.Name(), Err: err}
			}
			return nil
		})
	}
	_ = g.Wait() // the problems are kept apart
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errors.Join(problems...)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// RefusedError says that a registry did not let us do something.
type RefusedError struct {
	Repository string
	Err        error
}

// Error names the repository and the registry's own words.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("repository %s: asking whether we may push: %v", e.Repository, e.Err)
}

// Unwrap returns the cause.
func (e *RefusedError) Unwrap() error { return e.Err }

// Hint says what to do about it.
func (e *RefusedError) Hint() string {
	host, _, _ := strings.Cut(e.Repository, "/")
	return registry.Hint(e.Err, host)
}

// isMissing reports whether a registry says that something is not there.
func isMissing(err error) bool {
	var answer *transport.Error
	return errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound
}
