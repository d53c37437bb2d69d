//go:build unix

package main_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// released is what a release commit holds: the launcher, programs, and their sums.
type released struct {
	dir     string
	program string // its name for this machine
}

// newReleased makes a release whose program is a shell script.
func newReleased(t *testing.T, script string) released {
	t.Helper()
	r := released{dir: t.TempDir(), program: "multiarch-action-" + runtime.GOOS + "-" + runtime.GOARCH}
	if err := os.CopyFS(filepath.Join(r.dir, "action"), os.DirFS("action")); err != nil {
		t.Fatal(err)
	}
	content := "#!/bin/sh\n" + script + "\n"
	r.write(t, r.program, content)
	r.write(t, "SHA256SUMS", fmt.Sprintf("%x  other\n%x  %s\n", sha256.Sum256(nil), sha256.Sum256([]byte(content)), r.program))
	return r
}

func (r released) write(t *testing.T, name, content string) {
	t.Helper()
	file := filepath.Join(r.dir, "dist", name)
	err := os.MkdirAll(filepath.Dir(file), 0o755)
	if err == nil {
		err = os.WriteFile(file, []byte(content), 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (r released) command(t *testing.T, script string) *exec.Cmd {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("the launcher needs Node: make packages installs it")
	}
	cmd := exec.CommandContext(t.Context(), node, filepath.Join(r.dir, "action", script))
	cmd.Env = []string{"INPUT_TAGS=a:1\nb:2", "STATE_run=abc", "PATH=" + os.Getenv("PATH")}
	return cmd
}

func TestLauncherStartsWhatWasReleased(t *testing.T) {
	t.Parallel()
	r := newReleased(t, `echo "$@"; env; exit 7`)
	for script, want := range map[string]string{"main.js": "build\n", "post.js": "cleanup\n"} {
		out, err := r.command(t, script).Output()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 7 {
			t.Errorf("%s gives %v, want exit status 7", script, err)
		}
		if text := string(out); !strings.HasPrefix(text, want) || !strings.Contains(text, "\nINPUT_TAGS=a:1\nb:2\n") {
			t.Errorf("%s prints %q, want the arguments %q and its own environment", script, text, want)
		}
	}
}

func TestLauncherRefusesWhatWasNotReleased(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		spoil func(released) error
		want  string
	}{
		{"another program", func(r released) error {
			return os.WriteFile(filepath.Join(r.dir, "dist", r.program), []byte("#!/bin/sh\necho I run\necho really\n"), 0o700)
		}, "is not the program that was released: its SHA-256 is "},
		{"no program", func(r released) error { return os.Remove(filepath.Join(r.dir, "dist", r.program)) }, "this release is not whole"},
		{"no sums", func(r released) error { return os.Remove(filepath.Join(r.dir, "dist", "SHA256SUMS")) }, "this release is not whole"},
		{"no sum of this program", func(r released) error {
			return os.WriteFile(filepath.Join(r.dir, "dist", "SHA256SUMS"), []byte(strings.Repeat("0", 64)+"  other\n"), 0o600)
		}, "has no program for this runner"},
		{"neither program nor source", func(r released) error { return os.RemoveAll(filepath.Join(r.dir, "dist")) }, "holds neither a program nor its source"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newReleased(t, "echo I run")
			if err := test.spoil(r); err != nil {
				t.Fatal(err)
			}
			out, err := r.command(t, "main.js").CombinedOutput()
			if err == nil || !strings.HasPrefix(string(out), "::error::multiarch-action: ") || !strings.Contains(string(out), test.want) {
				t.Errorf("got %v and %q, want %q", err, out, test.want)
			}
			if strings.Contains(string(out), "I run\n") {
				t.Error("it was started")
			}
		})
	}
}

func TestLauncherPassesSignalsOn(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		signal syscall.Signal
		script string
		code   int
	}{
		{syscall.SIGINT, "trap 'echo heard; exit 130' INT; echo ready; while :; do sleep 0.05; done", 130},
		{syscall.SIGTERM, "trap 'echo heard; exit 130' TERM; echo ready; while :; do sleep 0.05; done", 130},
		{syscall.SIGHUP, "trap 'echo heard; exit 0' HUP; echo ready; while :; do sleep 0.05; done", 0},
		{syscall.SIGTERM, "echo ready; exec sleep 600", 128 + 15}, // the program ends by it
	} {
		t.Run(fmt.Sprint(test.signal, test.code), func(t *testing.T) {
			t.Parallel()
			cmd := newReleased(t, test.script).command(t, "main.js")
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			late := time.AfterFunc(time.Minute, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
			defer late.Stop()
			lines := bufio.NewScanner(stdout)
			var said bytes.Buffer
			for lines.Scan() {
				said.WriteString(lines.Text() + "\n")
				if lines.Text() == "ready" {
					if err := cmd.Process.Signal(test.signal); err != nil {
						t.Error(err)
					}
				}
			}
			err = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != test.code {
				t.Errorf("got exit code %d (%v) after %q, want %d", code, err, said.String(), test.code)
			}
		})
	}
}
