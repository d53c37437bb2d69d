package registry

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// userAgent is what registries are told who asks.
const userAgent = "multiarch-action"

// Client speaks to registries as somebody.
type Client struct {
	Keychain  authn.Keychain // nil: the user's docker configuration
	Transport *Transport
}

func (c Client) keychain() authn.Keychain {
	if c.Keychain == nil {
		return authn.DefaultKeychain
	}
	return c.Keychain
}

// Options let go-containerregistry ask as the client. Its own patience is taken away: ours is below it, and knows more.
func (c Client) Options(ctx context.Context) []remote.Option {
	return append(Patient(c.Transport), remote.WithContext(ctx), remote.WithAuthFromKeychain(c.keychain()))
}

// Patient lets go-containerregistry use a transport, and only its patience.
func Patient(t *Transport) []remote.Option {
	return []remote.Option{
		remote.WithTransport(t), remote.WithUserAgent(userAgent),
		remote.WithRetryBackoff(remote.Backoff{Steps: 1}), remote.WithRetryStatusCodes(),
		remote.WithRetryPredicate(func(error) bool { return false }),
	}
}

// Do does something with a repository or a registry, and does the whole of it again where that helps: an upload was interrupted, the
// registry has lost or not yet found what was pushed, or it does not accept a login any more that it had accepted, for which the
// keychain is asked again. Each time op is given options that know nothing of the time before.
func (c Client) Do(ctx context.Context, target authn.Resource, op func(ctx context.Context, options []remote.Option) error) error {
	began := c.Transport.clock.Now()
	renewed := false
	for try := 1; ; try++ {
		err := op(ctx, c.Options(ctx))
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case statusOf(err) == http.StatusUnauthorized && c.Transport.known.Load() && !renewed:
			renewed = true
			continue
		}
		var interrupted *InterruptedError
		again := errors.As(err, &interrupted)
		if !again && lost(err) {
			var ended error
			if again, ended = c.Transport.Pause(ctx, try); ended != nil {
				return ended
			}
		}
		if !again || try >= maxTries {
			if try > 1 {
				err = &GaveUpError{Tries: try, Waited: c.Transport.clock.Now().Sub(began), Err: err}
			}
			return &Error{Host: target.RegistryStr(), Login: LoginOf(ctx, c.keychain(), target), Err: err}
		}
	}
}

// lost reports whether a registry says that it does not know what it was given: part of an upload, or what a manifest names, which
// was pushed before. Where it is not asked to write, it just is not there.
func lost(err error) bool {
	var answer *transport.Error
	if !errors.As(err, &answer) || answer.Request == nil || reads(answer.Request) {
		return false
	}
	return says(err,
		transport.ManifestBlobUnknownErrorCode, transport.BlobUnknownErrorCode, transport.ManifestUnknownErrorCode,
		transport.BlobUploadUnknownErrorCode, transport.BlobUploadInvalidErrorCode,
	)
}

// Origin is a keychain that can say where a login comes from.
type Origin interface {
	// Origin is, in words, where the login for a target comes from; empty: it does not know.
	Origin(target authn.Resource) string
}

// LoginOf says in words what login a keychain has for a target: its kind and where it comes from, and nothing of what it is.
func LoginOf(ctx context.Context, keychain authn.Keychain, target authn.Resource) string {
	login, err := authn.Resolve(ctx, keychain, target)
	if err != nil {
		return "without a login, because looking for one failed: " + err.Error()
	}
	if login == authn.Anonymous {
		return "without a login"
	}
	config, err := authn.Authorization(ctx, login)
	if err != nil {
		return "without a login, because getting one failed: " + err.Error()
	}
	text := "with a user name and a password"
	switch {
	case config.RegistryToken != "":
		text = "with a registry's token"
	case config.IdentityToken != "":
		text = "with an identity token"
	}
	origin, knows := keychain.(Origin)
	switch {
	case keychain == authn.DefaultKeychain:
		text += " of the docker configuration"
	case knows && origin.Origin(target) != "":
		text += " of " + origin.Origin(target)
	}
	return text
}

// Pause waits for a registry to know what it was given, longer from try to try. It reports whether that was worth it: not after many
// tries, nor when there is no time for waiting left. The error is the cause of the context's end.
func (t *Transport) Pause(ctx context.Context, try int) (again bool, err error) {
	pause := growing(try, 100*time.Millisecond, 5*time.Second)
	if try >= youngTries || !t.budget.take(pause) {
		return false, nil
	}
	if err := t.clock.Wait(ctx, pause); err != nil {
		return false, err
	}
	return true, nil
}
