package build

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	buildkit "github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"

	"github.com/org/multiarch-action/internal/plan"
)

func TestEmulatorCrash(t *testing.T) {
	t.Parallel()
	const said = "qemu: uncaught target signal 11 (Segmentation fault) - core dumped"
	for _, test := range []struct {
		name     string
		exitCode int
		output   []string
		want     *EmulatorCrash
		mayPass  bool
	}{
		{name: "a command that fails", exitCode: 1, output: []string{"make: *** Error 1"}},
		{name: "a command that is not there", exitCode: 127},
		{name: "a command that is killed", exitCode: 137},
		{name: "a segmentation fault", exitCode: 139, output: []string{"a", said}, want: &EmulatorCrash{Signal: syscall.SIGSEGV, Said: said}, mayPass: true},
		{name: "a segmentation fault without words", exitCode: 139, want: &EmulatorCrash{Signal: syscall.SIGSEGV}, mayPass: true},
		{name: "an illegal instruction", exitCode: 132, want: &EmulatorCrash{Signal: syscall.SIGILL}},
		{name: "an assertion of QEMU's", exitCode: 134, output: []string{"Assertion failed"}, want: &EmulatorCrash{Signal: syscall.SIGABRT}},
		{name: "a package manager that goes on for a while", exitCode: 100, output: []string{said, "dpkg: error processing package libc-bin"}, want: &EmulatorCrash{Signal: syscall.SIGSEGV, Said: said}, mayPass: true},
		{
			name: "a fault inside the emulator", exitCode: 2, output: []string{"aarch64-binfmt-P: QEMU internal SIGSEGV {code=MAPERR, addr=0x20}"},
			want: &EmulatorCrash{Signal: syscall.SIGSEGV, Said: "aarch64-binfmt-P: QEMU internal SIGSEGV {code=MAPERR, addr=0x20}"}, mayPass: true,
		},
		{
			name: "an instruction unknown to the emulator itself", exitCode: 2, output: []string{"QEMU internal SIGILL {code=ILLOPC, addr=0x20}"},
			want: &EmulatorCrash{Signal: syscall.SIGILL, Said: "QEMU internal SIGILL {code=ILLOPC, addr=0x20}"},
		},
		{name: "a program that was told to end", exitCode: 143, output: []string{"qemu: uncaught target signal 15 (Terminated) - core dumped"}},
		{name: "a number beyond all signals", exitCode: 1, output: []string{"qemu: uncaught target signal 99999999999999999999 (x)"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := emulatorCrash(test.exitCode, test.output)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("emulatorCrash() differs (-want +got):\n%s", diff)
			}
			if got != nil && got.MayPass() != test.mayPass {
				t.Errorf("MayPass() = %t, want %t", got.MayPass(), test.mayPass)
			}
		})
	}
}

func emulatedOnly(p plan.Platform) func(plan.Platform) bool {
	return func(other plan.Platform) bool { return other.Equal(p) }
}

func TestCrashIsOfTheStepsPlatform(t *testing.T) {
	t.Parallel()
	exit := &gatewaypb.ExitError{ExitCode: 139, Err: errors.New("it is broken")}
	on := func(architecture string) error {
		op := &pb.Op{Platform: &pb.Platform{OS: "linux", Architecture: architecture}}
		return errdefs.WrapVertex(&errdefs.SolveError{Err: exit, Solve: &errdefs.Solve{Op: op}}, step)
	}
	for _, test := range []struct {
		name string
		err  error
		want bool
	}{
		{"a step of the image's platform", on("arm64"), true},
		{"a step on the build platform", on("amd64"), false},
		{"a step whose platform is not known", errdefs.WrapVertex(exit, step), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			j := &job{Request: Request{Emulated: emulatedOnly(arm64)}, log: ended(step)}
			got := j.crash(t.Context(), &Result{Platform: arm64}, j.failure(test.err))
			if (got != nil) != test.want {
				t.Errorf("crash() = %+v, want a crash: %t", got, test.want)
			}
			if got != nil && (got.Step == "" || !got.EmulatorCrash.Platform.Equal(arm64)) {
				t.Errorf("crash() = %+v of %s, want it completed", got, got.EmulatorCrash.Platform)
			}
		})
	}
}

func TestCrashOfTheSmokeTest(t *testing.T) {
	t.Parallel()
	const name = "[linux/arm64 2/3] RUN make" // as in ended
	crashed := func() *Result {
		return &Result{Platform: arm64, Test: &TestResult{ExitCode: 139, step: name}, Findings: []plan.Finding{{Check: "other"}, {Check: testCheck, Fix: "look"}}}
	}
	j := &job{Request: Request{Emulated: emulatedOnly(arm64)}, log: ended(step)}
	r := crashed()
	got := j.crash(t.Context(), r, nil)
	if got == nil || got.EmulatorCrash.Signal != syscall.SIGSEGV || got.Step != name {
		t.Fatalf("crash() = %+v, want one of the test", got)
	}
	if r.Findings[0].Fix != "" || r.Findings[1].Fix == "look" {
		t.Errorf("findings = %+v, want the one about the test to name the emulator", r.Findings)
	}
	j.Emulated = emulatedOnly(s390x)
	if got := j.crash(t.Context(), crashed(), nil); got != nil {
		t.Errorf("crash() = %+v for a test that ran natively, want none", got)
	}
	if got := j.crash(t.Context(), &Result{Platform: arm64}, nil); got != nil {
		t.Errorf("crash() = %+v without a test, want none", got)
	}
}

// ended is a log in which a step has come to its end.
func ended(id digest.Digest) *vertexLog {
	l := logged("some words\n")
	l.steps[id.String()].end()
	return l
}

func TestAwaitWaitsForTheStepsLastOutput(t *testing.T) {
	t.Parallel()
	l := logged("first\n")
	done := make(chan []string)
	go func() {
		l.await(t.Context(), step.String())
		done <- l.output(step.String())
	}()
	end := time.Unix(0, 0) // any time will do
	l.add(&buildkit.SolveStatus{Logs: []*buildkit.VertexLog{{Vertex: step, Data: []byte("second\n")}}})
	l.add(&buildkit.SolveStatus{
		Vertexes: []*buildkit.Vertex{{Digest: step, Name: "x", Completed: &end}},
		Logs:     []*buildkit.VertexLog{{Vertex: step, Data: []byte("third\n")}},
	})
	if diff := cmp.Diff([]string{"first", "second", "third"}, <-done); diff != "" {
		t.Errorf("output after await() differs (-want +got):\n%s", diff)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	logged("never ends\n").await(cancelled, step.String()) // returns
}

func TestOnlyTheFailedStepAndWhatDependsOnItIsExecutedAgain(t *testing.T) {
	t.Parallel()
	base := llb.Image("busybox").Run(llb.Args([]string{"base"})).Root()
	failed := base.Run(llb.Args([]string{"failed"})).Root()
	other := base.Run(llb.Args([]string{"other"})).Root()
	last := failed.Run(llb.Args([]string{"last"}), llb.AddMount("/other", other)).Root()
	definition, err := last.Marshal(t.Context(), llb.LinuxAmd64)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]digest.Digest{}
	for _, raw := range definition.Def {
		var op pb.Op
		if err := op.Unmarshal(raw); err != nil {
			t.Fatal(err)
		}
		if exec := op.GetExec(); exec != nil {
			byName[exec.Meta.Args[0]] = digest.FromBytes(raw)
		}
	}
	if err := withoutCacheFrom(definition, byName["failed"].String()); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for name, id := range byName {
		got[name] = definition.Metadata[id].IgnoreCache
	}
	if diff := cmp.Diff(map[string]bool{"base": false, "other": false, "failed": true, "last": true}, got); diff != "" {
		t.Errorf("steps that are executed again differ (-want +got):\n%s", diff)
	}
}

func TestSecondTryHasALogOfItsOwn(t *testing.T) {
	t.Parallel()
	l := logged("first try\n")
	f := new(job).failure(errdefs.WrapVertex(errors.New("it is broken"), step))
	l.add(&buildkit.SolveStatus{Logs: []*buildkit.VertexLog{{Vertex: digest.Digest(secondTry(step.String())), Data: []byte("second try\n")}}})
	f.complete(l)
	if diff := cmp.Diff([]string{"second try"}, f.Output); diff != "" {
		t.Errorf("output differs (-want +got):\n%s", diff)
	}
}
