package cli

import (
	"context"
	"fmt"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/setup"
)

// forBuilder plans again where no platform is named and the builder is elsewhere: its platform is meant then, not this machine's.
func (a *app) forBuilder(ctx context.Context, p *plan.Plan, inputs plan.Inputs) (*plan.Plan, error) {
	if !p.ByDefault || !p.Builder.Elsewhere() {
		return p, nil
	}
	platform, name, err := nativePlatform(ctx, p.Builder)
	if err != nil {
		return nil, err
	}
	inputs.Platforms = []string{platform.String()}
	if p, err = a.plan(ctx, inputs); err != nil {
		return nil, err
	}
	p.Notes = append(p.Notes, fmt.Sprintf("no platform is named, so the image is for that of the builder %s, %s", name, platform))
	return p, nil
}

// nativePlatform asks the builders that are elsewhere, one after the other, for what the first that answers runs natively.
func nativePlatform(ctx context.Context, b plan.Builder) (platform plan.Platform, name string, err error) {
	nodes := b.Nodes
	if b.Remote != nil {
		nodes = append([]plan.Node{{Endpoint: *b.Remote}}, nodes...)
	}
	for _, n := range nodes {
		if len(n.Platforms) > 0 {
			return n.Platforms[0], n.Address, nil
		}
		var remote *setup.Remote
		if remote, err = setup.Dial(ctx, n.Endpoint); err != nil {
			continue
		}
		_ = remote.Close() // it was only asked
		if len(remote.Platforms) > 0 {
			return remote.Platforms[0], n.Address, nil
		}
		err = fmt.Errorf("builder %s: it lists no platform; name one with --platform", n.Address)
	}
	return plan.Platform{}, "", err
}
