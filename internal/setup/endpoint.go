package setup

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	cliconfig "github.com/docker/cli/cli/config"
	clicontext "github.com/docker/cli/cli/context"
	"github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
	"github.com/moby/moby/client"
)

// endpoint is a place where an engine may be.
type endpoint struct {
	host          string   // as in DOCKER_HOST
	from          string   // who named it
	files         []string // ca.pem, cert.pem and key.pem; none: no TLS, or from a context
	skipVerify    bool     // TLS without looking at the engine's certificate
	context       *docker.Endpoint
	mayBeStarting bool
}

// findEndpoints lists the places to look for an engine, in the docker program's order. There is more than one only where nobody has named
// one: then they are local sockets.
func findEndpoints(getenv func(string) string) ([]endpoint, error) {
	if host := getenv("DOCKER_HOST"); host != "" {
		at := endpoint{host: host, from: "DOCKER_HOST", mayBeStarting: strings.HasPrefix(host, "tcp://")}
		at.useTLS(getenv)
		return []endpoint{at}, nil
	}
	name, from, err := currentContext(getenv)
	if err != nil {
		return nil, err
	}
	if name != "" && name != "default" {
		at, err := contextEndpoint(getenv, name, from)
		return []endpoint{at}, err
	}
	return localEndpoints(getenv), nil
}

// useTLS follows DOCKER_TLS_VERIFY, DOCKER_TLS and DOCKER_CERT_PATH, as docker does, and DOCKER_TLS_CERTDIR, as the image docker:dind does
// for jobs beside it.
func (at *endpoint) useTLS(getenv func(string) string) {
	folder := cmp.Or(getenv("DOCKER_CERT_PATH"), configFolder(getenv))
	wanted := getenv("DOCKER_TLS_VERIFY") != "" || getenv("DOCKER_TLS") != ""
	if made := dindCertificates(getenv); !wanted && made != "" && strings.HasSuffix(at.host, ":2376") {
		folder, wanted = made, true
	} else {
		at.skipVerify = getenv("DOCKER_TLS_VERIFY") == ""
	}
	if !wanted || !strings.HasPrefix(at.host, "tcp://") {
		return
	}
	for _, name := range []string{"ca.pem", "cert.pem", "key.pem"} {
		at.files = append(at.files, filepath.Join(folder, name))
	}
}

// dindCertificates is the folder in which docker:dind puts what its clients need, if the job shares it.
func dindCertificates(getenv func(string) string) string {
	if dir := getenv("DOCKER_TLS_CERTDIR"); dir != "" {
		return filepath.Join(dir, "client")
	}
	return ""
}

// configFolder is where the docker program keeps its configuration. Without a home it is never a folder of the working directory, whose
// files may be anybody's.
func configFolder(getenv func(string) string) string {
	return cmp.Or(getenv("DOCKER_CONFIG"), filepath.Join(cmp.Or(getenv("HOME"), getenv("USERPROFILE"), "/"), ".docker"))
}

// currentContext returns the name of the context to use, and who named it.
func currentContext(getenv func(string) string) (name, from string, err error) {
	if name := getenv("DOCKER_CONTEXT"); name != "" {
		return name, "DOCKER_CONTEXT=" + name, nil
	}
	folder := configFolder(getenv)
	file := filepath.Join(folder, cliconfig.ConfigFileName)
	raw, err := os.Open(file)
	if err != nil {
		return "", "", nil //nolint:nilerr // what cannot be read names no context
	}
	defer func() { _ = raw.Close() }() // only read
	config, err := cliconfig.LoadFromReader(raw)
	if err != nil {
		return "", "", fmt.Errorf("docker's configuration %s: reading: %w", file, err)
	}
	return config.CurrentContext, fmt.Sprintf("the current context %q of %s", config.CurrentContext, file), nil
}

// contextEndpoint reads a context (https://docs.docker.com/engine/manage-resources/contexts/) out of docker's store.
func contextEndpoint(getenv func(string) string, name, from string) (endpoint, error) {
	contexts := store.New(filepath.Join(configFolder(getenv), "contexts"), store.NewConfig(
		func() any { return &map[string]any{} },
		store.EndpointTypeGetter(docker.DockerEndpoint, func() any { return &docker.EndpointMeta{} }),
	))
	metadata, err := contexts.GetMetadata(name)
	if err != nil {
		return endpoint{}, &contextError{name: name, from: from, err: err}
	}
	meta, err := docker.EndpointFromContext(metadata)
	if err != nil {
		return endpoint{}, &contextError{name: name, from: from, err: err}
	}
	at, err := docker.WithTLSData(contexts, name, meta)
	if err != nil {
		return endpoint{}, &contextError{name: name, from: from, err: err}
	}
	return endpoint{host: at.Host, from: from, context: &at}, nil
}

// localEndpoints lists the sockets at which engines of this machine listen: the system's, a rootless one, Docker Desktop's. The first is
// always in the list, so that an error has a place to name; the others where they are. Where there is none and a docker:dind beside us has
// left its certificates, it is that.
func localEndpoints(getenv func(string) string) []endpoint {
	endpoints := []endpoint{{host: client.DefaultDockerHost, from: "docker's default"}}
	for _, place := range []struct{ variable, path, who string }{
		{"XDG_RUNTIME_DIR", "docker.sock", "rootless Docker's default"},
		{"HOME", ".docker/run/docker.sock", "Docker Desktop's default"},
		{"HOME", ".docker/desktop/docker.sock", "Docker Desktop's default"},
	} {
		path := filepath.Join(getenv(place.variable), place.path)
		if getenv(place.variable) != "" && isSocket(path) {
			endpoints = append(endpoints, endpoint{host: "unix://" + path, from: place.who})
		}
	}
	_, system, _ := strings.Cut(client.DefaultDockerHost, "://")
	if len(endpoints) == 1 && !isSocket(system) && dindCertificates(getenv) != "" {
		at := endpoint{host: "tcp://docker:2376", from: "the default of docker:dind, as DOCKER_TLS_CERTDIR is set", mayBeStarting: true}
		at.useTLS(getenv)
		return []endpoint{at}
	}
	return endpoints
}

func isSocket(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&fs.ModeSocket != 0
}

// options are the settings of a client for this place.
func (at endpoint) options() ([]client.Opt, error) {
	if at.context != nil {
		return at.context.ClientOpts()
	}
	named := docker.Endpoint{EndpointMeta: docker.EndpointMeta{Host: at.host}}
	if len(at.files) == 0 {
		return named.ClientOpts()
	}
	named.SkipTLSVerify = at.skipVerify
	var contents [3][]byte
	for i, file := range at.files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		contents[i] = content
	}
	named.TLSData = &clicontext.TLSData{CA: contents[0], Cert: contents[1], Key: contents[2]}
	return named.ClientOpts()
}

// contextError says that a docker context cannot be used.
type contextError struct {
	name, from string
	err        error
}

// Error names the context and who named it.
func (e *contextError) Error() string {
	return fmt.Sprintf("docker context %q (from %s): reading: %v", e.name, e.from, e.err)
}

// Unwrap returns the cause.
func (e *contextError) Unwrap() error { return e.err }

// Hint says what to do about it.
func (e *contextError) Hint() string {
	return "docker context ls lists the contexts; set DOCKER_CONTEXT to one of them, or DOCKER_HOST to the engine's address"
}
