package source

import (
	"context"
	"fmt"
	"io"
	"time"
)

// defaultStall is how long a registry may say nothing in the middle of an answer.
const defaultStall = time.Minute

// StallError says that a registry stopped in the middle of an answer.
type StallError struct{ After time.Duration }

// Error says for how long nothing came.
func (e *StallError) Error() string { return fmt.Sprintf("nothing came for %s", e.After) }

// Hint says what to do about it.
func (e *StallError) Hint() string {
	return "try again; if it stops again, look at the registry, and at proxies on the way to it"
}

// stallBody is an answer that ends with an error if nothing of it comes for too long. Time in which nobody reads does not count.
type stallBody struct {
	io.ReadCloser
	ctx    context.Context // of the request
	cancel context.CancelCauseFunc
	after  time.Duration
}

// Read waits for bytes, but not for ever.
func (b *stallBody) Read(buffer []byte) (int, error) {
	timer := time.AfterFunc(b.after, func() { b.cancel(&StallError{b.after}) })
	defer timer.Stop()
	n, err := b.ReadCloser.Read(buffer)
	if err != nil && b.ctx.Err() != nil {
		err = context.Cause(b.ctx)
	}
	return n, err
}

// Close ends the request.
func (b *stallBody) Close() error {
	err := b.ReadCloser.Close()
	b.cancel(nil)
	return err
}
