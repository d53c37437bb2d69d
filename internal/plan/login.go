package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"go.yaml.in/yaml/v3"
)

// Login is who the program is for a registry.
type Login struct {
	Registry string `json:"registry"`        // host, as go-containerregistry names it: index.docker.io for Docker Hub
	Scope    string `json:"scope,omitempty"` // repository, or what several begin with; empty: all of the registry
	Username string `json:"-"`
	Password string `json:"-"`
}

// loginInputs are who the program is for registries. A password has no flag, because other users of the machine see command lines.
func loginInputs() []Input {
	return []Input{
		{
			Name: "registry", Flag: "registry", Kind: KindText, Help: "registry that username and password are for (default: Docker Hub)",
			text: func(in *Inputs) *string { return &in.Registry },
		},
		{
			Name: "username", Flag: "username", Kind: KindText, Help: "user name for the registry",
			text: func(in *Inputs) *string { return &in.Username },
		},
		{
			Name: "password", Kind: KindText, Help: "password or token for the registry; in the environment only",
			text: func(in *Inputs) *string { return &in.Password },
		},
		{
			Name: "password-file", Flag: "password-file", Kind: KindText, Help: "file that holds the password instead, for example /dev/stdin",
			text: func(in *Inputs) *string { return &in.PasswordFile },
		},
		{
			Name: "registry-auth", Kind: KindText, Help: "several logins, as a YAML list of registry, username, password and scope; in the environment only",
			text: func(in *Inputs) *string { return &in.RegistryAuth },
		},
	}
}

// loginNames are the names of those inputs.
var loginNames = []string{"registry", "username", "password", "password-file", "registry-auth"}

// logins reads who the program is for registries.
func (r *reader) logins() []Login {
	if r.in.RegistryAuth != "" {
		for _, other := range []struct{ input, value string }{{"--registry", r.in.Registry}, {"--username", r.in.Username}, {"password", r.in.Password}, {"--password-file", r.in.PasswordFile}} {
			if other.value != "" {
				r.problem("registry-auth", "", other.input+" is given too, and both say logins", "write all logins into registry-auth")
				return nil
			}
		}
		return r.loginList()
	}
	password := r.password()
	if r.in.Registry == "" && r.in.Username == "" && password == "" {
		return nil
	}
	login, ok := r.login("", loginEntry{Registry: r.in.Registry, Username: r.in.Username, Password: password})
	if !ok {
		return nil
	}
	return []Login{login}
}

// password reads the password out of the environment or a file. A line end after it does not belong to it.
func (r *reader) password() string {
	if r.in.PasswordFile == "" {
		return r.in.Password
	}
	if r.in.Password != "" {
		r.problem("--password-file", r.in.PasswordFile, "a password is given too", "leave out one of the two")
		return r.in.Password
	}
	text, err := r.world.ReadFile(r.absolute(r.in.PasswordFile))
	if err != nil {
		r.problem("--password-file", r.in.PasswordFile, "it cannot be read", "name a file that holds the password alone")
		return "unknown" // no second problem
	}
	return strings.TrimRight(string(text), "\r\n")
}

// loginEntry is one login as it is written.
type loginEntry struct{ Registry, Username, Password, Scope, ECR string }

func (r *reader) loginList() []Login {
	var entries []loginEntry
	decoder := yaml.NewDecoder(strings.NewReader(r.in.RegistryAuth))
	decoder.KnownFields(true)
	if err := decoder.Decode(&entries); err != nil { // its words may quote a password
		r.problem("registry-auth", "", "it is not a YAML list of logins with registry, username, password and scope", "for example - {registry: ghcr.io, username: owner, password: TOKEN}")
		return nil
	}
	var out []Login
	for i, entry := range entries {
		login, ok := r.login(fmt.Sprintf("number %d: ", i+1), entry)
		if !ok {
			continue
		}
		if slices.ContainsFunc(out, func(l Login) bool { return l.Registry == login.Registry && l.Scope == login.Scope }) {
			r.problem("registry-auth", login.Registry, "it has two logins", "keep one, or give them different scopes")
		}
		out = append(out, login)
	}
	return out
}

// login reads one login. where says which of several it is.
func (r *reader) login(where string, entry loginEntry) (Login, bool) {
	input := func(name string) string {
		if where != "" {
			return "registry-auth"
		}
		return name
	}
	host := strings.TrimPrefix(strings.TrimPrefix(entry.Registry, "https://"), "http://")
	host, _, _ = strings.Cut(host, "/")
	if host == "docker.io" || host == "registry-1.docker.io" {
		host = ""
	}
	registry, err := name.NewRegistry(host, name.WeakValidation)
	if err != nil {
		r.problem(input("--registry"), entry.Registry, where+"it is not the name of a registry", "for example ghcr.io or localhost:5000")
		return Login{}, false
	}
	switch {
	case entry.Username == "":
		r.problem(input("--username"), "", where+"there is no user name for "+registry.RegistryStr(), "set username, or leave out registry and password to use the logins of docker")
		return Login{}, false
	case entry.Password == "":
		r.problem(input("password"), "", where+"there is no password for "+registry.RegistryStr(), "set password in the environment, MULTIARCH_PASSWORD, or name a file by --password-file")
		return Login{}, false
	case strings.Contains(registry.RegistryStr(), ".dkr.ecr.") && entry.Username != "AWS":
		r.problem(input("--username"), "", where+"a login of ECR has the user name AWS; an access key is none", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment and leave out the login")
		return Login{}, false
	}
	scope, _, _ := strings.Cut(entry.Scope, "@") // the part behind it, actions, is for registries' tokens
	return Login{Registry: registry.RegistryStr(), Scope: strings.Trim(scope, "/"), Username: entry.Username, Password: entry.Password}, true
}
