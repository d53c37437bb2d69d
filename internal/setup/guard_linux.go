package setup

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// GuardLocal runs a local builder's command until it ends or ctx does, with its words on output, as the first process of a process namespace: when that one
// ends, the kernel ends all others (pid_namespaces(7)), steps whose runc was killed before it could end them too.
func GuardLocal(ctx context.Context, command []string, output io.Writer) error {
	// The mount namespace is this builder's own, and runc looks for its processes there.
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mounting the /proc of a process namespace: %w", err)
	}
	guarded := exec.CommandContext(ctx, command[0], command[1:]...)
	guarded.Cancel = func() error { return guarded.Process.Signal(syscall.SIGTERM) }
	guarded.WaitDelay = localGrace
	guarded.Stdout, guarded.Stderr = output, output
	return guarded.Run()
}
