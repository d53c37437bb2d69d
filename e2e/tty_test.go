//go:build e2e

package e2e

import (
	"bytes"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// shown runs a command that a person looks at, and returns what the terminal was sent.
func shown(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	screen, terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = screen.Close() }() // only read
	if err := pty.Setsize(screen, &pty.Winsize{Rows: 40, Cols: 100}); err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = terminal, terminal
	cmd.Env = append(cmd.Env, "TERM=xterm-256color")
	var sent bytes.Buffer
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(&sent, screen) // ends with an error when the terminal is closed
	}()
	err = cmd.Run()
	_ = terminal.Close()
	<-done
	t.Logf("%v, and the terminal was sent:\n%s", err, sent.String())
	return sent.String()
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;?]*[a-zA-Z]")

// A person sees one line for each platform, with its step and its time, and of what fails the last of its output.
func TestTerminalShowsALineForEachPlatform(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"Dockerfile": `FROM busybox
ARG TARGETARCH
RUN echo a line of noise; sleep 3
RUN echo the reason of $TARGETARCH; test $TARGETARCH = amd64
`})
	i := builds(dir, pair)
	i.args = append(i.args[:5], dir) // without --progress plain
	cmd, _ := i.command(t.Context(), t)
	sent := shown(t, cmd)
	if !strings.Contains(sent, "\x1b[") {
		t.Error("nothing was drawn over: this is no live view")
	}
	sent = strings.ReplaceAll(escapes.ReplaceAllString(sent, ""), "\r", "\n")
	for _, platform := range pair {
		line := regexp.MustCompile(`(?m)^  ` + regexp.QuoteMeta(platform) + ` +\d+\.\ds  \[2/3\] RUN echo a line of noise`)
		if !line.MatchString(sent) {
			t.Errorf("no line shows %s at its step with a time", platform)
		}
	}
	for _, want := range []string{"the reason of arm64", "linux/arm64 failed at Dockerfile:4", "linux/amd64  built"} {
		if !strings.Contains(sent, want) {
			t.Errorf("the terminal does not show %q", want)
		}
	}
	if strings.Contains(sent, "#1 ") || strings.Contains(sent, "| a line of noise") {
		t.Error("the terminal shows lines of the plain view")
	}
}
