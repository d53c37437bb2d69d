package cli_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/org/multiarch-action/internal/cli"
)

// imageIn starts a registry that answers as it is told, and returns the name of an image in it.
func imageIn(t *testing.T, answer http.HandlerFunc) (image string) {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://") + "/app:1"
}

func TestRunEndsWithItsParent(t *testing.T) {
	t.Parallel()
	const text = "multiarch-action: cancelled: the process that started this one has ended\n"
	for name, test := range map[string]struct {
		variable string
		code     int
	}{"on a CI host": {"CI", cli.ExitCancelled}, "on GitLab": {"GITLAB_CI", cli.ExitCancelled}, "on a terminal": {"TERM", cli.ExitFailed}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var parent atomic.Int64
			parent.Store(7)
			image := imageIn(t, func(w http.ResponseWriter, r *http.Request) {
				parent.Store(1)
				select {
				case <-r.Context().Done(): // the run has ended
				case <-time.After(2 * time.Second):
				}
				w.WriteHeader(http.StatusNotFound)
			})
			var log bytes.Buffer
			code := cli.Run(t.Context(), cli.World{
				Args: []string{"verify", image}, Stdout: io.Discard, Stderr: &log,
				Getenv: func(name string) string { return map[string]string{test.variable: "true"}[name] },
				Parent: func() int { return int(parent.Load()) },
			})
			if code != test.code || strings.HasSuffix(log.String(), text) != (code == cli.ExitCancelled) {
				t.Errorf("it ended with %d, want %d, and said:\n%s", code, test.code, log.String())
			}
		})
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, syscall.EPIPE }

func TestRunEndsWhenNobodyReadsItsLog(t *testing.T) {
	t.Parallel()
	image := imageIn(t, func(w http.ResponseWriter, _ *http.Request) { // the run says that it waits
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	code := cli.Run(t.Context(), cli.World{Args: []string{"verify", image}, Stdout: io.Discard, Stderr: broken{}, Getenv: func(string) string { return "" }})
	if code != cli.ExitCancelled {
		t.Errorf("it ended with %d, want %d", code, cli.ExitCancelled)
	}
}
