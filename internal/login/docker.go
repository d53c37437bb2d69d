package login

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/credentials"
	"github.com/docker/cli/cli/config/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
)

// dockerConfig is a configuration of docker, or of podman, which writes the same.
type dockerConfig struct {
	file *configfile.ConfigFile
	from string
}

// String says where it is.
func (d *dockerConfig) String() string { return d.from }

// authConfig reads DOCKER_AUTH_CONFIG, which holds a configuration, as GitLab's runner and docker have it, or the path of one.
func authConfig(text string) (*dockerConfig, error) {
	if text = strings.TrimSpace(text); text == "" {
		return nil, nil
	}
	if !strings.HasPrefix(text, "{") {
		return read(text, "DOCKER_AUTH_CONFIG")
	}
	file, err := config.LoadFromReader(strings.NewReader(text))
	if err != nil {
		return nil, errors.New("DOCKER_AUTH_CONFIG: reading: it is no configuration of docker, nor the path of one") // its content may be a secret
	}
	return &dockerConfig{file: file, from: "DOCKER_AUTH_CONFIG"}, nil
}

// userConfig reads the configuration of docker, or of podman where there is none; nil: there is neither.
func userConfig(c Config) (*dockerConfig, error) {
	folder := c.Getenv("DOCKER_CONFIG")
	if folder == "" && c.Home != "" {
		folder = filepath.Join(c.Home, ".docker")
	}
	configHome := c.Getenv("XDG_CONFIG_HOME")
	if configHome == "" && c.Home != "" {
		configHome = filepath.Join(c.Home, ".config")
	}
	for _, candidate := range []struct{ path, from string }{
		{below(folder, "config.json"), "the docker configuration"},
		{c.Getenv("REGISTRY_AUTH_FILE"), "podman's REGISTRY_AUTH_FILE"},
		{below(c.Getenv("XDG_RUNTIME_DIR"), "containers/auth.json"), "podman's configuration"},
		{below(configHome, "containers/auth.json"), "podman's configuration"},
	} {
		if info, err := os.Stat(candidate.path); candidate.path != "" && err == nil && !info.IsDir() {
			return read(candidate.path, candidate.from)
		}
	}
	return nil, nil
}

func below(folder, file string) string {
	if folder == "" {
		return ""
	}
	return filepath.Join(folder, filepath.FromSlash(file))
}

func read(path, from string) (*dockerConfig, error) {
	reader, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: reading: %w", from, err)
	}
	defer func() { _ = reader.Close() }() // only read
	file, err := config.LoadFromReader(reader)
	if err != nil {
		return nil, fmt.Errorf("%s: reading %s: it is no configuration of docker", from, path) // its content may be a secret
	}
	return &dockerConfig{file: file, from: from}, nil
}

// find asks for the repository, which podman's logins may be for, and for the registry. The stores are asked as they are, and not by
// configfile.GetAuthConfig: that would read DOCKER_AUTH_CONFIG again.
func (d *dockerConfig) find(_ context.Context, target authn.Resource) (login authn.AuthConfig, found bool, err error) {
	for _, key := range []string{target.String(), target.RegistryStr()} {
		if key == name.DefaultRegistry {
			key = authn.DefaultAuthKey
		}
		store := credentials.NewFileStore(d.file)
		if helper := d.helper(key); helper != "" {
			store = credentials.NewNativeStore(d.file, helper)
		}
		got, err := store.Get(key)
		if err != nil {
			return authn.AuthConfig{}, false, fmt.Errorf("%w%s", err, helperNote(d.helper(key)))
		}
		got.ServerAddress = "" // it is filled in also where there is no login
		if got != (types.AuthConfig{}) {
			return authn.AuthConfig{
				Username: got.Username, Password: got.Password, Auth: got.Auth, IdentityToken: got.IdentityToken, RegistryToken: got.RegistryToken,
			}, true, nil
		}
		if target.String() == target.RegistryStr() {
			break
		}
	}
	return authn.AuthConfig{}, false, nil
}

// helper is the credential helper for a registry; empty: the file itself holds logins.
func (d *dockerConfig) helper(key string) string {
	host := strings.TrimSuffix(strings.TrimPrefix(key, "https://"), "/v1/")
	for _, k := range []string{key, host} {
		if helper, ok := d.file.CredentialHelpers[k]; ok {
			return helper
		}
	}
	return d.file.CredentialsStore
}

func helperNote(helper string) string {
	if helper == "" {
		return ""
	}
	return " (credential helper docker-credential-" + helper + ")"
}
