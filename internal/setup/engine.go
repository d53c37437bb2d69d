package setup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client"
)

const (
	// enginePatience is how long an engine that is started beside us, as docker:dind in a CI job, may take to answer.
	enginePatience = 30 * time.Second
	engineRetry    = 250 * time.Millisecond
)

// Engine is a connection to a Docker Engine.
type Engine struct {
	// Keychain has the logins for images that the engine pulls; nil: the user's docker configuration.
	Keychain authn.Keychain

	api *client.Client

	mu   sync.Mutex
	info *system.Info
}

// Connect reaches the engine that the environment names, as the docker program does: DOCKER_HOST, else DOCKER_CONTEXT, else the current
// context, else a local socket. It asks the engine for its version, so an engine that is away is found here. An engine that DOCKER_HOST
// names over TCP may still be starting and is waited for; say is told so.
func Connect(ctx context.Context, getenv func(string) string, say func(string)) (*Engine, error) {
	endpoints, err := findEndpoints(getenv)
	if err != nil {
		return nil, err
	}
	failure := &EngineError{}
	for _, at := range endpoints {
		engine, err := at.await(ctx, say)
		if err == nil {
			return engine, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		failure.Tried = append(failure.Tried, EngineTried{Host: at.host, From: at.from, Files: at.files, Err: err})
	}
	return nil, failure
}

// settings are the engine's own, asked for once.
func (e *Engine) settings(ctx context.Context) (*system.Info, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.info == nil {
		answer, err := e.api.Info(ctx, client.InfoOptions{})
		if err != nil {
			return nil, fmt.Errorf("asking the engine for its settings: %w", err)
		}
		e.info = &answer.Info
	}
	return e.info, nil
}

// Close ends the connection.
func (e *Engine) Close() error { return e.api.Close() }

// await connects, and tries again for a while where the engine may still be starting.
func (at endpoint) await(ctx context.Context, say func(string)) (*Engine, error) {
	limit := time.Now().Add(enginePatience)
	for told := false; ; told = true {
		engine, err := at.connect(ctx)
		if err == nil || !at.mayBeStarting || !starting(err) || time.Now().After(limit) {
			return engine, err
		}
		if !told {
			say(fmt.Sprintf("docker engine at %s does not answer yet (%v); waiting for up to %s", at.host, err, enginePatience))
		}
		if err := wait(ctx, engineRetry); err != nil {
			return nil, err
		}
	}
}

// starting reports whether an error is one that goes away when an engine has started: nobody listens, its name is not known, or it has
// not made its certificates.
func starting(err error) bool {
	var unknown *net.DNSError
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist) || errors.As(err, &unknown)
}

func (at endpoint) connect(ctx context.Context) (*Engine, error) {
	if err := at.reach(ctx); err != nil {
		return nil, err
	}
	opts, err := at.options()
	if err != nil {
		return nil, err
	}
	api, err := client.New(opts...)
	if err != nil {
		return nil, err
	}
	if _, err := api.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		_ = api.Close() // nothing was sent over it
		return nil, err
	}
	return &Engine{api: api}, nil
}

// reach opens a connection and closes it. Its error says why nobody answers; the client's keeps that to itself.
func (at endpoint) reach(ctx context.Context) error {
	scheme, address, _ := strings.Cut(at.host, "://")
	switch scheme {
	case "tcp":
		address, _, _ = strings.Cut(address, "/")
	case "unix":
	default:
		return nil
	}
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, scheme, address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// EngineError says that no Docker Engine answered.
type EngineError struct{ Tried []EngineTried }

// EngineTried is one place at which an engine was looked for.
type EngineTried struct {
	Host  string
	From  string   // who named the place, for example DOCKER_HOST
	Files []string // of TLS
	Err   error
}

// Error names each address, who named it, and the cause.
func (e *EngineError) Error() string {
	lines := make([]string, len(e.Tried))
	for i, t := range e.Tried {
		lines[i] = fmt.Sprintf("docker engine at %s: connecting: %v (the address is from %s)", t.Host, t.Err, t.From)
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the causes.
func (e *EngineError) Unwrap() []error {
	causes := make([]error, len(e.Tried))
	for i, t := range e.Tried {
		causes[i] = t.Err
	}
	return causes
}

// Hint says what to do about it.
func (e *EngineError) Hint() string {
	for _, t := range e.Tried {
		if hint := t.hint(); hint != "" {
			return hint
		}
	}
	return "start Docker, or set DOCKER_HOST to the engine to use"
}

func (t EngineTried) hint() string {
	text := t.Err.Error()
	scheme, _, _ := strings.Cut(t.Host, "://")
	switch {
	case errors.Is(t.Err, fs.ErrPermission) && scheme == "unix":
		return "your user may not use this socket: add it to the group docker (sudo usermod -aG docker \"$USER\", then log in again), or run this as root"
	case len(t.Files) > 0 && errors.Is(t.Err, fs.ErrNotExist):
		return "TLS needs the files " + strings.Join(t.Files, ", ") + "; DOCKER_CERT_PATH names their folder; without TLS unset DOCKER_TLS_VERIFY"
	case strings.Contains(text, "HTTP response to HTTPS client"):
		return "the engine speaks no TLS there: unset DOCKER_TLS_VERIFY, or use its TLS port (mostly 2376)"
	case len(t.Files) > 0 && (strings.Contains(text, "tls: ") || strings.Contains(text, "x509: ")):
		return "the engine and this program must trust each other's certificates; these are used: " + strings.Join(t.Files, ", ")
	case strings.Contains(text, "HTTP request to an HTTPS server") || strings.Contains(text, "TLS-enabled daemon"):
		return "the engine speaks TLS there: set DOCKER_TLS_VERIFY=1, and DOCKER_CERT_PATH to the folder with ca.pem, cert.pem and key.pem"
	case scheme == "ssh":
		return "ssh must reach that host without asking for anything, and the docker program must be installed there: try ssh HOST docker version"
	case scheme == "tcp" && starting(t.Err):
		return "see that an engine listens there; in a CI job, that the service docker:dind is defined, started and privileged; the port is 2376 with TLS, 2375 without"
	}
	return ""
}
