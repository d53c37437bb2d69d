package setup

import (
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// supervise starts the process and waits for its end. The kernel sends the process SIGTERM when the thread that started it ends
// (prctl(2), PR_SET_PDEATHSIG), so this thread stays until then: after a kill -9 of this program buildkitd ends by itself.
func (l *Local) supervise(started chan<- error) {
	defer close(l.ended)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	l.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if os.Geteuid() == 0 {
		// Mounts of a namespace of its own go with the last process in it, however that ends.
		l.process.SysProcAttr.Unshareflags = syscall.CLONE_NEWNS
	}
	if l.guarded {
		l.process.SysProcAttr.Cloneflags = syscall.CLONE_NEWPID
	}
	err := l.process.Start()
	started <- err
	if err == nil {
		_ = l.process.Wait() // how it ended stands in its log
	}
}

// end asks the process to end its steps, and then ends its whole group.
func (l *Local) end() {
	pid := l.process.Process.Pid
	_ = l.process.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-l.ended:
	case <-time.After(localGrace):
	}
	_ = unix.Kill(-pid, unix.SIGKILL) // whoever is left in the group
	<-l.ended
}
