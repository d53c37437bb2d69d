// Command multiarch-action builds a container image for many platforms, proves each of them, and only then moves the tags.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/sirupsen/logrus"
	// Certificate authorities for where the system has none, as in an image that holds this program alone.
	_ "golang.org/x/crypto/x509roots/fallback"

	"github.com/org/multiarch-action/internal/cli"
)

// Set by the linker in releases: the version, and the time of the commit in RFC 3339.
var version, date string

func main() {
	os.Exit(run())
}

func run() int {
	// SIGHUP is what some runners send when they cancel, and all that their grandchildren get.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if day, _, ok := strings.Cut(date, "T"); ok {
		version += " (" + day + ")"
	}
	logrus.SetOutput(io.Discard) // where libraries of BuildKit's write what people cannot act on
	return cli.Run(ctx, cli.World{
		Args: os.Args[1:], Getenv: os.Getenv, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Version: version,
	})
}
