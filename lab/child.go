package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// childError is a child process that ended badly, in its own words.
type childError struct {
	args  []string
	cause error
	words string // its last lines
}

func (e *childError) Error() string {
	text := fmt.Sprintf("running %q: %v", strings.Join(e.args, " "), e.cause)
	if e.words != "" {
		text += "; it said:\n" + indent(e.words)
	}
	return text
}

func (e *childError) Unwrap() error { return e.cause }

// child prepares a program of the machine. It gets a process group of its own, and a cancelled context ends the whole
// group: a debootstrap that is stopped must not leave its dpkg behind.
func child(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program(name), args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = append(cmd.Environ(), "LC_ALL=C.UTF-8")
	return cmd
}

// output runs a prepared child and gives its stdout.
func output(cmd *exec.Cmd) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if err == nil {
		return stdout.String(), nil
	}
	words := stderr.String()
	if strings.TrimSpace(words) == "" {
		words = stdout.String()
	}
	return "", &childError{args: cmd.Args, cause: err, words: lastLines(words, 8)}
}

// quiet runs a prepared child whose stdout nobody needs.
func quiet(cmd *exec.Cmd) error {
	_, err := output(cmd)
	return err
}

// program gives the path of a program of the machine, looking also where only root's PATH looks. It gives the bare
// name where there is none, so that the attempt to run it says so.
func program(name string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	return name
}

// hasProgram says whether the machine has a program of that name.
func hasProgram(name string) bool { return filepath.IsAbs(program(name)) }

// lastLines gives the last n lines of text that hold anything.
func lastLines(text string, n int) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, " \r\n"); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func indent(text string) string { return "    " + strings.ReplaceAll(text, "\n", "\n    ") }
