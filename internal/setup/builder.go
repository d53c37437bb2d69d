package setup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	buildkit "github.com/moby/buildkit/client"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/client"
)

// Labels of everything that a run creates in an engine. They say who made it, so that cleaning up never needs to guess.
const (
	LabelRun     = "multiarch-action.run"     // id of the run
	LabelVersion = "multiarch-action.version" // version of the program
)

const (
	bootTimeout = 60 * time.Second
	// A busy disk can take its time to give up a builder's layers. A runner that cancels gives about 10 s.
	closeTimeout       = 60 * time.Second
	closeTimeoutCancel = 8 * time.Second
)

// BuilderConfig says how to start a builder.
type BuilderConfig struct {
	Name        string // of the container; empty: multiarch-action- and the run's id
	Run         string // id of this run
	Version     string // of this program, for the label
	Image       string
	TOML        []byte            // buildkitd.toml
	Files       map[string][]byte // files that the TOML names, by their path inside the container below /etc/buildkit
	HostNetwork bool
	Keep        bool // leave it running on Close
	// Before is waited for between creating the container and starting it: BuildKit looks for emulators when it starts.
	Before func(context.Context) error
	// Say is told about steps that take time; it may be called from several goroutines.
	Say func(text string)
}

// Builder is a running BuildKit in a container of its own.
type Builder struct {
	Client   *buildkit.Client
	Name     string // of the container
	Version  string // of BuildKit
	engine   *Engine
	socket   *socket // nil: connect through the engine
	started  time.Time
	config   BuilderConfig
	taken    bool // a container of this name was there before, and is not ours to remove
	once     sync.Once
	closeErr error
}

var builderName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]+$`)

// ValidBuilderName reports whether an engine takes the name for a container (moby daemon/names).
func ValidBuilderName(name string) bool { return builderName.MatchString(name) }

// StartBuilder pulls the image if the engine does not have it, starts a privileged container from it, and waits until
// BuildKit answers. The container has no restart policy: what outlives its run must not come back with the engine.
// When it returns an error, it has already removed what it made.
func StartBuilder(ctx context.Context, engine *Engine, config BuilderConfig) (*Builder, error) {
	b := &Builder{Name: cmp.Or(config.Name, "multiarch-action-"+config.Run), engine: engine, config: config, socket: engine.shareSocket(config.Run)}
	err := engine.ensureImage(ctx, config.Image, config.Say)
	if err == nil {
		err = b.start(ctx)
	}
	if b.socket != nil && errdefs.IsInvalidArgument(err) {
		err = b.restart(ctx)
	}
	if err == nil {
		err = b.await(ctx)
	}
	if err != nil {
		b.config.Keep = false
		return nil, errors.Join(fmt.Errorf("builder %s: %w", b.Name, err), b.Close(ctx))
	}
	return b, nil
}

// UseBuilder connects to a builder that an earlier run was asked to keep. Closing it leaves it running.
func UseBuilder(ctx context.Context, engine *Engine, name string) (*Builder, error) {
	found, err := engine.api.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
	if err != nil {
		return nil, fmt.Errorf("builder %s: looking for it: %w", name, err)
	}
	b := &Builder{Name: name, engine: engine, config: BuilderConfig{Keep: true}}
	for _, m := range found.Container.Mounts {
		if m.Destination == socketFolder {
			b.socket = &socket{folder: m.Source}
		}
	}
	if err := b.await(ctx); err != nil {
		return nil, fmt.Errorf("builder %s: %w", name, err)
	}
	return b, nil
}

// start creates the container and starts it. Creating is not cancelled half-way: an engine that has accepted the request
// goes on with it, and the container would be found by nobody.
func (b *Builder) start(ctx context.Context) error {
	host, err := b.hostConfig(ctx)
	if err != nil {
		return err
	}
	creating, cancel := context.WithTimeout(context.WithoutCancel(ctx), bootTimeout)
	defer cancel()
	_, err = b.engine.api.ContainerCreate(creating, client.ContainerCreateOptions{
		Name: b.Name, Config: b.containerConfig(), HostConfig: host,
	})
	if errdefs.IsConflict(err) {
		b.taken = true
		return &NameTakenError{Name: b.Name}
	}
	if err != nil {
		return fmt.Errorf("creating the container: %w", err)
	}
	archive, err := b.config.archive()
	if err != nil {
		return err
	}
	if _, err := b.engine.api.CopyToContainer(ctx, b.Name, client.CopyToContainerOptions{DestinationPath: "/etc", Content: archive}); err != nil {
		return fmt.Errorf("copying its configuration: %w", err)
	}
	if err := b.config.Before(ctx); err != nil {
		return err
	}
	if _, err := b.engine.api.ContainerStart(ctx, b.Name, client.ContainerStartOptions{}); err != nil {
		return fmt.Errorf("starting the container: %w", err)
	}
	b.started = time.Now()
	return nil
}

// NameTakenError says that a container has the builder's name already.
type NameTakenError struct{ Name string }

// Error names it.
func (e *NameTakenError) Error() string {
	return fmt.Sprintf("the engine has a container of the name %q already", e.Name)
}

// Hint says what to do about it.
func (e *NameTakenError) Hint() string {
	return fmt.Sprintf("use that builder by --builder %[1]s, or remove it by: multiarch-action cleanup --name %[1]s", e.Name)
}

// restart starts without the shared folder, which an engine that does not see our files refuses.
func (b *Builder) restart(ctx context.Context) error {
	if err := b.socket.remove(); err != nil {
		return err
	}
	b.socket = nil
	if err := b.engine.remove(ctx, b.Name); err != nil {
		return err
	}
	return b.start(ctx)
}

func (b *Builder) containerConfig() *container.Config {
	flags := []string{"--config", "/etc/buildkit/buildkitd.toml"}
	if b.socket != nil {
		flags = append(flags, b.socket.flags()...)
	}
	return &container.Config{Image: b.config.Image, Cmd: flags, Labels: b.config.labels()}
}

func (c BuilderConfig) labels() map[string]string {
	return map[string]string{LabelRun: c.Run, LabelVersion: c.Version}
}

func (b *Builder) hostConfig(ctx context.Context) (*container.HostConfig, error) {
	init := true // reaps the processes that build steps leave
	host := &container.HostConfig{
		Privileged: true,
		Init:       &init,
		Mounts: []mount.Mount{{
			// Without a volume BuildKit cannot use overlayfs and copies every layer. It has no name: it goes with the container.
			Type: mount.TypeVolume, Target: "/var/lib/buildkit",
			VolumeOptions: &mount.VolumeOptions{Labels: b.config.labels()},
		}},
	}
	if b.socket != nil {
		host.Mounts = append(host.Mounts, b.socket.mount())
	}
	if b.config.HostNetwork {
		host.NetworkMode = "host"
	}
	return host, b.engine.outsideUserNamespaces(ctx, host)
}

// outsideUserNamespaces puts a privileged container into the first user namespace, which it needs.
func (e *Engine) outsideUserNamespaces(ctx context.Context, host *container.HostConfig) error {
	info, err := e.api.Info(ctx, client.InfoOptions{})
	if err != nil {
		return fmt.Errorf("asking the engine for its settings: %w", err)
	}
	if slices.Contains(info.Info.SecurityOptions, "name=userns") {
		host.UsernsMode = "host"
	}
	return nil
}

// await connects at once and asks until BuildKit answers: its listener exists before its controller does, so an early
// connection only waits.
func (b *Builder) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, bootTimeout)
	defer cancel()
	retry := time.NewTicker(10 * time.Millisecond)
	defer retry.Stop()
	for try := 1; ; try++ {
		err := b.connect(ctx)
		if err == nil {
			return nil
		}
		if logs, dead := b.exited(ctx, try); dead {
			return fmt.Errorf("the container ended before BuildKit answered; its last words:\n%s", logs)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for BuildKit: %w: %w", context.Cause(ctx), err)
		case <-retry.C:
		}
	}
}

// connect makes a new client each time: a connection that has failed once waits a second before it tries again.
func (b *Builder) connect(ctx context.Context) error {
	c, err := buildkit.New(ctx, "", buildkit.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		return b.dial(ctx)
	}))
	if err != nil {
		return err
	}
	info, err := c.Info(ctx)
	if err != nil {
		_ = c.Close() // it never worked
		return err
	}
	b.Client, b.Version = c, info.BuildkitVersion.Version
	return nil
}

// dial prefers the socket, and falls back on the engine if the socket does not appear.
func (b *Builder) dial(ctx context.Context) (net.Conn, error) {
	switch {
	case b.socket != nil && b.socket.appeared():
		return b.socket.dial(ctx)
	case b.socket != nil && time.Since(b.started) < socketPatience:
		return nil, errors.New("BuildKit has not made its socket yet")
	}
	return b.engine.dialStdio(ctx, b.Name)
}

// exited reports whether the container has ended, and the last lines that it printed. The engine is asked at every tenth try only:
// it is busy starting the container.
func (b *Builder) exited(ctx context.Context, try int) (logs string, dead bool) {
	if try%10 != 0 {
		return "", false
	}
	result, err := b.engine.api.ContainerInspect(ctx, b.Name, client.ContainerInspectOptions{})
	if err != nil || result.Container.State == nil || result.Container.State.Running {
		return "", false
	}
	return b.Logs(ctx), true
}

// Logs returns the last lines that the builder printed, or why there are none.
func (b *Builder) Logs(ctx context.Context) string {
	stream, err := b.engine.api.ContainerLogs(ctx, b.Name, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Tail: "20"})
	if err != nil {
		return fmt.Sprintf("(reading them: %v)", err)
	}
	defer func() { _ = stream.Close() }() // only read
	text, err := demultiplex(io.LimitReader(stream, 64<<10))
	if err != nil && text == "" {
		return fmt.Sprintf("(reading them: %v)", err)
	}
	return text
}

// Discard makes Close remove the builder, even if it was to be kept.
func (b *Builder) Discard() { b.config.Keep = false }

// Close removes the container and its volume, unless they are to be kept. It has a time limit of its own and works after ctx was
// cancelled; more than one call is one call.
func (b *Builder) Close(ctx context.Context) error {
	b.once.Do(func() {
		limit := closeTimeout
		if ctx.Err() != nil {
			limit = closeTimeoutCancel
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
		defer cancel()
		if b.Client != nil {
			_ = b.Client.Close() // the container ends next, and with it the connection
		}
		if b.config.Keep {
			return
		}
		if !b.taken {
			b.closeErr = b.engine.remove(ctx, b.Name)
		}
		if b.socket != nil {
			b.closeErr = errors.Join(b.closeErr, b.socket.remove())
		}
	})
	return b.closeErr
}

// remove takes away a container and its unnamed volumes. One that is not there is no error.
func (e *Engine) remove(ctx context.Context, name string) error {
	_, err := e.api.ContainerRemove(ctx, name, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil && !errdefs.IsNotFound(err) {
		return fmt.Errorf("container %s: removing: %w", name, err)
	}
	return nil
}

// RunOf returns the id of the run that made a container. Only those of this program have one.
func (e *Engine) RunOf(ctx context.Context, name string) (string, error) {
	found, err := e.api.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
	if err != nil {
		return "", fmt.Errorf("builder %s: looking for it: %w", name, err)
	}
	run := found.Container.Config.Labels[LabelRun]
	if run == "" {
		return "", fmt.Errorf("builder %s: the container of this name is not this program's: it has no label %s", name, LabelRun)
	}
	return run, nil
}

// RemoveRun takes away every container and volume that the run has left in the engine, and returns their names. An empty run
// means all runs of this program.
func (e *Engine) RemoveRun(ctx context.Context, run string) ([]string, error) {
	label := LabelRun
	if run != "" {
		label += "=" + run
	}
	filter := make(client.Filters).Add("label", label)
	containers, err := e.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		return nil, fmt.Errorf("containers of run %s: listing: %w", run, err)
	}
	var removed []string
	var problems []error
	for _, c := range containers.Items {
		problems = append(problems, e.remove(ctx, c.ID))
		removed = append(removed, "container "+c.ID[:12])
	}
	volumes, err := e.api.VolumeList(ctx, client.VolumeListOptions{Filters: filter})
	if err != nil {
		return removed, errors.Join(append(problems, fmt.Errorf("volumes of run %s: listing: %w", run, err))...)
	}
	for _, v := range volumes.Items {
		if _, err := e.api.VolumeRemove(ctx, v.Name, client.VolumeRemoveOptions{Force: true}); err != nil && !errdefs.IsNotFound(err) {
			problems = append(problems, fmt.Errorf("volume %s: removing: %w", v.Name, err))
			continue
		}
		removed = append(removed, "volume "+v.Name[:min(12, len(v.Name))])
	}
	return removed, errors.Join(problems...)
}
