//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// openTerminal makes a terminal and returns both ends of it (pts(4)). The window can be closed while it is read from, which ends what has
// the terminal; that of creack/pty cannot.
func openTerminal(t *testing.T) (window, inside *os.File) {
	t.Helper()
	window, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	control, err := window.SyscallConn() // Fd would make reading from it block its closing
	if err != nil {
		t.Fatal(err)
	}
	number := -1
	err = control.Control(func(fd uintptr) {
		if err := unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			number, _ = unix.IoctlGetInt(int(fd), unix.TIOCGPTN) // -1 says that it failed
		}
	})
	if err != nil || number < 0 {
		t.Fatalf("preparing a terminal: %v", err)
	}
	inside, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return window, inside
}

// onTerminal starts a shell with a terminal of its own.
func onTerminal(h *hosts, script string) func(*testing.T, *cell) io.Reader {
	return func(t *testing.T, c *cell) io.Reader {
		t.Helper()
		window, inside := openTerminal(t)
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
