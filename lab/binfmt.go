package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/setup"
)

// binfmtDir is where the kernel lists the programs that run foreign programs.
const binfmtDir = "/proc/sys/fs/binfmt_misc"

// handlerRun begins the run under which the lab registers handlers. None outlives the making of an image, so the product must not
// rely on them: it does not on those of another run.
const handlerRun = "lab-"

// binfmtMounted asks for a file in it: the folder exists also where nothing is mounted on it.
func binfmtMounted() bool {
	_, err := os.Stat(filepath.Join(binfmtDir, "status"))
	return err == nil
}

// bringBinfmt mounts binfmt_misc. It is never unmounted: that would delete other people's handlers.
func (l *lab) bringBinfmt(ctx context.Context) error {
	mount := func(context.Context) (string, error) { return mountBinfmt() }
	if os.Geteuid() != 0 && !binfmtMounted() {
		if err := l.memos.buildkit(ctx); err != nil { // the image to mount it with
			return err
		}
		mount = func(ctx context.Context) (string, error) {
			return "mounted by a privileged container", l.mountInContainer(ctx)
		}
	}
	return l.log.step(ctx, "binfmt_misc", mount)
}

func mountBinfmt() (string, error) {
	if binfmtMounted() {
		return "is mounted already", nil
	}
	err := unix.Mount("binfmt_misc", binfmtDir, "binfmt_misc", 0, "")
	if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENOENT) {
		return "", withHint(fmt.Errorf("mounting %s: %w", binfmtDir, err), "the kernel lacks binfmt_misc: run modprobe binfmt_misc, on the host if this is a container")
	}
	if err != nil {
		return "", fmt.Errorf("mounting %s: %w", binfmtDir, err)
	}
	return "mounted", nil
}

// mountInContainer lets the engine do what takes root. The mount has to be made in the machine's own mount namespace,
// which is that of process 1: the last unmount deletes all handlers, and a container's would go with it.
func (l *lab) mountInContainer(ctx context.Context) error {
	api, err := l.memos.engine(ctx)
	if err != nil {
		return err
	}
	made, err := api.ContainerCreate(ctx, client.ContainerCreateOptions{
		Config: &container.Config{
			Image:      buildkitImage,
			Entrypoint: []string{"nsenter", "-t", "1", "-m", "--", "mount", "-t", "binfmt_misc", "binfmt_misc", binfmtDir},
			Labels:     map[string]string{labLabel: l.root},
		},
		HostConfig: &container.HostConfig{Privileged: true, PidMode: "host", NetworkMode: "none"},
	})
	if err != nil {
		return fmt.Errorf("making a container that mounts it: %w", err)
	}
	defer func() {
		// What can't be removed now, `lab down` finds by its label.
		_, _ = api.ContainerRemove(context.WithoutCancel(ctx), made.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	}()
	waiting := api.ContainerWait(ctx, made.ID, client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	if _, err := api.ContainerStart(ctx, made.ID, client.ContainerStartOptions{}); err != nil {
		return fmt.Errorf("starting a container that mounts it: %w", err)
	}
	select {
	case err := <-waiting.Error:
		return fmt.Errorf("waiting for a container that mounts it: %w", err)
	case <-waiting.Result:
	}
	if binfmtMounted() {
		return nil
	}
	return withHint(fmt.Errorf("mounting it in a privileged container: it said: %s", containerWords(ctx, api, made.ID)),
		"run: sudo mount -t binfmt_misc binfmt_misc "+binfmtDir)
}

// containerWords gives what a container wrote, or that it can't be read.
func containerWords(ctx context.Context, api *client.Client, id string) string {
	logs, err := api.ContainerLogs(ctx, id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true})
	if err != nil {
		return err.Error()
	}
	defer func() { _ = logs.Close() }() // only read
	text, err := io.ReadAll(io.LimitReader(logs, 4096))
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text))
}

// registerFor makes programs of a run here, until the returned function is called. Each image has a run of its own: its handlers
// go when it is finished.
func (l *lab) registerFor(ctx context.Context, host, a arch) (unregister func() error, err error) {
	if err := l.memos.binfmt(ctx); err != nil {
		return nil, err
	}
	packages, err := l.memos.debs(ctx)
	if err != nil {
		return nil, err
	}
	platform, err := plan.ParsePlatform(a.platform)
	if err != nil {
		return nil, err
	}
	config := setup.EmulationConfig{Run: handlerRun + a.debian, SearchPath: []string{packages.qemuDir(host)}}
	found, err := setup.Emulate(ctx, config, []plan.Platform{platform})
	unregister = func() error {
		_, err := setup.Unregister(config)
		return err
	}
	if err == nil && found[0].Way == setup.WayMissing {
		err = withHint(fmt.Errorf("making programs for %s run: %s", platform, found[0].Problem), found[0].Hint)
	}
	if err != nil {
		return nil, errors.Join(err, unregister())
	}
	return unregister, nil
}

// sweepHandlers removes handlers that a killed lab left behind. Only for who holds the lock.
func sweepHandlers() (removed []string, err error) {
	left, err := setup.Leftovers(setup.EmulationConfig{})
	if err != nil {
		return nil, err
	}
	for _, handler := range left {
		if !strings.HasPrefix(handler.Run, handlerRun) {
			continue
		}
		names, err := setup.Unregister(setup.EmulationConfig{Run: handler.Run})
		if err != nil {
			return removed, err
		}
		removed = append(removed, names...)
	}
	return removed, nil
}
