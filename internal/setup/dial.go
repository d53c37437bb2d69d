package setup

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"
)

// dialStdio opens a connection to the BuildKit inside a container through the engine's exec API, which works wherever the
// engine can be reached. Inside, buildctl joins its standard streams to BuildKit's socket.
func (e *Engine) dialStdio(ctx context.Context, container string) (net.Conn, error) {
	// The connection outlives the request that made it, so it must not end with that request's context.
	ctx = context.WithoutCancel(ctx)
	exec, err := e.api.ExecCreate(ctx, container, client.ExecCreateOptions{
		AttachStdin: true, AttachStdout: true, AttachStderr: true,
		Cmd: []string{"buildctl", "dial-stdio"},
	})
	if err != nil {
		return nil, fmt.Errorf("container %s: connecting to BuildKit: %w", container, err)
	}
	attached, err := e.api.ExecAttach(ctx, exec.ID, client.ExecAttachOptions{})
	if err != nil {
		return nil, fmt.Errorf("container %s: connecting to BuildKit: %w", container, err)
	}
	reader, writer := io.Pipe()
	go func() {
		_, err := stdcopy.StdCopy(writer, io.Discard, attached.Reader)
		_ = writer.CloseWithError(err) // never fails
	}()
	return &execConn{Conn: attached.Conn, stdout: reader}, nil
}

// execConn is the engine's hijacked connection, from which both output streams come mixed, seen as a plain connection.
type execConn struct {
	net.Conn
	stdout *io.PipeReader
}

// Read reads the program's standard output.
func (c *execConn) Read(p []byte) (int, error) { return c.stdout.Read(p) }

// Close ends the program in the container, which loses its standard input, and frees the copying goroutine.
func (c *execConn) Close() error {
	_ = c.stdout.Close() // never fails
	return c.Conn.Close()
}

// demultiplex returns the text of both output streams of a container.
func demultiplex(r io.Reader) (string, error) {
	var text bytes.Buffer
	_, err := stdcopy.StdCopy(&text, &text, r)
	return text.String(), err
}
