package setup

import (
	"context"
	"errors"
	"fmt"

	buildkit "github.com/moby/buildkit/client"
	"github.com/moby/moby/client"
)

// ErrNoGateway says that nobody knows by which address a builder's steps reach the builder's host.
var ErrNoGateway = errors.New("it does not say by which address its host is reached")

// gatewayLabel is where the BuildKit of a Docker Engine says it (daemon/internal/builder-next of moby).
const gatewayLabel = "org.mobyproject.buildkit.worker.moby.host-gateway-ip"

// WorkerGateway asks a BuildKit by which address its steps reach its host, which Docker calls host-gateway.
func WorkerGateway(ctx context.Context, c *buildkit.Client) (string, error) {
	workers, err := c.ListWorkers(ctx)
	if err != nil {
		return "", err
	}
	for _, w := range workers {
		if address := w.Labels[gatewayLabel]; address != "" {
			return address, nil
		}
	}
	return "", ErrNoGateway
}

// Gateway is the same for a builder's container: the gateway of its network. One on the host's network has that of Docker's own bridge,
// which is an address of the host.
func (b *Builder) Gateway(ctx context.Context) (string, error) {
	found, err := b.engine.api.ContainerInspect(ctx, b.Name, client.ContainerInspectOptions{})
	if err != nil {
		return "", fmt.Errorf("builder %s: looking at its network: %w", b.Name, err)
	}
	if settings := found.Container.NetworkSettings; settings != nil {
		for _, endpoint := range settings.Networks {
			if endpoint != nil && endpoint.Gateway.IsValid() {
				return endpoint.Gateway.String(), nil
			}
		}
	}
	bridge, err := b.engine.api.NetworkInspect(ctx, "bridge", client.NetworkInspectOptions{})
	if err != nil {
		return "", fmt.Errorf("builder %s: looking at Docker's bridge: %w", b.Name, err)
	}
	for _, config := range bridge.Network.IPAM.Config {
		if config.Gateway.IsValid() {
			return config.Gateway.String(), nil
		}
	}
	return "", ErrNoGateway
}
