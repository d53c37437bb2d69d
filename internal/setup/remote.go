package setup

import (
	"context"
	"errors"
	"fmt"
	"time"

	buildkit "github.com/moby/buildkit/client"
	_ "github.com/moby/buildkit/client/connhelper/dockercontainer" // docker-container://
	_ "github.com/moby/buildkit/client/connhelper/kubepod"         // kube-pod://
	_ "github.com/moby/buildkit/client/connhelper/ssh"             // ssh://
	"github.com/moby/buildkit/util/grpcerrors"
	"google.golang.org/grpc/codes"

	"github.com/org/multiarch-action/internal/plan"
)

const (
	remoteTimeout   = 30 * time.Second // for an answer of a BuildKit that is said to run
	diagnoseTimeout = 5 * time.Second  // for finding out why there was none
)

// Remote is a BuildKit that somebody else runs. It is used and never removed.
type Remote struct {
	Client    *buildkit.Client
	Address   string
	Version   string          // of BuildKit; empty: it does not say
	Platforms []plan.Platform // that it lists; the first is what its processor is
}

// Dial connects to a BuildKit and asks it for its platforms. Where nobody answers, or not as BuildKit, the error is a RemoteError.
func Dial(ctx context.Context, e plan.Endpoint) (*Remote, error) {
	limited, cancel := context.WithTimeout(ctx, remoteTimeout)
	defer cancel()
	client, err := buildkit.New(limited, e.Address, credentials(e)...)
	if err != nil {
		return nil, diagnose(ctx, e, err)
	}
	r := &Remote{Client: client, Address: e.Address}
	if r.Platforms, r.Version, err = Workers(limited, client); err != nil {
		_ = client.Close() // it never worked
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, diagnose(ctx, e, err)
	}
	return r, nil
}

func credentials(e plan.Endpoint) []buildkit.ClientOpt {
	if !e.TLS() {
		return nil
	}
	opts := []buildkit.ClientOpt{buildkit.WithServerConfig(e.ServerName, e.CACert)}
	if e.CACert == "" {
		opts = []buildkit.ClientOpt{buildkit.WithServerConfigSystem(e.ServerName)}
	}
	if e.Cert != "" {
		opts = append(opts, buildkit.WithCredentials(e.Cert, e.Key))
	}
	return opts
}

// Workers asks a BuildKit which platforms it lists, its processor's own first, and for its version, which old ones do not tell.
func Workers(ctx context.Context, client *buildkit.Client) (platforms []plan.Platform, version string, err error) {
	workers, err := client.ListWorkers(ctx)
	if err != nil {
		return nil, "", err
	}
	if len(workers) == 0 {
		return nil, "", errors.New("it has no worker")
	}
	for _, spec := range workers[0].Platforms {
		platforms = append(platforms, plan.PlatformOf(spec))
	}
	info, err := client.Info(ctx)
	if err != nil && grpcerrors.Code(err) != codes.Unimplemented { // BuildKit before 0.11
		return nil, "", err
	}
	if info != nil {
		version = info.BuildkitVersion.Version
	}
	return platforms, version, nil
}

// Close ends the connection. The BuildKit goes on.
func (r *Remote) Close() error {
	if err := r.Client.Close(); err != nil {
		return fmt.Errorf("builder %s: closing the connection: %w", r.Address, err)
	}
	return nil
}

// RemoteError says that a builder could not be used, and why.
type RemoteError struct {
	Address string
	Err     error
	Cure    string
}

// Error names the address and the cause.
func (e *RemoteError) Error() string {
	return fmt.Sprintf("builder %s: connecting: %v", e.Address, e.Err)
}

// Unwrap returns the cause.
func (e *RemoteError) Unwrap() error { return e.Err }

// Hint says what to do about it.
func (e *RemoteError) Hint() string { return e.Cure }
