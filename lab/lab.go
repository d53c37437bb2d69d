package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// lab is the repository's folder with what the commands write to. Its steps are functions of it, each in the file of
// its subject.
type lab struct {
	root   string // the repository
	getenv func(string) string
	stdout io.Writer // results, for machines
	log    *journal  // what happens, for people

	packages sync.Mutex // held while the machine's own apt installs something
	memos    memos
}

// newLab gives a lab over the repository at root.
func newLab(root string, getenv func(string) string, stdout, stderr io.Writer) *lab {
	l := &lab{root: root, getenv: getenv, stdout: stdout, log: &journal{w: stderr}}
	l.memos = newMemos(l)
	return l
}

// state gives a path below the lab's own folder.
func (l *lab) state(elem ...string) string {
	return filepath.Join(append([]string{l.root, ".lab"}, elem...)...)
}

// lock keeps two labs from working in one folder at once. The returned function gives the lock back; so does the end
// of the process, whatever ended it.
func (l *lab) lock(ctx context.Context) (func(), error) {
	if err := os.MkdirAll(l.state("run"), 0o755); err != nil {
		return nil, fmt.Errorf("lab: making its folder: %w", err)
	}
	file, err := os.OpenFile(l.state("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, withHint(fmt.Errorf("lab: opening its lock: %w", err), "if another user ran the lab here, run it as that user")
	}
	try := func() (bool, error) {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == unix.EWOULDBLOCK {
			return false, nil
		}
		return err == nil, err
	}
	free, err := try()
	if err == nil && !free {
		l.log.printf("lab: waiting for another lab that works in %s", l.state())
		err = poll(ctx, 200*time.Millisecond, try)
	}
	if err != nil {
		_ = file.Close() // the lock was not had, so nothing is lost
		return nil, fmt.Errorf("lab: locking %s: %w", file.Name(), err)
	}
	return func() { _ = file.Close() }, nil // closing gives the lock back; nothing was written
}

// poll calls done until it says true or gives an error, or until ctx ends.
func poll(ctx context.Context, every time.Duration, done func() (bool, error)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// once gives a function that does its work at the first call; every call gives that call's result. Steps that need the
// same thing can so each ask for it, and whoever is first does it.
func once[T any](do func(context.Context) (T, error)) func(context.Context) (T, error) {
	var (
		first  sync.Once
		result T
		err    error
	)
	return func(ctx context.Context) (T, error) {
		first.Do(func() { result, err = do(ctx) })
		return result, err
	}
}

// onlyOnce is once for what gives nothing but perhaps an error.
func onlyOnce(do func(context.Context) error) func(context.Context) error {
	first := once(func(ctx context.Context) (struct{}, error) { return struct{}{}, do(ctx) })
	return func(ctx context.Context) error {
		_, err := first(ctx)
		return err
	}
}
