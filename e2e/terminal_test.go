//go:build e2e

package e2e

import (
	"io"
	"os/exec"
	"syscall"
	"testing"

	"github.com/creack/pty"
)

// onTerminal starts a shell with a terminal of its own.
func onTerminal(h *hosts, script string) func(*testing.T, *cell) io.Reader {
	return func(t *testing.T, c *cell) io.Reader {
		t.Helper()
		window, inside, err := pty.Open()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("bash", "-c", script)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = inside, inside, inside
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		h.run(t, c, cmd).terminal = window
		_ = inside.Close() // it is the shell's now
		return window
	}
}

// hangUp closes the window.
func (h *hosts) hangUp(t *testing.T, c *cell) {
	t.Helper()
	if err := h.of(c).terminal.Close(); err != nil {
		t.Error(err)
	}
}
