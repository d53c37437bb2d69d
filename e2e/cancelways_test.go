//go:build e2e

package e2e

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// cancelWay is how a host starts a run and how it ends it.
type cancelWay struct {
	name  string
	grace time.Duration // from the cancellation until the host, or the next job, expects that nothing runs any more
	// start returns the log. cancel returns when the host has done all that it does.
	start   func(t *testing.T, c *cell) io.Reader
	cancel  func(t *testing.T, c *cell)
	cleaner string // who cleans up what the run has left; empty: nobody, it has to do so itself
	clean   func(t *testing.T, c *cell, run string)
}

// gitHubGrace is from GitHub's SIGINT to its SIGKILL; a process whose shell has ended has 5 s more
// (https://github.com/actions/runner/blob/main/src/Runner.Sdk/ProcessInvoker.cs).
const gitHubGrace = 10 * time.Second

func cancelWays(t *testing.T) []cancelWay {
	t.Helper()
	program := w.program + " build"
	hosts := &hosts{running: map[*cell]*host{}}
	bash := func(script string) func(*testing.T, *cell) io.Reader {
		return func(t *testing.T, c *cell) io.Reader { return hosts.start(t, c, "bash", "-e", "-c", script) }
	}
	launcher := func(t *testing.T, c *cell) io.Reader {
		return hosts.start(t, c, "node", filepath.Join(releasedFolder(t), "action", "main.js"))
	}
	post := func(t *testing.T, c *cell, run string) {
		cmd := exec.CommandContext(t.Context(), "node", filepath.Join(releasedFolder(t), "action", "post.js"))
		cmd.Env = append(c.variables(), "STATE_run="+run)
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("the post step: %v\n%s", err, text)
		}
	}
	next := func(t *testing.T, c *cell, _ string) {
		atOnce := builds(folder(t, map[string]string{"Dockerfile": runsAtOnce}), []string{"linux/amd64"})
		atOnce.tmp = c.tmp
		atOnce.run(t).wantCode(t, 0)
	}
	return []cancelWay{
		{"GitHub, the action: SIGINT, SIGTERM, SIGKILL", gitHubGrace, launcher, hosts.asGitHub, "", nil},
		{"GitHub, exec in a step: the same", gitHubGrace, bash("exec " + program), hosts.asGitHub, "", nil},
		{"GitHub, a step: the shell has the signals", gitHubGrace + 5*time.Second, bash(program + "; true"), hosts.asGitHub, "", nil},
		{"Jenkins, GitLab: SIGTERM for all", gitHubGrace, bash(program + "; true"), hosts.signal(syscall.SIGTERM, true), "", nil},
		{"act: Ctrl-C", gitHubGrace, onAct(hosts), hosts.interrupted, "", nil},
		{"gitlab-ci-local: Ctrl-C", gitHubGrace, onGitLab(hosts), hosts.interrupted, "", nil},
		{"a terminal that is closed: SIGHUP", gitHubGrace, onTerminal(hosts, program+"; true"), hosts.hangUp, "", nil},
		{"a shell that is killed: its parent has gone", 5 * time.Second, bash(program + "; true"), hosts.signal(syscall.SIGKILL, false), "", nil},
		{"a launcher that is killed: the same", 5 * time.Second, launcher, hosts.signal(syscall.SIGKILL, false), "", nil},
		{"SIGKILL for all, then the post step", gitHubGrace, launcher, hosts.signal(syscall.SIGKILL, true), "post step", post},
		{"SIGKILL for all, then another run", gitHubGrace, bash(program + "; true"), hosts.signal(syscall.SIGKILL, true), "next run", next},
	}
}

// hosts are the processes that stand for CI hosts.
type hosts struct {
	mu      sync.Mutex
	running map[*cell]*host
}

type host struct {
	cmd      *exec.Cmd
	ended    chan struct{} // closed when the process that the host has started has ended
	terminal *os.File
}

func (h *hosts) of(c *cell) *host {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.running[c]
}

func (h *hosts) start(t *testing.T, c *cell, name string, args ...string) io.Reader {
	t.Helper()
	return h.startCommand(t, c, exec.Command(name, args...))
}

// startCommand starts one with the environment of a step on GitHub, unless it has its own.
func (h *hosts) startCommand(t *testing.T, c *cell, cmd *exec.Cmd) io.Reader {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Stdout, cmd.Stderr = write, write
	h.run(t, c, cmd)
	_ = write.Close() // it is the processes' now
	t.Cleanup(func() { _ = read.Close() })
	return read
}

func (h *hosts) run(t *testing.T, c *cell, cmd *exec.Cmd) *host {
	t.Helper()
	if cmd.Env == nil {
		cmd.Env = c.variables()
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	one := &host{cmd: cmd, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // it is known how it ends
		close(one.ended)
	}()
	t.Cleanup(func() { killAll(c.processes()) })
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running[c] = one
	return one
}

// variables are the cell's environment as a process gets it on GitHub.
func (c *cell) variables() []string {
	env := c.environment()
	maps.Copy(env, map[string]string{
		"GITHUB_ACTIONS": "true", "GITHUB_STATE": c.file("state"), "GITHUB_OUTPUT": c.file("output"), "GITHUB_STEP_SUMMARY": c.file("summary"), "HOME": c.dir,
	})
	out := make([]string, 0, len(env))
	for name, value := range env {
		out = append(out, name+"="+value)
	}
	return out
}

// asGitHub cancels a step as GitHub's runner does.
func (h *hosts) asGitHub(t *testing.T, c *cell) {
	one := h.of(c)
	for _, step := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{syscall.SIGINT, 7500 * time.Millisecond}, {syscall.SIGTERM, 2500 * time.Millisecond}} {
		if err := one.cmd.Process.Signal(step.signal); err != nil {
			t.Errorf("sending %s: %v", step.signal, err)
		}
		select {
		case <-one.ended:
			return
		case <-time.After(step.wait):
		}
	}
	t.Error("it had to be killed")
	killAll(c.processes())
}

// signal sends a signal to what the host has started, and to all that this has started or not.
func (h *hosts) signal(signal syscall.Signal, all bool) func(*testing.T, *cell) {
	return func(t *testing.T, c *cell) {
		one := h.of(c)
		pid := one.cmd.Process.Pid
		if all {
			pid = -pid
		}
		if err := syscall.Kill(pid, signal); err != nil {
			t.Errorf("sending %s: %v", signal, err)
		}
	}
}

// processesInEnvironment finds the processes that were given a variable.
func processesInEnvironment(variable string) (out []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ") // the pattern is well-formed
	for _, file := range files {
		environment, err := os.ReadFile(file)
		pid, numberErr := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil && numberErr == nil && slices.Contains(strings.Split(string(environment), "\x00"), variable) {
			out = append(out, pid)
		}
	}
	return out
}

// commandLines says what processes are.
func commandLines(processes []int) string {
	var out strings.Builder
	for _, pid := range processes {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)) // it may have ended
		fmt.Fprintf(&out, "%d %s\n", pid, bytes.ReplaceAll(line, []byte{0}, []byte(" ")))
	}
	return out.String()
}

func killAll(processes []int) {
	for _, pid := range processes {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
	}
}

// releasedFolder is a release commit that holds the program under test.
func releasedFolder(t *testing.T) string {
	t.Helper()
	dir, err := makeReleased()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

var makeReleased = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(filepath.Dir(w.program), "release-commit") // goes with the program
	name := "multiarch-action-linux-" + runtime.GOARCH
	content, err := os.ReadFile(w.program)
	sums := fmt.Appendf(nil, "%x  %s\n", sha256.Sum256(content), name)
	return dir, cmp.Or(err,
		os.MkdirAll(filepath.Join(dir, "dist"), 0o755),
		os.CopyFS(filepath.Join(dir, "action"), os.DirFS(filepath.Join(w.root, "action"))),
		os.Link(w.program, filepath.Join(dir, "dist", name)),
		os.WriteFile(filepath.Join(dir, "dist", "SHA256SUMS"), sums, 0o644),
		copyFile(filepath.Join(w.root, "action.yml"), filepath.Join(dir, "action.yml")))
})

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, bytes.Clone(content), 0o644)
}
