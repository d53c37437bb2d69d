package build

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestTemporary(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"failed to copy: unexpected status from GET request to https://r/v2/a/blobs/b: 503 Service Unavailable": true,
		"429 Too Many Requests toomanyrequests: slow down":                                                      true,
		"failed to push r/a: unknown blob":                                                                      true,
		"read tcp 10.0.0.1:1: connection reset by peer":                                                         true,
		"failed to do request: Head \"https://r/v2/\": EOF":                                                     true,
		"dial tcp: lookup r: Temporary failure in name resolution":                                              true,
		"dial tcp: lookup r: no such host":                                                                      false,
		"unexpected status from HEAD request: 401 Unauthorized":                                                 false,
		"denied: requested access to the resource is denied":                                                    false,
		"no match for platform in manifest: not found":                                                          false,
		"dockerfile parse error on line 500":                                                                    false,
	} {
		if got := temporary(errors.New(text)); got != want {
			t.Errorf("temporary(%q) = %t, want %t", text, got, want)
		}
	}
	step := fmt.Errorf("curl: 503 Service Unavailable: %w", &gatewaypb.ExitError{ExitCode: 22, Err: errors.New("connection reset by peer")})
	if temporary(step) || temporary(nil) || temporary(status.Error(codes.Unavailable, "error reading from server: EOF")) {
		t.Error("a step of the Dockerfile, no error, or a lost builder counts as a fault of a registry")
	}
}

func TestAgainWaitsLongerEachTimeAndNotForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, fault := &job{}, errors.New("503 Service Unavailable")
		var said int
		j.Say = func(string, ...any) { said++ }
		began := time.Now()
		if !j.again(t.Context(), "a pull", 1, fault) || !j.again(t.Context(), "a pull", 2, fault) || j.again(t.Context(), "a pull", 3, fault) {
			t.Error("want a second and a third try, and no fourth")
		}
		if took := time.Since(began); took != 3*time.Second || said != 2 {
			t.Errorf("it waited for %s and said %d things, want 3s and 2", took, said)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if j.again(ctx, "a pull", 1, fault) || j.again(t.Context(), "a pull", 1, errors.New("denied")) {
			t.Error("want no further try after a cancellation, and none of what is no fault")
		}
	})
}
