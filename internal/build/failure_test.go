package build

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/solver/pb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const dockerfile = "FROM busybox\nARG A\nRUN make \\\n    && make check\nCMD app\n"

// at gives an error its place in the Dockerfile.
func at(err error, first, last int32) error {
	return errdefs.WithSource(err, &errdefs.Source{
		Info:   &pb.SourceInfo{Filename: "Dockerfile", Data: []byte(dockerfile)},
		Ranges: []*pb.Range{{Start: &pb.Position{Line: first}, End: &pb.Position{Line: last}}},
	})
}

func TestFailureReadsTheBuildersError(t *testing.T) {
	t.Parallel()
	plain := errors.New("it is broken")
	exit := &gatewaypb.ExitError{ExitCode: 2, Err: plain}
	tests := []struct {
		name  string
		err   error
		want  Failure
		place string
	}{
		{"a plain error", plain, Failure{}, ""},
		{"a command that failed", fmt.Errorf("solving: %w", exit), Failure{ExitCode: 2}, ""},
		{"an instruction of several lines", at(exit, 3, 4), Failure{ExitCode: 2, File: "Dockerfile", Line: 3, Excerpt: []string{"RUN make \\", "    && make check"}}, "Dockerfile:3"},
		{"lines that the Dockerfile does not have", at(plain, 6, 90), Failure{File: "Dockerfile", Line: 6, Excerpt: []string{""}}, "Dockerfile:6"},
		{"a place that is unknown", at(plain, 0, 0), Failure{File: "Dockerfile"}, ""},
		{"a source without ranges", errdefs.WithSource(plain, &errdefs.Source{Info: &pb.SourceInfo{Filename: "x"}}), Failure{}, ""},
		{"a source without a file", errdefs.WithSource(plain, &errdefs.Source{Ranges: []*pb.Range{{Start: &pb.Position{Line: 1}, End: &pb.Position{Line: 1}}}}), Failure{}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := new(job).failure(test.err)
			if diff := cmp.Diff(&test.want, got, cmpopts.IgnoreUnexported(Failure{}), cmpopts.IgnoreFields(Failure{}, "Err")); diff != "" {
				t.Errorf("failure() differs (-want +got):\n%s", diff)
			}
			if !errors.Is(got, test.err) || got.Error() != test.err.Error() {
				t.Errorf("failure() is the error %v, want %v", got, test.err)
			}
			if got := got.Place(); got != test.place {
				t.Errorf("Place() = %q, want %q", got, test.place)
			}
		})
	}
}

func TestFailureIsCompletedFromTheLog(t *testing.T) {
	t.Parallel()
	f := new(job).failure(errdefs.WrapVertex(errors.New("it is broken"), step))
	f.complete(logged("cc a.c\n", "error\n"))
	if got, want := f.Step, "[linux/arm64 2/3] RUN make"; got != want {
		t.Errorf("Step = %q, want %q", got, want)
	}
	if got, want := strings.Join(f.Output, "|"), "cc a.c|error"; got != want {
		t.Errorf("Output = %q, want %q", got, want)
	}
	other := new(job).failure(errors.New("no step"))
	other.complete(logged("a\n"))
	if other.Step != "" || other.Output != nil {
		t.Errorf("a failure without a step is completed as %+v, want nothing", other)
	}
}

func TestLost(t *testing.T) {
	t.Parallel()
	gone := status.Error(codes.Unavailable, "error reading from server: EOF")
	for _, test := range []struct {
		name string
		err  error
		want bool
	}{
		{"no error", nil, false},
		{"the connection has ended", fmt.Errorf("solving: %w", gone), true},
		{"the builder says that a registry is away", errdefs.WrapVertex(gone, step), false},
		{"another error", errors.New("denied"), false},
	} {
		if got := Lost(test.err); got != test.want {
			t.Errorf("%s: Lost() = %t, want %t", test.name, got, test.want)
		}
	}
}

func TestFailureIsThePlatformsOwn(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]bool{0: false, 1: true, 137: false, 139: true} {
		if got := (&Failure{ExitCode: code}).Own(); got != want {
			t.Errorf("Own() with exit code %d = %t, want %t", code, got, want)
		}
	}
}
