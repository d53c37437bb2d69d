// Command multiarch-action builds a container image for many platforms, proves each of them, and only then moves the tags.
package main

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

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
	ctx, stop := untilSignalled(context.Background())
	defer stop()
	if day, _, ok := strings.Cut(date, "T"); ok {
		version += " (" + day + ")"
	}
	// Where libraries write what people cannot act on.
	log.SetOutput(io.Discard)
	logrus.SetOutput(io.Discard)
	return cli.Run(ctx, cli.World{
		Args: os.Args[1:], Getenv: os.Getenv, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Parent: os.Getppid, Version: version,
	})
}

// together is how long after a signal others mean the same: Ctrl-C reaches a program and what started it, which passes it on.
const together = time.Second

// untilSignalled returns a context that ends when somebody wants the program to end. What it has made is then taken away; the same signal
// once more ends it at once. Another one does not: GitHub's runner sends SIGTERM after SIGINT, and kills later still.
func untilSignalled(ctx context.Context) (context.Context, func()) {
	// A broken pipe is an error of whoever writes to it. By itself it would end the program before it has taken away what it made.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	// SIGHUP is what some runners send when they cancel, and all that their grandchildren get. nohup(1) wants it ignored.
	if !signal.Ignored(syscall.SIGHUP) {
		ends = append(ends, syscall.SIGHUP)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, ends...)
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		for {
			came := <-signals
			cancel()
			time.AfterFunc(together, func() { signal.Reset(came) })
		}
	}()
	return ctx, cancel
}
