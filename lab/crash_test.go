//go:build e2e

package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestUpSucceedsAfterItsEngineWasKilled is what a machine does that was switched off: dockerd and containerd end at
// once, and everything they leave behind stays. An engine that the lab didn't start is left alone; then this only shows
// that a second `up` changes nothing. It has no t.Parallel: it takes the engine away from everybody.
func TestUpSucceedsAfterItsEngineWasKilled(t *testing.T) { //nolint:paralleltest // see above
	l := thisLab(t)
	bring(t, l)
	if r, ours := l.recorded(dockerd); ours {
		killHard(t, append(containerdsOf(t, r), r))
	} else {
		t.Log("the engine is not the lab's: nothing is killed")
	}
	bring(t, thisLab(t))

	api, err := engineClient()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := answers(t.Context(), api); err != nil {
		t.Errorf("the engine doesn't answer: %v", err)
	}
	if _, found, err := findImage(t.Context(), api, buildkitImage); err != nil || !found {
		t.Errorf("%s: got found %v (%v), want it there", buildkitImage, found, err)
	}
	for _, r := range []registry{plainRegistry, secureRegistry} {
		client, err := l.registryClient(r)
		if err != nil || !registryAnswers(t.Context(), client, r) {
			t.Errorf("%s doesn't answer (%v)", r.name, err)
		}
	}
	if images := l.imagesStatus(t.Context()); !strings.Contains(images, "library/busybox:latest (8 platforms)") {
		t.Errorf("base images: got %s", images)
	}
}

func thisLab(t *testing.T) *lab {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	root, err := findRoot(here)
	if err != nil {
		t.Fatal(err)
	}
	getenv := func(name string) string { value, _ := os.LookupEnv(name); return value }
	return newLab(root, getenv, io.Discard, t.Output())
}

func bring(t *testing.T, l *lab) {
	t.Helper()
	if err := l.up(t.Context()); err != nil {
		t.Fatalf("lab up: %v", err)
	}
}

// containerdsOf finds the containerd of this dockerd. One that is older is somebody else's.
func containerdsOf(t *testing.T, parent record) []record {
	t.Helper()
	state, pid, err := judgePidFile(machine, enginePidFiles[1].path, enginePidFiles[1].program)
	if err != nil || state != pidLive {
		t.Fatalf("containerd: got %q (%v), want it to run", state, err)
	}
	now, err := machine.look(pid)
	if err != nil {
		t.Fatal(err)
	}
	if now.start < parent.Start {
		t.Fatalf("containerd %d is older than the lab's dockerd", pid)
	}
	return []record{{Name: "containerd", PID: pid, Start: now.start, Boot: machine.boot()}}
}

// killHard kills processes as a power cut would, and waits until they are gone or zombies.
func killHard(t *testing.T, all []record) {
	t.Helper()
	for _, r := range all {
		if !machine.runs(r) {
			t.Fatalf("%s %d doesn't run", r.Name, r.PID)
		}
		if err := syscall.Kill(r.PID, syscall.SIGKILL); err != nil {
			t.Fatalf("killing %s: %v", r.Name, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, r := range all {
		if err := poll(ctx, 20*time.Millisecond, func() (bool, error) { return !machine.runs(r), nil }); err != nil {
			t.Fatalf("%s outlived SIGKILL: %v", r.Name, err)
		}
	}
	if _, err := os.Stat("/var/run/docker.pid"); errors.Is(err, fs.ErrNotExist) {
		t.Error("a killed dockerd left no pid file, so this test shows less than it means to")
	}
}
