// Command lab brings up what this project is tried and tested against: a Docker Engine, the BuildKit image, QEMU, two
// registries and base images, all of them real. Start with `go run ./lab up`; `lab status` says what runs where.
//
// Everything it makes lies in the git-ignored folder .lab. It never registers an emulator for longer than it takes to
// make a base image (registering is the product's job), and it never ends a process that it didn't start.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run executes one command line and gives the exit code. It is the only place that prints an error.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	root := newRootCommand(getenv, stdout, stderr)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if ctx.Err() != nil {
		say(stderr, "interrupted; a later `lab up` goes on where this one stopped")
		return 130
	}
	say(stderr, "error: "+err.Error())
	var hint *hintedError
	if errors.As(err, &hint) {
		say(stderr, "hint: "+hint.hint)
	}
	return 1
}

// say writes the last words. There is nobody left to tell if that doesn't work.
func say(w io.Writer, text string) { _, _ = fmt.Fprintln(w, "lab: "+text) }
