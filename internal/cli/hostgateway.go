package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/setup"
)

// settleHosts finds out what host-gateway means in --add-host: for each builder its own host's address.
func (r *run) settleHosts(ctx context.Context) error {
	if !r.plan.Steps.NamesGateway() {
		return nil
	}
	for _, n := range r.nodes {
		find := n.gateway
		if find == nil {
			find = func(ctx context.Context) (string, error) { return setup.WorkerGateway(ctx, n.client) }
		}
		address, err := find(ctx)
		switch {
		case errors.Is(err, setup.ErrNoGateway):
			return plan.InputErrors{{
				Input: "--add-host", Value: plan.HostGateway, Rule: fmt.Sprintf("builder %s: %v", n.name, err), Hint: "write the address itself",
			}}
		case err != nil:
			return err
		}
		n.hosts = r.plan.Steps.HostsAt(address)
		r.say("setup", "builder %s: host-gateway is %s", n.name, address)
	}
	return nil
}

// planFor is the plan as one builder is given it.
func (r *run) planFor(n *node) plan.Plan {
	p := *r.plan
	if n.hosts != nil {
		p.Steps.Hosts = n.hosts
	}
	return p
}
