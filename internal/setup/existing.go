package setup

import (
	"context"
	"fmt"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// UseBuilder connects to a builder that an earlier run was asked to keep, or to the one of that name that docker buildx has in a container.
// Closing it leaves it running.
func UseBuilder(ctx context.Context, engine *Engine, name string) (*Builder, error) {
	found, err := engine.api.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
	if errdefs.IsNotFound(err) {
		peers := "buildx_buildkit_" + name + "0" // driver/docker-container of buildx; the number is of its first node
		if other, e := engine.api.ContainerInspect(ctx, peers, client.ContainerInspectOptions{}); e == nil {
			found, err, name = other, nil, peers
		}
	}
	switch {
	case errdefs.IsNotFound(err):
		return nil, &NoBuilderError{Name: name}
	case err != nil:
		return nil, fmt.Errorf("builder %s: looking for it: %w", name, err)
	}
	b := &Builder{Name: name, engine: engine, config: BuilderConfig{Keep: true}}
	if c := found.Container.Config; c != nil {
		b.Run = c.Labels[LabelRun]
	}
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

// NoBuilderError says that there is no container with a builder of that name.
type NoBuilderError struct{ Name string }

// Error names it.
func (e *NoBuilderError) Error() string {
	return fmt.Sprintf("builder %s: the engine has no container of this name, nor one of docker buildx", e.Name)
}

// Hint says what to do about it.
func (e *NoBuilderError) Hint() string {
	return "leave --builder out to have one started, make one that stays by multiarch-action setup, or write the address of a running BuildKit"
}

// HasBuilder reports whether a container of the name runs that this program made to stay.
func (e *Engine) HasBuilder(ctx context.Context, name string) (bool, error) {
	found, err := e.api.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
	switch {
	case errdefs.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("builder %s: looking for it: %w", name, err)
	}
	c := found.Container
	return c.State != nil && c.State.Running && c.Config != nil && c.Config.Labels[LabelKept] != "", nil
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
