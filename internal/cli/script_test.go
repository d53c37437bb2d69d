package cli_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/org/multiarch-action/internal/cli"
	"github.com/org/multiarch-action/internal/golden"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"multiarch-action": func() {
		os.Exit(cli.Run(context.Background(), cli.World{
			Args: os.Args[1:], Getenv: os.Getenv, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Version: "v1.0.0",
		}))
	}})
}

// The stories in testdata/script use the program as a person does, as far as that goes without an engine: one that is touched would
// not be found, and the story would end with another status.
func TestStories(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		UpdateScripts:       golden.Update(),
		Setup: func(env *testscript.Env) error {
			env.Setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
			env.Setenv("GORACE", "atexit_sleep_ms=0") // where the tests look for races, the program would sleep a second at its end
			env.Setenv("NEWLINE", "\n")
			env.Setenv("NATIVE", "linux/"+runtime.GOARCH) // needs no emulator, so nothing is registered on this machine
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"exits": exits},
	})
}

// exits runs a command and checks its exit status: exits STATUS COMMAND [ARG…].
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND [ARG…]")
	}
	status := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		status = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got := fmt.Sprint(status); got != args[0] {
		ts.Fatalf("exit status %s, want %s", got, args[0])
	}
}
