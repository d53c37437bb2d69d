package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"

	"github.com/org/multiarch-action/lab/capability"
)

// dockerd is the name under which the lab records the engine it started.
const dockerd = "dockerd"

// engineSocket is where an engine listens that nobody configured otherwise.
const engineSocket = "/var/run/docker.sock"

// engineClient gives a client of the engine that DOCKER_HOST or the usual socket leads to. It connects to nothing yet.
func engineClient() (*client.Client, error) {
	api, err := client.New(client.FromEnv)
	if err != nil {
		return nil, fmt.Errorf("reading DOCKER_HOST: %w", err)
	}
	return api, nil
}

// answers says which version the engine has, or what keeps it from answering.
func answers(ctx context.Context, api *client.Client) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if _, err := api.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return "", err
	}
	version, err := api.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return "", err
	}
	return version.Version + " (API " + version.APIVersion + ")", nil
}

// bringEngine gives a client of an engine that answers: the one that runs, or one that it starts.
func (l *lab) bringEngine(ctx context.Context) (*client.Client, error) {
	api, err := engineClient()
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	return api, l.log.step(ctx, "engine", func(ctx context.Context) (string, error) {
		version, err := answers(ctx, api)
		switch {
		case err == nil:
			_, ours := l.recorded(dockerd)
			return "Docker Engine " + version + " answers" + map[bool]string{true: ", started by an earlier lab"}[ours], nil
		case l.getenv(client.EnvOverrideHost) != "":
			return "", withHint(fmt.Errorf("asking the engine at DOCKER_HOST=%s: %w", l.getenv(client.EnvOverrideHost), err),
				"start that engine, or unset DOCKER_HOST to let the lab start one")
		case errors.Is(unix.Access(engineSocket, unix.W_OK), unix.EACCES):
			return "", withHint(fmt.Errorf("asking the engine: %w", err), "add yourself to the group docker, or run as root")
		case os.Geteuid() != 0:
			return "", withHint(fmt.Errorf("asking the engine: %w; starting one takes root, because it mounts file systems and sets up networks", err),
				"start Docker, or run: sudo go run ./lab up")
		}
		return l.startEngine(ctx, api)
	})
}

// startEngine installs an engine if there is none, clears away what a killed one left, and starts it.
func (l *lab) startEngine(ctx context.Context, api *client.Client) (string, error) {
	if err := l.ensurePackages(ctx, "for a Docker Engine", enginePackages...); err != nil {
		return "", err
	}
	if version, err := awaitService(ctx, api); err == nil {
		return "Docker Engine " + version + " installed and started by the system", nil
	}
	args := []string{program("dockerd"), "--label", labLabel + "=" + l.root}
	wrapper, missing, err := l.runtimeWrapper(ctx)
	if err != nil {
		return "", err
	}
	if wrapper != "" {
		args = append(args, "--add-runtime", "lowcap="+wrapper, "--default-runtime", "lowcap")
	}
	removed, err := removeStalePidFiles()
	if err != nil {
		return "", err
	}
	// dockerd looks for containerd, runc and iptables itself, and some of them are only in root's PATH.
	path := "PATH=" + l.getenv("PATH") + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"
	daemon, err := l.startDaemon(ctx, dockerd, args, path)
	if err != nil {
		return "", err
	}
	version := ""
	err = daemon.wait(ctx, time.Minute, func() bool {
		text, err := answers(ctx, api)
		version = text
		return err == nil
	})
	if err != nil {
		return "", err
	}
	return "Docker Engine " + version + " started" + told("; the machine withholds ", missing) + told("; removed the stale ", removed), nil
}

func told(lead string, what []string) string {
	if len(what) == 0 {
		return ""
	}
	return lead + strings.Join(what, ", ")
}

// awaitService waits for the engine that a package starts by itself where systemd runs.
func awaitService(ctx context.Context, api *client.Client) (version string, err error) {
	limit := time.Duration(0)
	if _, statErr := os.Stat("/run/systemd/system"); statErr == nil {
		limit = 10 * time.Second
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err = poll(limited, 200*time.Millisecond, func() (bool, error) {
		text, err := answers(ctx, api)
		version = text
		return err == nil, nil
	})
	return version, err
}

// runtimeWrapper gives the OCI runtime that strips what the machine withholds, built; or "" where it withholds nothing.
func (l *lab) runtimeWrapper(ctx context.Context) (path string, missing []string, err error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "", nil, fmt.Errorf("reading the own capabilities: %w", err)
	}
	last, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	if err != nil {
		return "", nil, fmt.Errorf("reading the kernel's last capability: %w", err)
	}
	missing, err = capability.Missing(string(status), string(last))
	if err != nil || len(missing) == 0 {
		return "", nil, err
	}
	source, err := filesText(filepath.Join(l.root, "lab/ociruntime/main.go"), filepath.Join(l.root, "lab/capability/capability.go"))
	if err != nil {
		return "", nil, err
	}
	key := cacheKey("ociruntime", "1", source, runtime.Version(), runtime.GOARCH)
	dir, _, err := l.cached(ctx, key, func(ctx context.Context, dir string) error {
		cmd := child(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", filepath.Join(dir, "ociruntime"), "./lab/ociruntime")
		cmd.Dir = l.root
		cmd.Env = append(cmd.Env, "CGO_ENABLED=0")
		if err := quiet(cmd); err != nil {
			return fmt.Errorf("building the OCI runtime wrapper: %w", err)
		}
		return nil
	})
	return filepath.Join(dir, "ociruntime"), missing, err
}

// labLabel marks what the lab made: the engine, the BuildKit image, containers, and the indexes in the registry.
const labLabel = "multiarch-action.lab"
