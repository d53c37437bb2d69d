package plan

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"golang.org/x/crypto/ssh"
)

// Secret is what RUN --mount=type=secret may read. Its value is never printed.
type Secret struct {
	ID    string `json:"id"`
	From  string `json:"from,omitempty"` // the file or variable that it was read from
	Value []byte `json:"-"`
}

// SSHAgent is what RUN --mount=type=ssh may use: the keys in files, or an agent behind a socket.
type SSHAgent struct {
	ID    string   `json:"id"`
	Paths []string `json:"paths"` // absolute; of a socket there is one
}

// secretInputs are what steps may see and no image holds.
func secretInputs() []Input {
	return []Input{
		{
			Name: "secrets", Flag: "secret", Kind: KindSecrets, Help: "secret for RUN, as id=NAME,src=FILE or id=NAME,env=VARIABLE; in the environment also NAME=VALUE",
			list:        func(in *Inputs) *[]string { return &in.Secrets },
			environment: func(in *Inputs) *[]string { return &in.SecretTexts },
		},
		{
			Name: "secret-envs", Flag: "secret-env", Kind: KindList, Help: "secret for RUN from a variable, as NAME=VARIABLE",
			list: func(in *Inputs) *[]string { return &in.SecretEnvs },
		},
		{
			Name: "secret-files", Flag: "secret-file", Kind: KindLines, Help: "secret for RUN from a file, as NAME=FILE",
			list: func(in *Inputs) *[]string { return &in.SecretFiles },
		},
		{
			Name: "ssh", Flag: "ssh", Kind: KindList, whole: true, Help: "SSH agent or keys for RUN: default, or ID=SOCKET, or ID=KEY[,KEY]",
			list: func(in *Inputs) *[]string { return &in.SSH },
		},
		{
			Name: "github-token", Kind: KindText, ActionDefault: "${{ github.token }}", Help: "token for Git contexts on the host's own server",
			text: func(in *Inputs) *string { return &in.GitHubToken },
		},
	}
}

const secretHint = "for example --secret id=token,src=token.txt or id=token,env=TOKEN" //nolint:gosec // no credential

// secrets reads all inputs that give secrets; of two with one id the later counts, as for docker buildx build.
func (r *reader) secrets(p *Plan) []Secret {
	var out []Secret
	add := func(s Secret) {
		out = append(slices.DeleteFunc(out, func(other Secret) bool { return other.ID == s.ID }), s)
	}
	// Any part of a text may be a secret, so none is shown.
	for i, text := range r.in.SecretEnvs {
		id, variable, found := strings.Cut(text, "=")
		if !found || id == "" || variable == "" {
			r.problem("--secret-env", "", fmt.Sprintf("number %d is not NAME=VARIABLE", i+1), "for example --secret-env token=TOKEN")
			continue
		}
		r.secretFromVariable(p, id, variable, add)
	}
	for i, text := range r.in.SecretTexts {
		r.secretText(p, i, text, add)
	}
	for i, text := range r.in.Secrets {
		if spec, ok := parseSecretSpec(text); ok {
			r.secretFromSpec(p, spec, add)
		} else {
			r.problem("--secret", "", fmt.Sprintf("number %d is not id=NAME with src=FILE or env=VARIABLE", i+1), secretHint)
		}
	}
	for i, text := range r.in.SecretFiles {
		id, file, found := strings.Cut(text, "=")
		if !found || id == "" || file == "" {
			r.problem("--secret-file", "", fmt.Sprintf("number %d is not NAME=FILE", i+1), "for example --secret-file token=token.txt")
			continue
		}
		r.secretFromFile("--secret-file", id, file, add)
	}
	return out
}

// secretText reads one of the environment's secrets: NAME=VALUE, or as a flag.
func (r *reader) secretText(p *Plan, i int, text string, add func(Secret)) {
	if spec, ok := parseSecretSpec(strings.TrimSpace(text)); ok {
		r.secretFromSpec(p, spec, add)
		return
	}
	id, value, found := strings.Cut(text, "=")
	switch id = strings.TrimSpace(id); {
	case !found || id == "":
		r.problem("--secret", "", fmt.Sprintf("number %d is not NAME=VALUE", i+1), "a value of several lines is quoted together with its name")
	case len(value) > secretsprovider.MaxSecretSize:
		r.problem("--secret", id, tooBig, "leave out what steps do not need")
	case value == "":
		p.Notes = append(p.Notes, fmt.Sprintf("secret %q is empty: the build goes without it", id))
	default:
		add(Secret{ID: id, Value: []byte(value)})
	}
}

// secretSpec is the form of docker buildx build --secret.
type secretSpec struct{ id, file, variable string }

func parseSecretSpec(text string) (secretSpec, bool) {
	var spec secretSpec
	kind := ""
	fields, err := csv.NewReader(strings.NewReader(text)).Read()
	for _, field := range fields {
		key, value, found := strings.Cut(field, "=")
		if !found {
			return spec, false
		}
		switch strings.ToLower(key) {
		case "type":
			kind = value
		case "id":
			spec.id = value
		case "src", "source":
			spec.file = value
		case "env":
			spec.variable = value
		default:
			return spec, false
		}
	}
	if kind == "env" && spec.variable == "" {
		spec.file, spec.variable = "", spec.file
	}
	known := kind == "" || kind == "env" || kind == "file"
	return spec, err == nil && known && spec.id != "" && (spec.file == "" || spec.variable == "")
}

func (r *reader) secretFromSpec(p *Plan, spec secretSpec, add func(Secret)) {
	switch {
	case spec.variable != "":
		r.secretFromVariable(p, spec.id, spec.variable, add)
	case spec.file == "" && r.world.Getenv(spec.id) != "":
		r.secretFromVariable(p, spec.id, spec.id, add)
	default:
		r.secretFromFile("--secret", spec.id, defaultTo(spec.file, spec.id), add)
	}
}

// secretFromVariable leaves a secret out that has no value: CI hosts give none to builds of somebody else's branch.
func (r *reader) secretFromVariable(p *Plan, id, variable string, add func(Secret)) {
	value := r.world.Getenv(variable)
	if value == "" {
		p.Notes = append(p.Notes, fmt.Sprintf("secret %q: the variable %s is empty or not set, and the build goes without the secret", id, variable))
		return
	}
	add(Secret{ID: id, From: variable, Value: []byte(value)})
}

const tooBig = "it is larger than the 500 KB that BuildKit takes for a secret"

func (r *reader) secretFromFile(input, id, file string, add func(Secret)) {
	content, err := r.world.ReadFile(r.absolute(file))
	switch {
	case err != nil:
		r.problem(input, file, fmt.Sprintf("the file for the secret %q cannot be read", id), "name a file, relative to the working directory")
	case len(content) > secretsprovider.MaxSecretSize:
		r.problem(input, file, tooBig, "leave out what steps do not need")
	default:
		add(Secret{ID: id, From: file, Value: content})
	}
}

// ssh reads --ssh, and gives a Git context over SSH the user's agent where there is one.
func (r *reader) ssh(p *Plan) []SSHAgent {
	var out []SSHAgent
	for _, text := range r.in.SSH {
		id, paths, found := strings.Cut(text, "=")
		agent := SSHAgent{ID: defaultTo(id, "default")}
		if !found {
			socket := r.world.Getenv("SSH_AUTH_SOCK")
			if socket == "" {
				r.problem("--ssh", text, "there is no SSH agent: SSH_AUTH_SOCK is not set", "start one, or name a key: --ssh "+agent.ID+"=FILE")
				continue
			}
			paths = socket
		}
		for path := range strings.SplitSeq(paths, ",") {
			agent.Paths = append(agent.Paths, r.sshPath(path))
		}
		out = append(slices.DeleteFunc(out, func(other SSHAgent) bool { return other.ID == agent.ID }), agent)
	}
	if socket := r.world.Getenv("SSH_AUTH_SOCK"); len(out) == 0 && socket != "" && p.overSSH() {
		out = append(out, SSHAgent{ID: "default", Paths: []string{r.absolute(socket)}})
	}
	return out
}

// sshPath checks that a path is that of a socket or of a key that can be used without asking anybody.
func (r *reader) sshPath(path string) string {
	absolute := r.absolute(path)
	info, err := r.world.Stat(absolute)
	if err == nil && info.Mode()&fs.ModeSocket != 0 {
		return absolute
	}
	var content []byte
	if err == nil {
		content, err = r.world.ReadFile(absolute)
	}
	if err != nil {
		r.problem("--ssh", path, "there is no such socket or key, or it cannot be read", "name the socket of an agent, or the file of a private key")
		return absolute
	}
	_, err = ssh.ParseRawPrivateKey(content)
	var locked *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &locked):
		r.problem("--ssh", path, "this key has a passphrase", "add it to an agent with ssh-add, and write --ssh default")
	case err != nil:
		r.problem("--ssh", path, "it is not a private key", "name the private key, not the .pub beside it")
	}
	return absolute
}

// tokenForGit gives a token to the Git contexts on the server that it is of, and to no other.
func (r *reader) tokenForGit(p *Plan) {
	host := defaultTo(r.world.GitServer, "github.com")
	id := "GIT_AUTH_TOKEN." + host
	taken := slices.ContainsFunc(p.Secrets, func(s Secret) bool { return s.ID == id || s.ID == "GIT_AUTH_TOKEN" })
	if r.in.GitHubToken != "" && !taken && slices.Contains(p.gitHosts(), host) {
		p.Secrets = append(p.Secrets, Secret{ID: id, From: "github-token", Value: []byte(r.in.GitHubToken)})
	}
}
