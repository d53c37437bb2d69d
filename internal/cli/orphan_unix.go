//go:build unix

package cli

import (
	"os"

	"golang.org/x/sys/unix"
)

// hasReader reports whether somebody reads what is written to a pipe, a socket or a terminal (poll(2)). Other files need nobody.
func hasReader(file *os.File) bool {
	control, err := file.SyscallConn()
	if err != nil {
		return true // it is closed, by us
	}
	events := []unix.PollFd{{}}
	err = control.Control(func(fd uintptr) {
		events[0].Fd = int32(fd)
		_, _ = unix.Poll(events, 0)
	})
	return err != nil || events[0].Revents&(unix.POLLERR|unix.POLLHUP) == 0
}
