//go:build !linux

package setup

import (
	"context"
	"errors"
	"io"
)

// GuardLocal is for Linux, where process namespaces are.
func GuardLocal(context.Context, []string, io.Writer) error {
	return errors.New("process namespaces are a part of Linux")
}

// supervise starts the process and waits for its end.
func (l *Local) supervise(started chan<- error) {
	defer close(l.ended)
	err := l.process.Start()
	started <- err
	if err == nil {
		_ = l.process.Wait() // how it ended stands in its log
	}
}

// end ends the process.
func (l *Local) end() {
	_ = l.process.Process.Kill() // it may have ended
	<-l.ended
}
