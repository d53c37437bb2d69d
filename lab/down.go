package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/moby/moby/client"
)

// down ends what `lab up` started, in any state it may be in.
func (l *lab) down(ctx context.Context) error {
	unlock, err := l.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := l.sweep(); err != nil {
		return err
	}
	if err := l.removeContainers(ctx); err != nil {
		return err
	}
	for _, name := range []string{plainRegistry.name, secureRegistry.name, dockerd} {
		err := l.log.step(ctx, name, func(ctx context.Context) (string, error) { return l.endRecorded(ctx, name) })
		if err != nil {
			return err
		}
	}
	return nil
}

// endRecorded ends one process, if it is the one that was recorded.
func (l *lab) endRecorded(ctx context.Context, name string) (string, error) {
	r, runs := l.recorded(name)
	if r.PID == 0 {
		return "was not started by the lab", nil
	}
	said := fmt.Sprintf("process %d has ended before", r.PID)
	if runs {
		if err := machine.end(ctx, r, 30*time.Second); err != nil {
			return "", err
		}
		said = fmt.Sprintf("process %d ended", r.PID)
	}
	if err := os.Remove(l.recordPath(name)); err != nil {
		return "", fmt.Errorf("removing its record: %w", err)
	}
	return said, nil
}

// removeContainers removes what the lab's own containers left, if an engine answers.
func (l *lab) removeContainers(ctx context.Context) error {
	api, err := engineClient()
	if err != nil {
		return err
	}
	if _, err := answers(ctx, api); err != nil {
		return nil //nolint:nilerr // no engine, no containers
	}
	found, err := api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: client.Filters{}.Add("label", labLabel+"="+l.root)})
	if err != nil {
		return fmt.Errorf("containers: looking for the lab's: %w", err)
	}
	for _, one := range found.Items {
		if _, err := api.ContainerRemove(ctx, one.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true}); err != nil {
			return fmt.Errorf("containers: removing %s: %w", one.ID, err)
		}
	}
	return nil
}
