package setup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// help lets the helper register emulators for the tasks, and proves here again what it says.
func (m *emulator) help(ctx context.Context, session *helperSession, tasks []*task, found supplies) error {
	request := helperRequest{Run: m.config.Run, Origins: map[string]string{}, Mounted: mounted(m.config.Root)}
	files := map[string]string{}
	for _, t := range tasks {
		s := found.byName[t.guest.name]
		request.Platforms = append(request.Platforms, t.result.Platforms...)
		request.Origins[t.guest.name] = s.origin
		files[t.guest.emulators()[0]] = s.path
	}
	session.Say("registering emulators through a privileged container, because this process may not: " + m.reach().problem)
	answer, err := session.call(ctx, request, files)
	if ctx.Err() != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	if err != nil {
		o := m.reach().and(&obstacle{"a container could not register them either: " + err.Error(), "see that the engine starts privileged containers"})
		for _, t := range tasks {
			t.add(o, false)
		}
		return nil
	}
	return atOnce(ctx, tasks, func(ctx context.Context, t *task) error { return m.believe(ctx, t, answer) })
}

// believe closes a task with what the helper said, after a look of its own.
func (m *emulator) believe(ctx context.Context, t *task, answer helperAnswer) error {
	i := slices.IndexFunc(answer.Emulations, func(e Emulation) bool { return e.Architecture == t.guest.name })
	if i < 0 {
		t.add(&obstacle{"the container that was to register an emulator said nothing of it", "name the emulators on this machine and run this as root"}, false)
		return nil
	}
	e := answer.Emulations[i]
	if e.Way == WayMissing {
		t.add(&obstacle{"in a privileged container of the engine: " + e.Problem, e.Hint}, false)
		return nil
	}
	seen, err := m.look(ctx, t.guest)
	if err != nil {
		return err
	}
	e.Platforms = t.result.Platforms
	e.Container = e.Way == WayRegistered
	if !seen.runs {
		e.Problem = "containers of the engine run them, and this process does not: " + seen.explain().problem
		e.Hint = "none is needed if the engine is on another machine; otherwise run this outside the container or namespace that it is in"
	}
	t.result = e
	return nil
}

// ServeHelper is the helper's side in the container: it does what the file asks for and leaves its answer beside it. The
// error is for the container's log and exit code.
func ServeHelper(ctx context.Context, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("request of the helper: reading: %w", err)
	}
	var request helperRequest
	if err := json.Unmarshal(text, &request); err != nil {
		return fmt.Errorf("request of the helper: %s: reading: %w", file, err)
	}
	answer, err := request.serve(ctx)
	if err != nil {
		answer.Error = err.Error()
	}
	if text, err = json.Marshal(answer); err != nil {
		return fmt.Errorf("answer of the helper: encoding: %w", err)
	}
	return os.WriteFile(filepath.Join(filepath.Dir(file), filepath.Base(helperAnswered)), text, 0o600)
}

func (r helperRequest) serve(ctx context.Context) (helperAnswer, error) {
	if !r.Mounted {
		if o := reachOnMachine(); o != nil {
			return helperAnswer{}, errors.New(o.problem + "; " + o.hint)
		}
	}
	if o := reachBinfmt(binfmtRoot); o != nil {
		return helperAnswer{}, errors.New(o.problem + "; " + o.hint)
	}
	if len(r.Platforms) == 0 {
		removed, err := removeHandlers(binfmtRoot, r.Run)
		return helperAnswer{Removed: removed}, err
	}
	emulations, err := Emulate(ctx, EmulationConfig{Run: r.Run, SearchPath: []string{"/" + helperEmulators}, origins: r.Origins}, r.Platforms)
	return helperAnswer{Emulations: emulations}, err
}

// reachOnMachine is reachBinfmt on the machine itself, outside of this container, where what is mounted stays: since Linux 6.7
// all handlers go with the last mount. It changes into the mount namespace of the machine's first process (setns(2)), which
// one thread can do if it shares nothing with the others. The thread ends with its goroutine, which does not unlock it.
func reachOnMachine() *obstacle {
	result := make(chan *obstacle)
	go func() {
		runtime.LockOSThread()
		if err := enterMachine(); err != nil {
			result <- &obstacle{"entering the machine's mount namespace gave: " + err.Error(), "mount binfmt_misc on the machine itself: sudo mount -t binfmt_misc binfmt_misc " + binfmtRoot}
			return
		}
		result <- reachBinfmt(binfmtRoot)
	}()
	return <-result
}

func enterMachine() error {
	namespace, err := os.Open("/proc/1/ns/mnt")
	if err != nil {
		return err
	}
	defer func() { _ = namespace.Close() }() // only read
	if err := syscall.Unshare(syscall.CLONE_FS); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	return os.NewSyscallError("setns", unix.Setns(int(namespace.Fd()), syscall.CLONE_NEWNS))
}
