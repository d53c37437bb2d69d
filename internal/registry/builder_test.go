package registry_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/org/multiarch-action/internal/registry"
)

func TestABuilderPushesAgain(t *testing.T) {
	t.Parallel()
	status := func(text string) string {
		return "failed to solve: failed to push registry.example/app: unexpected status from PUT request to https://registry.example/v2/app/manifests/sha256:0: " + text
	}
	tests := []struct {
		name, words string
		want        bool
	}{
		{"a limit", status("429 Too Many Requests"), true},
		{"trouble", status("503 Service Unavailable"), true},
		{"an old token", status("401 Unauthorized"), true},
		{"a limit without the word", status("403 Forbidden"), true},
		{"a bad manifest", status("400 Bad Request"), false},
		{"a blob that is too large", status("413 Request Entity Too Large"), false},
		{"a token server in trouble", `failed to push registry.example/app: failed to fetch oauth token: unexpected status from GET request to https://auth.example/token: 502 Bad Gateway`, true},
		{"a reset", `failed to push registry.example/app: failed to copy: write tcp 1.2.3.4:5->6.7.8.9:443: connection reset by peer`, true},
		{"a blob that was lost", `failed to push registry.example/app: unknown blob`, true},
		{"anything else", `failed to push registry.example/app: no push hosts`, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := newClock()
			var said []string
			transport := newTransport(t, registry.Config{Clock: c, Say: func(text string) { said = append(said, text) }})
			if got := transport.PushAgain(t.Context(), errors.New(test.words), 1); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
			if test.want && (c.all() == 0 || c.all() > 5*time.Second || len(said) != 1 || !strings.Contains(said[0], ": the builder could not push to registry.example/app: ")) {
				t.Errorf("it waited %s and said %q", c.all(), said)
			}
			if transport.PushAgain(t.Context(), errors.New(test.words), 6) {
				t.Error("the sixth failure is not the last")
			}
		})
	}
}

func TestABuilderDoesNotPushAgainAfterTheEnd(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	failure := errors.New("failed to push registry.example/app: EOF")
	if newTransport(t, registry.Config{}).PushAgain(ctx, failure, 1) {
		t.Error("it pushes again although the run has ended")
	}
	if newTransport(t, registry.Config{Budget: time.Nanosecond}).PushAgain(t.Context(), failure, 1) {
		t.Error("it pushes again without time to wait")
	}
}
