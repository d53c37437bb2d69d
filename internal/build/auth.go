package build

import (
	"context"
	"strings"

	"github.com/docker/cli/cli/config/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/auth/authprovider"
)

// registryLogin gives the builder the same logins that we use ourselves. They travel in the session and stay in memory.
func registryLogin(keychain authn.Keychain) session.Attachable {
	return authprovider.NewDockerAuthProvider(authprovider.DockerAuthProviderConfig{AuthConfigProvider: logins(keychain)})
}

// logins asks a keychain for the builder; nil: the user's docker configuration.
func logins(keychain authn.Keychain) authprovider.AuthConfigProvider {
	if keychain == nil {
		keychain = authn.DefaultKeychain
	}
	return func(ctx context.Context, host string, scopes []string, _ authprovider.ExpireCachedAuthCheck) (types.AuthConfig, error) {
		target, err := resource(host, scopes)
		if err != nil {
			return types.AuthConfig{}, err
		}
		found, err := authn.Resolve(ctx, keychain, target)
		if err != nil {
			return types.AuthConfig{}, err
		}
		config, err := authn.Authorization(ctx, found)
		if err != nil {
			return types.AuthConfig{}, err
		}
		return types.AuthConfig{
			Username: config.Username, Password: config.Password, Auth: config.Auth,
			IdentityToken: config.IdentityToken, RegistryToken: config.RegistryToken,
		}, nil
	}
}

// resource is what a builder asks a login for: the repository, if its scopes (repository:owner/app:pull,push) name just one, or the
// registry.
func resource(host string, scopes []string) (authn.Resource, error) {
	if host == authprovider.DockerHubRegistryHost {
		host = name.DefaultRegistry
	}
	registry, err := name.NewRegistry(host, name.WeakValidation)
	if err != nil {
		return nil, err
	}
	repositories := map[string]bool{}
	for _, scope := range scopes {
		if kind, rest, _ := strings.Cut(scope, ":"); kind == "repository" {
			if i := strings.LastIndexByte(rest, ':'); i > 0 {
				repositories[rest[:i]] = true
			}
		}
	}
	if len(repositories) != 1 {
		return registry, nil
	}
	for repository := range repositories {
		return registry.Repo(repository), nil
	}
	return registry, nil
}
