package build

import (
	"errors"
	"fmt"
	"strings"

	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/grpcerrors"
	"google.golang.org/grpc/codes"
)

// Failure is why one platform could not be built.
type Failure struct {
	Step     string   // the step as BuildKit names it, for example "[linux/s390x 2/3] RUN make"; may be empty
	File     string   // the Dockerfile, as its name inside the build; may be empty
	Line     int      // the first line of the instruction, from 1; 0 if not known
	Excerpt  []string // the lines of the instruction
	ExitCode int      // of the step's command; 0 if no command ended
	Output   []string // the last lines that the step printed
	Err      error
	// EmulatorCrash is set if it was probably the emulator that failed, and not the command.
	EmulatorCrash *EmulatorCrash

	vertex  string
	secrets *redactor
}

// Error gives the cause on one line, without the build's secrets.
func (f *Failure) Error() string { return f.secrets.shown(f.Err.Error()) }

// Unwrap returns the builder's own error.
func (f *Failure) Unwrap() error { return f.Err }

// killed is the exit status of a command that was killed (128 and SIGKILL), as all are when their builder ends.
const killed = 137

// Own reports whether the failure is surely the platform's: a command ended by itself, while the builder was there.
func (f *Failure) Own() bool { return f.ExitCode != 0 && f.ExitCode != killed }

// Lost reports whether an error of All says that the connection to the builder has ended.
func Lost(err error) bool {
	var vertex *errdefs.VertexError // the builder's own words
	return err != nil && grpcerrors.Code(err) == codes.Unavailable && !errors.As(err, &vertex)
}

// failure reads what the builder's error knows about the step and its place in the Dockerfile.
func (j *job) failure(err error) *Failure {
	f := &Failure{Err: err, secrets: j.secrets}
	var vertex *errdefs.VertexError
	if errors.As(err, &vertex) {
		f.vertex = vertex.Digest
	}
	var exit *gatewaypb.ExitError
	if errors.As(err, &exit) {
		f.ExitCode = int(exit.ExitCode)
	}
	for _, source := range errdefs.Sources(err) {
		if source.Info == nil || len(source.Ranges) == 0 {
			continue
		}
		f.File = source.Info.Filename
		f.Line, f.Excerpt = excerpt(j.secrets.shown(string(source.Info.Data)), source.Ranges)
		break
	}
	return f
}

// excerpt returns the lines of an instruction and the number of the first, from 1. An instruction of several lines has a range for
// each of them.
func excerpt(dockerfile string, ranges []*pb.Range) (line int, lines []string) {
	first, last := ranges[0].Start.Line, ranges[0].End.Line
	for _, r := range ranges {
		first, last = min(first, r.Start.Line), max(last, r.End.Line)
	}
	all := strings.Split(dockerfile, "\n")
	if first < 1 || int(first) > len(all) {
		return 0, nil
	}
	return int(first), all[first-1 : min(int(last), len(all))]
}

// complete adds what the builder logged about the step.
func (f *Failure) complete(log *vertexLog) {
	if f.vertex == "" {
		return
	}
	vertex := log.latest(f.vertex)
	f.Step, f.Output = log.name(vertex), log.output(vertex)
}

// Place names file and line, or is empty.
func (f *Failure) Place() string {
	if f.Line == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d", f.File, f.Line)
}
