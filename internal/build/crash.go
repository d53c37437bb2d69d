package build

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"syscall"

	"github.com/moby/buildkit/solver/errdefs"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
)

// EmulatorCrash says that it was probably not the command of a step that failed, but the emulator that ran it.
type EmulatorCrash struct {
	// Platform is the one of the step. A stage of the Dockerfile may name another than the image's.
	Platform plan.Platform
	Signal   syscall.Signal // SIGSEGV, SIGILL or SIGABRT
	Said     string         // the line in which QEMU says so; empty: the exit status is all that is known
}

// MayPass reports whether the same emulator may well run the same step the next time: segmentation faults come and go with the
// addresses that the kernel chooses, while an unknown instruction stays unknown.
func (c *EmulatorCrash) MayPass() bool { return c.Signal == syscall.SIGSEGV }

var (
	// linux-user/signal.c of QEMU: the program under emulation got a signal that it has no handler for.
	uncaughtSignal = regexp.MustCompile(`qemu: uncaught target signal (\d+) `)
	// The same file: the emulator itself got one.
	internalSignal = regexp.MustCompile(`QEMU internal (SIG[A-Z]+) `)
)

var crashSignals = []syscall.Signal{syscall.SIGSEGV, syscall.SIGILL, syscall.SIGABRT}

// emulatorCrash recognises a crash by QEMU's words, also where the step went on and failed later for another reason, or by the exit
// status of a program that died of a signal: 128 and its number.
func emulatorCrash(exitCode int, output []string) *EmulatorCrash {
	for _, line := range output {
		if found := uncaughtSignal.FindStringSubmatch(line); found != nil {
			number, _ := strconv.Atoi(found[1]) // digits; 0 if there are too many
			if signal := syscall.Signal(number); slices.Contains(crashSignals, signal) {
				return &EmulatorCrash{Signal: signal, Said: line}
			}
		}
		if found := internalSignal.FindStringSubmatch(line); found != nil {
			return &EmulatorCrash{Signal: signalNamed(found[1]), Said: line}
		}
	}
	if signal := syscall.Signal(exitCode - 128); slices.Contains(crashSignals, signal) {
		return &EmulatorCrash{Signal: signal}
	}
	return nil
}

// signalNamed knows the signals that QEMU names; others that it names are faults of memory too.
func signalNamed(name string) syscall.Signal {
	switch name {
	case "SIGILL":
		return syscall.SIGILL
	case "SIGABRT":
		return syscall.SIGABRT
	}
	return syscall.SIGSEGV
}

// crash looks at how one try to build a platform ended. If an emulator crashed in a step it returns the step's failure, if in the
// smoke test one that describes the test; otherwise nil.
func (j *job) crash(ctx context.Context, r *Result, failure *Failure) *Failure {
	if failure == nil {
		return j.crashOfTest(ctx, r)
	}
	p := stepPlatform(failure.Err, r.Platform)
	if failure.ExitCode == 0 || !j.emulated(p) {
		return nil
	}
	j.log.await(ctx, failure.vertex)
	failure.complete(j.log)
	if failure.EmulatorCrash = emulatorCrash(failure.ExitCode, failure.Output); failure.EmulatorCrash == nil {
		return nil
	}
	failure.EmulatorCrash.Platform = p
	return failure
}

func (j *job) crashOfTest(ctx context.Context, r *Result) *Failure {
	if r.Test == nil || r.Test.ExitCode == 0 || !j.emulated(r.Platform) {
		return nil
	}
	if r.Test.ExitCode == sigill && j.Plan.Tests.QEMUCPU[r.Platform.String()] != "" {
		return nil // the processor that it was given has no such instruction, and the finding says so
	}
	j.log.await(ctx, j.log.find(r.Test.step))
	output := j.log.output(j.log.find(r.Test.step))
	crash := emulatorCrash(r.Test.ExitCode, output)
	if crash == nil {
		return nil
	}
	crash.Platform = r.Platform
	for i := range r.Findings {
		if r.Findings[i].Check == testCheck {
			r.Findings[i].Fix = "it is probably not the program but the emulator that crashed: test on a native machine, or use another version of QEMU"
		}
	}
	return &Failure{Step: r.Test.step, ExitCode: r.Test.ExitCode, Output: output, Err: errors.New("the emulator crashed in the smoke test"), EmulatorCrash: crash}
}

func (j *job) emulated(p plan.Platform) bool { return j.Emulated != nil && j.Emulated(p) }

// stepPlatform is the platform of the step that an error is about.
func stepPlatform(err error, fallback plan.Platform) plan.Platform {
	var solve *errdefs.SolveError
	if !errors.As(err, &solve) || solve.Op == nil || solve.Op.Platform == nil {
		return fallback
	}
	p := solve.Op.Platform
	return plan.PlatformOf(ocispec.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant, OSVersion: p.OSVersion})
}
