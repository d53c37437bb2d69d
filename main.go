// Command multiarch-action builds a container image for many platforms, proves each of them, and only then moves the tags.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/sirupsen/logrus"

	"github.com/org/multiarch-action/internal/cli"
)

// version is set by the linker in releases.
var version = ""

func main() {
	os.Exit(run())
}

func run() int {
	// SIGHUP is what some runners send when they cancel, and all that their grandchildren get.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	logrus.SetOutput(io.Discard) // where libraries of BuildKit's write what people cannot act on
	return cli.Run(ctx, cli.World{
		Args: os.Args[1:], Getenv: os.Getenv, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Version: version,
	})
}
