package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// journal writes whole lines for people, one at a time, from any goroutine.
type journal struct {
	mu sync.Mutex
	w  io.Writer
}

func (j *journal) printf(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	_, _ = fmt.Fprintf(j.w, format+"\n", args...) // a person who went away needs no line
}

// step does one step and writes its line when it is done: what was done or found, and how long it took. An error gets
// the step's name in front.
func (j *journal) step(ctx context.Context, name string, do func(context.Context) (string, error)) error {
	start := time.Now()
	what, err := do(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	j.printf("lab: %-15s %s (%.1fs)", name, what, time.Since(start).Seconds())
	return nil
}

// hintedError is an error with an instruction for the person who reads it. The instruction is printed once, by run.
type hintedError struct {
	err  error
	hint string
}

func (e *hintedError) Error() string { return e.err.Error() }
func (e *hintedError) Unwrap() error { return e.err }

// withHint gives err an instruction. An error that has one keeps it: the innermost knows best.
func withHint(err error, hint string) error {
	var had *hintedError
	if err == nil || errors.As(err, &had) {
		return err
	}
	return &hintedError{err: err, hint: hint}
}
