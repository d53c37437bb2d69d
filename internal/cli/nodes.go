package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	buildkit "github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/grpcerrors"
	"github.com/opencontainers/go-digest"
	"google.golang.org/grpc/codes"

	"github.com/org/multiarch-action/internal/build"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/progress"
	"github.com/org/multiarch-action/internal/report"
	"github.com/org/multiarch-action/internal/setup"
)

// node is a BuildKit that this run builds on: the default builder, or one that the user named.
type node struct {
	name    string
	here    bool // its steps run on this machine's kernel, with the handlers that were looked at
	version string
	offer   plan.Offer
	client  *buildkit.Client
	close   func(context.Context) error
	logs    func(context.Context) string // nil: they are out of reach
	// gateway is by which address its steps reach its host; nil: its worker may say.
	gateway func(context.Context) (string, error)
	hosts   []string // lines for /etc/hosts of its steps; nil: those of the plan
}

// dialNodes connects to every builder that the user named by its address. One that cannot be reached is reported and left out.
func (r *run) dialNodes(ctx context.Context) error {
	wanted := r.plan.Builder.Nodes
	if remote := r.plan.Builder.Remote; remote != nil {
		wanted = append([]plan.Node{{Endpoint: *remote}}, wanted...)
	}
	nodes, problems := make([]*node, len(wanted)), make([]error, len(wanted))
	var wait sync.WaitGroup
	for i, w := range wanted {
		wait.Go(func() { nodes[i], problems[i] = dialNode(ctx, w) })
	}
	wait.Wait()
	r.nodes = slices.DeleteFunc(slices.Clone(nodes), func(n *node) bool { return n == nil })
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if len(wanted) == 1 && r.plan.Builder.Elsewhere() && problems[0] != nil {
		return problems[0]
	}
	for i, n := range nodes {
		if n == nil {
			r.unreached(wanted[i], problems[i])
			continue
		}
		r.say("setup", "node %s ready (BuildKit %s), lists %s", n.name, n.version, platformList(n.offer.Listed))
		if unvouched := n.offer.Unvouched(); len(unvouched) > 0 {
			r.say("setup", "node %s: its BuildKit does not list %s; you say that it runs them", n.name, platformList(unvouched))
		}
	}
	if len(r.nodes) == 0 && r.plan.Builder.Elsewhere() {
		return fmt.Errorf("builders: connecting: none of the %d nodes can be reached", len(wanted))
	}
	return nil
}

func dialNode(ctx context.Context, w plan.Node) (*node, error) {
	remote, err := setup.Dial(ctx, w.Endpoint)
	if err != nil {
		return nil, err
	}
	closing := sync.OnceValue(remote.Close)
	return &node{
		name: remote.Address, version: remote.Version, client: remote.Client,
		offer: plan.Offer{Listed: remote.Platforms, Declared: w.Platforms},
		close: func(context.Context) error { return closing() },
	}, nil
}

// unreached puts a node into the report that is not there.
func (r *run) unreached(w plan.Node, err error) {
	row := report.Node{Name: w.Address, Problem: err.Error()}
	if remote := (*setup.RemoteError)(nil); errors.As(err, &remote) {
		row.Problem, row.Hint = "not reached: "+remote.Err.Error(), remote.Hint()
	}
	r.report.Nodes = append(r.report.Nodes, row)
	r.say("setup", "node %s %s; %s", row.Name, row.Problem, row.Hint)
}

// settleNodes completes what is known of the nodes when set-up has ended, and refuses what must not be emulated.
func (r *run) settleNodes(ctx context.Context) error {
	if n := r.own; n != nil {
		listed, _, err := setup.Workers(ctx, n.client)
		if err != nil {
			return fmt.Errorf("builder %s: asking for its platforms: %w", n.name, err)
		}
		// BuildKit looks for emulators when it starts, and a kept one started long ago.
		n.offer.Listed = append(listed, r.runningHere()...)
	}
	r.report.Builder = r.nodes[0].version
	offers := make([]plan.Offer, len(r.nodes))
	for i, n := range r.nodes {
		offers[i] = n.offer
		r.report.Nodes = append(r.report.Nodes, report.Node{Name: n.name, BuildKit: n.version})
		if warning := setup.VersionWarning(n.version); warning != "" {
			r.report.Notes = append(r.report.Notes, n.name+": "+warning)
			r.say("setup", "builder %s: %s", n.name, warning)
		}
	}
	if !r.plan.Builder.RequireNative {
		return nil
	}
	missing := plan.NotNative(r.plan.Platforms, offers)
	if len(missing) == 0 {
		return nil
	}
	var there []string
	for _, row := range r.report.Nodes {
		if row.Problem != "" {
			there = append(there, row.Name+" "+row.Problem)
		}
	}
	for _, n := range r.nodes {
		there = append(there, fmt.Sprintf("%s is %s", n.name, platformList(n.offer.Listed[:min(1, len(n.offer.Listed))])))
	}
	return plan.InputErrors{{
		Input: "--require-native", Value: platformList(missing), Rule: "no node runs it natively (" + strings.Join(there, "; ") + ")",
		Hint: "add a machine of that architecture by --node ADDRESS, or leave --require-native out",
	}}
}

// runningHere are the platforms of the plan that can be built on this machine: their programs run, or none is executed.
func (r *run) runningHere() []plan.Platform {
	var out []plan.Platform
	for _, need := range r.needs {
		if !need.Needs {
			out = append(out, need.Platform)
		}
	}
	for _, e := range r.emulation {
		if e.Way != setup.WayMissing {
			out = append(out, e.Platforms...)
		}
	}
	return out
}

func platformList(platforms []plan.Platform) string {
	names := make([]string, len(platforms))
	for i, p := range platforms {
		names[i] = p.String()
	}
	return strings.Join(names, ", ")
}

// newFleet prepares the build on all nodes, shown by one display.
func (r *run) newFleet(display progress.Display, stop context.CancelCauseFunc) *fleet {
	offers, names := make([]plan.Offer, len(r.nodes)), make([]string, len(r.nodes))
	for i, n := range r.nodes {
		offers[i], names[i] = n.offer, n.name
	}
	var one sync.Mutex
	f := newFleet(offers, names)
	f.nativeOnly = r.plan.Builder.RequireNative
	f.say = func(format string, args ...any) { r.say("build", format, args...) }
	f.build = func(ctx context.Context, node int, platforms []plan.Platform) share {
		n := r.nodes[node]
		return r.buildOn(ctx, n, platforms, r.statusOf(n, display, &one), stop)
	}
	return f
}

// reportLost puts into the report which nodes were lost during the build.
func (r *run) reportLost(f *fleet) {
	for node, why := range f.lost {
		for i := range r.report.Nodes {
			if row := &r.report.Nodes[i]; row.Name == f.names[node] {
				row.Problem, row.Hint = "lost during the build: "+why, lostHint
			}
		}
	}
}

// closeNodes ends the connections, and the builder that this run has started. More than one call is one call.
func (r *run) closeNodes(ctx context.Context) error {
	problems := make([]error, len(r.nodes))
	var wait sync.WaitGroup
	for i, n := range r.nodes {
		wait.Go(func() { problems[i] = n.close(ctx) })
	}
	wait.Wait()
	return errors.Join(problems...)
}

const (
	nodeAnswer  = 5 * time.Second  // for an answer of a node on which a build has just failed
	nodeSilence = 60 * time.Second // after which a node is given up; a machine that emulates can be slow
	nodeAsked   = 15 * time.Second // between two questions
)

// errSilent ends the work on a node that answers no more.
var errSilent = errors.New("it has not answered for a minute")

// buildOn builds platforms on a node. What became of them says also whether the node is lost.
func (r *run) buildOn(ctx context.Context, n *node, platforms []plan.Platform, status func(*buildkit.SolveStatus), endAll context.CancelCauseFunc) share {
	part := r.planFor(n)
	part.Platforms = platforms
	request := build.Request{
		Plan: &part, Keychain: r.registry.Keychain, Check: r.check(), Status: status, NamePlatforms: len(r.plan.Platforms) > 1 || r.plan.MultiPlatform(), Parallel: r.parallel(n, len(platforms)),
		Ended: r.failFast(endAll), Archive: r.stdin.archive(), CacheProblem: r.cacheProblem,
		PushAgain: r.patience.PushAgain, Say: func(format string, args ...any) { r.say("build", format, args...) },
	}
	if n.here {
		request.Emulated, request.Retry = r.emulated, r.retry
	}
	if r.plan.Verify == plan.VerifyFull {
		request.Inspector = func() (*build.Inspector, error) { return inspectorFor(n.offer.Listed) }
	}
	if r.engine != nil {
		request.Load = r.engine.LoadImage
	}
	var err error
	if request.Folder, err = r.outputFolder(); err != nil {
		return share{err: err}
	}
	building, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if !n.here {
		go watch(building, nodeAsked, nodeSilence, n.ask, cancel)
	}
	var s share
	began := time.Now()
	s.results, s.exported, s.err = build.All(building, n.client, request)
	r.timePlatforms(began, s.results)
	if ctx.Err() != nil || !s.failed() {
		return s
	}
	if ended := r.ended(ctx, n, s.results); ended != nil {
		s.err, s.lost = ended, len(r.nodes) > 1 // alone, it says itself what became of it
		return s
	}
	asking, stop := context.WithTimeout(ctx, nodeAnswer)
	defer stop()
	s.lost = building.Err() != nil || build.Lost(s.err) || n.ask(asking) != nil
	if s.lost && s.err == nil {
		s.err = errors.New("it does not answer any more")
	}
	return s
}

// ask is an error if the node does not answer. It does not ask for platforms: that would make BuildKit look for emulators anew.
func (n *node) ask(ctx context.Context) error {
	_, err := n.client.Info(ctx)
	if grpcerrors.Code(err) == codes.Unimplemented { // BuildKit before 0.11: an answer too
		return nil
	}
	return err
}

// watch asks again and again, because a machine that has vanished from the network ends no connection, and gives up by cancel.
func watch(ctx context.Context, every, patience time.Duration, ask func(context.Context) error, cancel context.CancelCauseFunc) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		asking, stop := context.WithTimeout(ctx, patience)
		_ = ask(asking) // an error comes to the build too; only silence does not
		if asking.Err() != nil && ctx.Err() == nil {
			cancel(errSilent)
		}
		stop()
	}
}

// statusOf shows the messages of a node. Several nodes may have steps with one digest, which are different steps.
func (r *run) statusOf(n *node, display progress.Display, one *sync.Mutex) func(*buildkit.SolveStatus) {
	return func(message *buildkit.SolveStatus) {
		one.Lock()
		defer one.Unlock()
		message.Warnings = r.warnings.fresh(message.Warnings)
		if len(r.nodes) > 1 {
			setApart(message, n.name)
		}
		r.steps.add(message)
		display.Status(message)
	}
}

// setApart gives the steps of a message digests that are the node's own, and names those that are for no platform after the node.
func setApart(message *buildkit.SolveStatus, name string) {
	own := func(d digest.Digest) digest.Digest { return digest.FromString(name + " " + d.String()) }
	for _, v := range message.Vertexes {
		v.Digest = own(v.Digest)
		for i, input := range v.Inputs {
			v.Inputs[i] = own(input)
		}
		if label, _ := progress.Label(v.Name); label == "build" {
			v.Name += " on " + name
		}
	}
	for _, s := range message.Statuses {
		s.Vertex = own(s.Vertex)
	}
	for _, l := range message.Logs {
		l.Vertex = own(l.Vertex)
	}
	for _, w := range message.Warnings {
		w.Vertex = own(w.Vertex)
	}
}

// builderLines say in words which builders would be used besides a container.
func builderLines(b plan.Builder) []string {
	var lines []string
	switch {
	case b.Remote != nil:
		lines = append(lines, "on "+b.Remote.Address)
	case b.Local:
		lines = append(lines, "on a buildkitd that is started for it")
	}
	for _, n := range b.Nodes {
		line := "on " + n.Address
		if len(n.Platforms) > 0 {
			line += " for " + platformList(n.Platforms)
		}
		lines = append(lines, line)
	}
	return lines
}
