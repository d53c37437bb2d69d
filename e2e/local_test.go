//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/org/multiarch-action/internal/report"
	"github.com/org/multiarch-action/internal/setup"
)

// localBuild builds with a buildkitd of the program's own: the lab's, with the runtime that works on this machine.
func localBuild(t *testing.T, folder string, platforms []string, args ...string) invocation {
	t.Helper()
	tools, err := output(w.root, "go", "run", "./lab", "tool", "buildkitd", "runc")
	if err != nil {
		t.Fatal(err)
	}
	var path []string
	for _, tool := range strings.Fields(tools) {
		path = append(path, filepath.Dir(tool))
	}
	config, err := os.ReadFile(w.lab["LAB_BUILDKITD_CONFIG"])
	if err != nil {
		t.Fatal(err)
	}
	all := []string{
		"build", "--platform", strings.Join(platforms, ","), "--progress", "plain",
		"--buildkitd-config-inline", string(config) + "\n[worker.oci]\nbinary = \"" + w.lab["LAB_OCI_RUNTIME"] + "\"\n",
	}
	return invocation{
		args: append(append(all, args...), folder),
		env:  []string{"PATH=" + strings.Join(path, ":") + ":" + w.lab["LAB_QEMU_DIR"] + ":" + os.Getenv("PATH")},
	}
}

// wantNoProcess checks that no process has a text in its arguments.
func wantNoProcess(t *testing.T, part string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second) // a process that was asked to end may take a moment
	for {
		left := commandLinesWith(part)
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("processes left behind: %q", left)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func commandLinesWith(part string) []string { return slices.Collect(maps.Values(commandsWith(part))) }

// commandsWith are the command lines that contain the text, by process id.
func commandsWith(part string) map[int]string {
	out := map[int]string{}
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		line, err := os.ReadFile(file)
		if text := strings.ReplaceAll(string(line), "\x00", " "); err == nil && strings.Contains(text, part) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			out[pid] = text
		}
	}
	return out
}

// kill ends the one process with the text in its command line, apart from its guard.
func kill(t *testing.T, text string) {
	t.Helper()
	found := commandsWith(text)
	maps.DeleteFunc(found, func(_ int, line string) bool { return strings.Contains(line, setup.GuardCommand) })
	if len(found) != 1 {
		t.Fatalf("got the processes %v, want one with %s", found, text)
	}
	for pid := range found {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLocalBuilder(t *testing.T) {
	t.Parallel()
	ref := tag(t)
	i := localBuild(t, "../examples/hello", []string{"linux/amd64", "linux/arm64"}, "--builder", "local", "-t", ref, "--push", "--test", "uname -m")
	i.tmp = shortTemp(t)
	r := i.run(t)
	r.wantCode(t, 0)
	r.wantStderr(t, "builder local ready (BuildKit v")
	if p := r.platform(t, "linux/arm64"); p.Node != "local" || p.Execution != "emulated" || p.Status != report.StatusPushed {
		t.Errorf("linux/arm64 is %s, %s on %s", p.Status, p.Execution, p.Node)
	}
	if digest := digestOf(t, ref); digest != r.report.Digest {
		t.Errorf("the tag has %q, want %q", digest, r.report.Digest)
	}
	wantEmpty(t, i.tmp)
	wantNoProcess(t, i.tmp)
	wantNothingLeft(t, r.report.Run)
}

func TestLocalBuilderWhereNoEngineAnswers(t *testing.T) {
	t.Parallel()
	i := localBuild(t, "../examples/hello", []string{"linux/amd64"})
	i.tmp = shortTemp(t)
	cmd, file := i.command(t.Context(), t)
	// An empty folder over the engine's socket, in a mount namespace of its own, hides the engine from this run alone.
	unshare := []string{"unshare", "--mount", "sh", "-c", `mount -t tmpfs none /run && exec "$@"`, "sh"}
	hidden := exec.CommandContext(t.Context(), unshare[0], append(unshare[1:], cmd.Args...)...)
	hidden.Env = cmd.Env
	var stdout, stderr bytes.Buffer
	hidden.Stdout, hidden.Stderr = &stdout, &stderr
	err := hidden.Run()
	r := result{stdout: stdout.String(), stderr: stderr.String()}
	r.finish(t, err, file)
	r.wantCode(t, 0)
	r.wantStderr(t, "no Docker Engine answers: ", "/buildkitd is started instead", "builder local ready (BuildKit v")
	wantEmpty(t, i.tmp)
}

func TestLocalBuilderThatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	broken := localBuild(t, "../examples/hello", []string{"linux/amd64"}, "--builder", "local")
	broken.args[6] = "[worker.oci]\nbinary = \"/nonexistent/runc\"\n"
	absent := localBuild(t, "../examples/hello", []string{"linux/amd64"}, "--builder", "local")
	absent.env = []string{"PATH=/usr/bin:/bin"}
	for _, test := range []struct {
		name, cause, cure string
		i                 invocation
	}{
		{"not installed", "local builder: starting buildkitd: buildkitd is not in PATH", "install BuildKit (buildkitd and runc), or start Docker and leave --builder local out", absent},
		{"no runtime", "local builder: starting buildkitd: it ended before it answered; its last words:", "install runc beside buildkitd, or name it in the buildkitd.toml", broken},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.i.tmp = shortTemp(t)
			r := test.i.run(t)
			r.wantCode(t, 1)
			r.wantStderr(t, "error: "+test.cause, "hint: "+test.cure)
			wantEmpty(t, test.i.tmp)
			wantNoProcess(t, test.i.tmp)
		})
	}
}

// What happens to the program happens to its buildkitd.
func TestLocalBuilderEndsWithTheProgram(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		signal syscall.Signal
		daemon bool // its buildkitd is killed too, and cannot end its steps
		step   string
	}{
		{"SIGTERM", syscall.SIGTERM, false, fmt.Sprintf("sleep 9%d1", os.Getpid())},
		{"SIGKILL", syscall.SIGKILL, false, fmt.Sprintf("sleep 9%d2", os.Getpid())},
		{"SIGKILL of both", syscall.SIGKILL, true, fmt.Sprintf("sleep 9%d3", os.Getpid())},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, map[string]string{"Dockerfile": "FROM busybox\nRUN echo now && " + test.step + "\n"})
			i := localBuild(t, dir, []string{"linux/amd64"}, "--builder", "local")
			i.tmp = shortTemp(t)
			cmd, _ := i.command(t.Context(), t)
			log := &watched{text: "| now", seen: make(chan struct{})}
			cmd.Stderr = log
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() { _ = cmd.Wait(); close(done) }()
			select {
			case <-log.seen:
			case <-done:
				t.Fatalf("the program has ended:\n%s", log)
			}
			if test.daemon {
				kill(t, "buildkitd --config "+i.tmp)
			}
			if err := cmd.Process.Signal(test.signal); err != nil {
				t.Fatal(err)
			}
			<-done
			wantNoProcess(t, i.tmp)
			wantNoProcess(t, test.step)
			if test.signal == syscall.SIGTERM {
				wantEmpty(t, i.tmp)
				return
			}
			run := strings.TrimPrefix(filepath.Base(onlyEntry(t, i.tmp)), "multiarch-action-")
			invocation{tmp: i.tmp, args: []string{"cleanup", "--run", run}}.run(t).wantCode(t, 0)
			wantEmpty(t, i.tmp)
		})
	}
}

func onlyEntry(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("the folder holds %v (%v), want one entry", entries, err)
	}
	return filepath.Join(dir, entries[0].Name())
}
