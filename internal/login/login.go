package login

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/org/multiarch-action/internal/plan"
)

// Config is where logins may come from.
type Config struct {
	Given    []plan.Login        // by the inputs of this program
	FromHost []plan.Login        // what the CI host offers without being asked
	Getenv   func(string) string // for DOCKER_AUTH_CONFIG, DOCKER_CONFIG and the places of podman
	Home     string              // the user's folder; empty: unknown
	// Unread is told of a configuration of docker or podman that cannot be read, and its logins are left out, as docker does. Nil: that is
	// an error.
	Unread func(error)
}

// Keychain is all logins. The first place that has one for a registry wins: the inputs, DOCKER_AUTH_CONFIG, the configuration of docker
// or podman with its credential helpers, what the CI host offers, and the helper of the registry's cloud.
type Keychain struct{ places []place }

// place is one place where logins come from.
type place interface {
	// find returns the login for a registry, and for a repository in it, if there is one.
	find(ctx context.Context, target authn.Resource) (login authn.AuthConfig, found bool, err error)
	String() string
}

// New reads where logins may come from. An error says which place cannot be read; what stands there is never part of it.
func New(config Config) (*Keychain, error) {
	k := &Keychain{places: []place{given{config.Given, "the inputs"}}}
	fromEnv, err := authConfig(config.Getenv("DOCKER_AUTH_CONFIG"))
	if err != nil {
		return nil, err
	}
	fromFile, err := userConfig(config)
	if err != nil && config.Unread == nil {
		return nil, err
	}
	if err != nil {
		config.Unread(err)
	}
	for _, p := range []*dockerConfig{fromEnv, fromFile} {
		if p != nil {
			k.places = append(k.places, p)
		}
	}
	k.places = append(k.places, given{config.FromHost, "the CI host"})
	k.places = append(k.places, clouds()...)
	return k, nil
}

// Resolve returns the login for a registry or a repository, or Anonymous.
func (k *Keychain) Resolve(target authn.Resource) (authn.Authenticator, error) {
	return k.ResolveContext(context.Background(), target)
}

// ResolveContext returns the login for a registry or a repository, or Anonymous. A place that cannot be asked does not hide those after
// it; its error counts if there is no login elsewhere.
func (k *Keychain) ResolveContext(ctx context.Context, target authn.Resource) (authn.Authenticator, error) {
	login, _, err := k.find(ctx, target)
	if err != nil {
		return nil, err
	}
	if login == (authn.AuthConfig{}) {
		return authn.Anonymous, nil
	}
	return authn.FromConfig(login), nil
}

// Origin is where the login for a target comes from, in words; empty: there is none.
func (k *Keychain) Origin(target authn.Resource) string {
	_, from, _ := k.find(context.Background(), target) // without a login, nothing comes from anywhere
	if from == nil {
		return ""
	}
	return from.String()
}

func (k *Keychain) find(ctx context.Context, target authn.Resource) (authn.AuthConfig, place, error) {
	var problems []error
	for _, p := range k.places {
		login, found, err := p.find(ctx, target)
		if err != nil {
			problems = append(problems, fmt.Errorf("login for %s: asking %s: %w", target.RegistryStr(), p, err))
		}
		if found {
			return login, p, nil
		}
	}
	return authn.AuthConfig{}, nil, errors.Join(problems...)
}

// given are logins that are known as they are.
type given struct {
	logins []plan.Login
	from   string
}

// String says where they come from.
func (g given) String() string { return g.from }

// find prefers the login with the longest scope.
func (g given) find(_ context.Context, target authn.Resource) (login authn.AuthConfig, found bool, err error) {
	best := -1
	for _, l := range g.logins {
		if l.Registry == target.RegistryStr() && len(l.Scope) > best && within(target.String(), l) {
			best = len(l.Scope)
			login = authn.AuthConfig{Username: l.Username, Password: l.Password}
		}
	}
	return login, best >= 0, nil
}

// within reports whether a login is for a repository: it has no scope, or the repository is its scope or below it.
func within(repository string, l plan.Login) bool {
	scope := l.Registry + "/" + l.Scope
	return l.Scope == "" || repository == scope || strings.HasPrefix(repository, scope+"/")
}
