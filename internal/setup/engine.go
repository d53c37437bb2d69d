package setup

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/moby/moby/client"
)

// Engine is a connection to a Docker Engine.
type Engine struct {
	api *client.Client
}

// Connect reaches the engine that the environment names, as the docker program does: DOCKER_HOST, DOCKER_TLS_VERIFY and
// DOCKER_CERT_PATH, else the local socket. It asks the engine for its version, so an engine that is away is found here.
func Connect(ctx context.Context, getenv func(string) string) (*Engine, error) {
	api, err := client.New(engineOptions(getenv)...)
	if err != nil {
		return nil, &EngineError{Host: getenv("DOCKER_HOST"), Err: err}
	}
	if _, err := api.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		host := api.DaemonHost()
		_ = api.Close() // nothing was sent over it
		return nil, &EngineError{Host: host, Err: err}
	}
	return &Engine{api: api}, nil
}

func engineOptions(getenv func(string) string) []client.Opt {
	var opts []client.Opt
	if host := getenv("DOCKER_HOST"); host != "" {
		opts = append(opts, client.WithHost(host))
	}
	if version := getenv("DOCKER_API_VERSION"); version != "" {
		opts = append(opts, client.WithAPIVersion(version))
	}
	if dir := getenv("DOCKER_CERT_PATH"); dir != "" && getenv("DOCKER_TLS_VERIFY") != "" {
		file := func(name string) string { return filepath.Join(dir, name) }
		opts = append(opts, client.WithTLSClientConfig(file("ca.pem"), file("cert.pem"), file("key.pem")))
	}
	return opts
}

// Close ends the connection.
func (e *Engine) Close() error { return e.api.Close() }

// EngineError says that no Docker Engine answered.
type EngineError struct {
	Host string
	Err  error
}

// Error names the engine's address and the cause.
func (e *EngineError) Error() string {
	return fmt.Sprintf("docker engine at %s: connecting: %v", e.Host, e.Err)
}

// Unwrap returns the cause.
func (e *EngineError) Unwrap() error { return e.Err }

// Hint says what to do about it.
func (e *EngineError) Hint() string {
	return "start Docker, or set DOCKER_HOST to the engine to use; on Linux your user must be in the group docker or be root"
}
