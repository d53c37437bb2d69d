package setup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	buildkit "github.com/moby/buildkit/client"
	"github.com/moby/moby/client"

	"github.com/org/multiarch-action/internal/plan"
)

// Labels of everything that a run creates in an engine. They say who made it, so that cleaning up never needs to guess.
const (
	LabelRun     = "multiarch-action.run"     // id of the run
	LabelVersion = "multiarch-action.version" // version of the program
	LabelOwner   = "multiarch-action.owner"   // the process, as no other is ever named
	LabelKept    = "multiarch-action.kept"    // "true": it stays when its run has ended
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
	Folder      string // private to this run, for the builder's socket; empty: connect through the engine
	Version     string // of this program, for the label
	Image       string
	TOML        []byte            // buildkitd.toml
	Files       map[string][]byte // files that the TOML names, by their path inside the container below /etc/buildkit
	HostNetwork bool
	Options     plan.DriverOptions
	Flags       []string // further flags of buildkitd
	Keep        bool     // leave it running on Close
	// Before is waited for between creating the container and starting it: BuildKit looks for emulators when it starts.
	Before func(context.Context) error
	// Timed is given the parts of starting to do: "image", "container", in it "wait" for Before, and "boot". Nil: they are just done.
	Timed func(part string, do func() error) error
	// Say is told about steps that take time; it may be called from several goroutines.
	Say func(text string)
}

// Builder is a running BuildKit in a container of its own.
type Builder struct {
	Client   *buildkit.Client
	Name     string // of the container
	Run      string // id of the run that made it
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
	b := &Builder{Name: cmp.Or(config.Name, "multiarch-action-"+config.Run), Run: config.Run, engine: engine, config: config, socket: engine.shareSocket(config.Folder)}
	err := config.timed("image", func() (err error) {
		b.config.Image, err = engine.ensureImage(ctx, config.Image, config.Say)
		return err
	})
	if err == nil {
		err = config.timed("container", func() error { return b.start(ctx) })
	}
	if b.socket != nil && errdefs.IsInvalidArgument(err) {
		err = b.restart(ctx)
	}
	if err == nil {
		err = config.timed("boot", func() error { return b.await(ctx) })
	}
	if err != nil {
		b.config.Keep = false
		return nil, errors.Join(fmt.Errorf("builder %s: %w", b.Name, err), b.Close(ctx))
	}
	return b, nil
}

// start creates the container and starts it. Creating is not cancelled half-way: an engine that has accepted the request
// goes on with it, and the container would be found by nobody.
func (b *Builder) start(ctx context.Context) error {
	settings, err := b.engine.settings(ctx)
	if err != nil {
		return err
	}
	creating, cancel := context.WithTimeout(context.WithoutCancel(ctx), bootTimeout)
	defer cancel()
	_, err = b.engine.api.ContainerCreate(creating, client.ContainerCreateOptions{
		Name: b.Name, Config: b.containerConfig(), HostConfig: b.hostConfig(settings),
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
	if err := b.config.timed("wait", func() error { return b.config.Before(ctx) }); err != nil {
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
	b.socket = nil
	if err := b.engine.remove(ctx, b.Name); err != nil {
		return err
	}
	return b.start(ctx)
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
		if try%10 == 0 { // not more often: the engine is busy starting the container
			if ended := b.ended(ctx, "before BuildKit answered"); ended != nil {
				return ended
			}
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
	})
	return b.closeErr
}
