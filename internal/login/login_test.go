package login_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/org/multiarch-action/internal/login"
	"github.com/org/multiarch-action/internal/plan"
)

// configFile is a configuration of docker with one login; auth is user:password in base64.
const configFile = `{"auths":{%q:{"auth":%q}}}`

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// who is the login for a repository, as user:password from place; "nobody", if there is none.
func who(t *testing.T, k *login.Keychain, repository string) string {
	t.Helper()
	target, err := name.NewRepository(repository)
	if err != nil {
		t.Fatal(err)
	}
	found, err := k.Resolve(target)
	if err != nil {
		return err.Error()
	}
	if found == authn.Anonymous {
		return "nobody"
	}
	config, err := authn.Authorization(t.Context(), found)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s:%s%s from %s", config.Username, config.Password, config.IdentityToken, k.Origin(target))
}

func TestPlacesOfLogins(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	docker := filepath.Join(dir, "docker")
	write(t, filepath.Join(docker, "config.json"), fmt.Sprintf(configFile, "https://index.docker.io/v1/", "aHViOnA=")) // hub:p
	file := write(t, filepath.Join(dir, "auth.json"), fmt.Sprintf(configFile, "file.example", "ZmlsZTpw"))             // file:p
	podman := write(t, filepath.Join(dir, "podman.json"), fmt.Sprintf(configFile, "quay.io", "cG9kbWFuOnA="))          // podman:p
	write(t, filepath.Join(dir, ".docker", "config.json"), fmt.Sprintf(configFile, "ghcr.io", "aG9tZTpw"))             // home:p
	tests := map[string]struct {
		config login.Config
		env    map[string]string
		image  string
		want   string
	}{
		"nothing":                       {image: "ghcr.io/o/app", want: "nobody"},
		"an input":                      {config: login.Config{Given: []plan.Login{{Registry: "ghcr.io", Username: "u", Password: "p"}}}, image: "ghcr.io/o/app", want: "u:p from the inputs"},
		"an input for another registry": {config: login.Config{Given: []plan.Login{{Registry: "ghcr.io", Username: "u", Password: "p"}}}, image: "quay.io/o/app", want: "nobody"},
		"the longest scope": {
			config: login.Config{Given: []plan.Login{{Registry: "ghcr.io", Username: "all", Password: "p"}, {Registry: "ghcr.io", Scope: "o/app", Username: "one", Password: "p"}}},
			image:  "ghcr.io/o/app", want: "one:p from the inputs",
		},
		"a scope that ends within a name": {
			config: login.Config{Given: []plan.Login{{Registry: "ghcr.io", Scope: "o/app", Username: "one", Password: "p"}}},
			image:  "ghcr.io/o/application", want: "nobody",
		},
		"docker's folder":               {env: map[string]string{"DOCKER_CONFIG": docker}, image: "busybox", want: "hub:p from the docker configuration"},
		"docker's folder in home":       {config: login.Config{Home: dir}, image: "ghcr.io/o/app", want: "home:p from the docker configuration"},
		"DOCKER_AUTH_CONFIG as content": {env: map[string]string{"DOCKER_AUTH_CONFIG": fmt.Sprintf(configFile, "ghcr.io", "ZW52OnA=")}, image: "ghcr.io/o/app", want: "env:p from DOCKER_AUTH_CONFIG"},
		"DOCKER_AUTH_CONFIG as a path":  {env: map[string]string{"DOCKER_AUTH_CONFIG": file}, image: "file.example/o/app", want: "file:p from DOCKER_AUTH_CONFIG"},
		"DOCKER_AUTH_CONFIG before docker's own": {
			config: login.Config{Home: dir}, env: map[string]string{"DOCKER_AUTH_CONFIG": fmt.Sprintf(configFile, "ghcr.io", "ZW52OnA=")},
			image: "ghcr.io/o/app", want: "env:p from DOCKER_AUTH_CONFIG",
		},
		"docker's own for another registry": {
			config: login.Config{Home: dir}, env: map[string]string{"DOCKER_AUTH_CONFIG": fmt.Sprintf(configFile, "a.example", "ZW52OnA=")},
			image: "ghcr.io/o/app", want: "home:p from the docker configuration",
		},
		"podman's file": {env: map[string]string{"REGISTRY_AUTH_FILE": podman}, image: "quay.io/owner/app", want: "podman:p from podman's REGISTRY_AUTH_FILE"},
		"the host comes after docker's own": {
			config: login.Config{Home: dir, FromHost: []plan.Login{{Registry: "ghcr.io", Username: "ci", Password: "p"}}},
			image:  "ghcr.io/o/app", want: "home:p from the docker configuration",
		},
		"the host": {
			config: login.Config{FromHost: []plan.Login{{Registry: "registry.example", Username: "ci", Password: "p"}}},
			image:  "registry.example/o/app", want: "ci:p from the CI host",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.config.Getenv = func(name string) string { return test.env[name] }
			k, err := login.New(test.config)
			if err != nil {
				t.Fatal(err)
			}
			if got := who(t, k, test.image); got != test.want {
				t.Errorf("%s is asked as %q, want %q", test.image, got, test.want)
			}
		})
	}
}

// helper is a credential helper as docker runs it: get reads a registry and prints a login.
const helper = `#!/bin/sh
read -r registry
case "$registry" in
known.example) echo '{"ServerURL":"known.example","Username":"helped","Secret":"p"}';;
token.example) echo '{"ServerURL":"token.example","Username":"<token>","Secret":"t"}';;
broken.example) echo 'the key ring is locked'; exit 1;;
*) echo 'credentials not found in native keychain'; exit 1;;
esac
`

func TestCredentialHelpers(t *testing.T) { // not parallel: the helper is found in PATH
	if runtime.GOOS == "windows" {
		t.Fatal("the helper is a shell script: this test needs a shell")
	}
	dir := t.TempDir()
	write(t, filepath.Join(dir, "docker-credential-fake"), helper)
	config := write(t, filepath.Join(dir, ".docker", "config.json"), `{"credsStore":"fake","credHelpers":{"away.example":"nowhere"}}`)
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	k, err := login.New(login.Config{
		Home: dir, Getenv: func(string) string { return "" },
		FromHost: []plan.Login{{Registry: "also.example", Username: "ci", Password: "p"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for repository, want := range map[string]string{
		"known.example/a":  "helped:p from the docker configuration",
		"token.example/a":  ":t from the docker configuration",
		"also.example/a":   "ci:p from the CI host",
		"other.example/a":  "nobody",
		"broken.example/a": "login for broken.example: asking the docker configuration: error getting credentials - err: exit status 1, out: `the key ring is locked` (credential helper docker-credential-fake)",
	} {
		if got := who(t, k, repository); got != want {
			t.Errorf("%s is asked as %q, want %q", repository, got, want)
		}
	}
	if got := who(t, k, "away.example/a"); !strings.HasSuffix(got, "(credential helper docker-credential-nowhere)") {
		t.Errorf("a helper that is not there gives %q, want an error that names it", got)
	}
	if after, err := os.ReadFile(config); err != nil || string(after) != `{"credsStore":"fake","credHelpers":{"away.example":"nowhere"}}` {
		t.Errorf("the user's file is now %s (%v)", after, err)
	}
}

func TestPlacesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	broken := write(t, filepath.Join(dir, ".docker", "config.json"), `{"auths": "s3cret"`)
	for name, test := range map[string]struct {
		config login.Config
		env    string
		want   string
	}{
		"content": {env: `{"auths": "s3cret"`, want: "DOCKER_AUTH_CONFIG: reading: it is no configuration of docker, nor the path of one"},
		"a path":  {env: "/nonexistent/config.json", want: "DOCKER_AUTH_CONFIG: reading: open /nonexistent/config.json: no such file or directory"},
		"a file":  {config: login.Config{Home: dir}, want: "the docker configuration: reading " + broken + ": it is no configuration of docker"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.config.Getenv = func(name string) string { return map[string]string{"DOCKER_AUTH_CONFIG": test.env}[name] }
			if _, err := login.New(test.config); err == nil || err.Error() != test.want {
				t.Errorf("the error is %v, want %s", err, test.want)
			}
		})
	}
}

// Docker goes on without it too, and public images need no login.
func TestAConfigurationThatCannotBeReadIsLeftOut(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, ".docker", "config.json"), "foo_bar\n")
	var told error
	k, err := login.New(login.Config{
		Given: []plan.Login{{Registry: "known.example", Username: "u", Password: "p"}}, Home: dir,
		Getenv: func(string) string { return "" }, Unread: func(err error) { told = err },
	})
	if err != nil || told == nil {
		t.Fatalf("New() = %v, and was told %v", err, told)
	}
	if got := who(t, k, "known.example/a"); got != "u:p from the inputs" {
		t.Errorf("known.example is asked as %q", got)
	}
	if got := who(t, k, "other.example/a"); got != "nobody" {
		t.Errorf("other.example is asked as %q", got)
	}
}
