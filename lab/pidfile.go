package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// pidFile is what a daemon's pid file is worth. After a kill -9 it stays behind, and the next daemon refuses to start,
// or waits for a process that isn't there.
type pidFile string

const (
	pidAbsent  pidFile = "there is no such file"
	pidLive    pidFile = "its process runs"
	pidGone    pidFile = "its process is gone"
	pidZombie  pidFile = "its process has ended and is a zombie"
	pidForeign pidFile = "its number belongs to another program now"
	pidSpoilt  pidFile = "it holds no process id"
)

// stale says whether the file only stands in the way.
func (s pidFile) stale() bool { return s != pidAbsent && s != pidLive }

// judgePidFile compares a pid file with the processes. The program is the name that the process must have.
func judgePidFile(p processes, path, program string) (pidFile, int, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return pidAbsent, 0, nil
	}
	if err != nil {
		return "", 0, fmt.Errorf("reading a pid file: %w", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 0 {
		return pidSpoilt, 0, nil
	}
	now, err := p.look(pid)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return pidGone, pid, nil
	case err != nil:
		return "", 0, fmt.Errorf("looking at process %d: %w", pid, err)
	case now.state == 'Z' || now.state == 'X':
		return pidZombie, pid, nil
	case now.name != program:
		return pidForeign, pid, nil
	}
	return pidLive, pid, nil
}

// enginePidFiles are what Docker's daemons leave behind. Sockets are not among them: both daemons replace their own.
var enginePidFiles = []struct{ path, program string }{
	{"/var/run/docker.pid", "dockerd"},
	{"/var/run/docker/containerd/containerd.pid", "containerd"},
}

// removeStalePidFiles clears the way for a new dockerd. A containerd that outlived its dockerd is no obstacle: the new
// dockerd takes it over. A dockerd that runs is one, because it owns the engine's folders.
func removeStalePidFiles() (removed []string, err error) {
	for _, file := range enginePidFiles {
		state, pid, err := judgePidFile(machine, file.path, file.program)
		if err != nil {
			return removed, err
		}
		if state == pidLive && file.program == "dockerd" {
			return removed, withHint(fmt.Errorf("a dockerd runs as process %d and doesn't answer", pid),
				"look into its log; end it if it hangs, or set DOCKER_HOST to where it listens")
		}
		if !state.stale() {
			continue
		}
		if err := os.Remove(file.path); err != nil {
			return removed, fmt.Errorf("removing a stale pid file: %w", err)
		}
		removed = append(removed, file.path)
	}
	return removed, nil
}
