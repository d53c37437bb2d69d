package cli

import (
	"context"
	"fmt"
	"sync"

	"github.com/org/multiarch-action/internal/build"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/report"
	"github.com/org/multiarch-action/internal/setup"
)

// crashes remembers which emulators were replaced while the build went on.
type crashes struct {
	mu       sync.Mutex
	replaced map[string]setup.Emulation // by architecture: the one that crashed
}

// emulated reports whether a platform's programs run under an emulator.
func (r *run) emulated(p plan.Platform) bool {
	r.crashes.mu.Lock()
	defer r.crashes.mu.Unlock()
	e, ok := r.emulationOf(p)
	return ok && e.Way != setup.WayNative
}

// retry provides another emulator after a crash, and decides whether the platform is tried again.
func (r *run) retry(ctx context.Context, p plan.Platform, failure *build.Failure) (again bool) {
	r.crashes.mu.Lock()
	defer r.crashes.mu.Unlock()
	crash := failure.EmulatorCrash
	e, _ := r.emulationOf(crash.Platform)
	if _, done := r.crashes.replaced[e.Architecture]; done {
		r.say("build", "%s: trying again with %s", p, emulatorFile(e))
		return true
	}
	what := fmt.Sprintf("%s crashed (%s) in %s", emulatorFile(e), signalText(crash), failure.Step)
	second := setup.Emulation{Way: setup.WayMissing, Problem: "the builder's own emulator cannot be replaced"}
	if e.Way != setup.WayMissing {
		config, err := r.emulationConfig()
		if err == nil {
			second, err = setup.Second(ctx, config, e)
		}
		if err != nil {
			r.say("build", "%s: %s; registering another emulator: %v", p, what, err)
			return false
		}
	}
	switch {
	case second.Way == setup.WayRegistered:
		r.replace(e, second)
		r.say("build", "%s: %s; trying again with %s", p, what, emulatorFile(second))
	case crash.MayPass():
		r.say("build", "%s: %s; trying again with the same one, because such crashes come and go: %s", p, what, second.Problem)
	default:
		r.say("build", "%s: %s; not tried again: %s", p, what, second.Problem)
		return false
	}
	return true
}

// replace puts the second emulator where the first was.
func (r *run) replace(first, second setup.Emulation) {
	if r.crashes.replaced == nil {
		r.crashes.replaced = map[string]setup.Emulation{}
	}
	r.crashes.replaced[first.Architecture] = first
	for i, e := range r.emulation {
		if e.OS == first.OS && e.Architecture == first.Architecture {
			r.emulation[i] = second
		}
	}
}

// crashed is what the report says of a crash after which a platform was tried again.
func (r *run) crashed(failure *build.Failure) *report.Crash {
	if failure == nil {
		return nil
	}
	e, _ := r.emulationOf(failure.EmulatorCrash.Platform)
	if first, replaced := r.crashes.replaced[e.Architecture]; replaced {
		e = first
	}
	return &report.Crash{
		Emulator: emulatorFile(e), Signal: int(failure.EmulatorCrash.Signal), ExitCode: failure.ExitCode, Step: failure.Step,
		File: failure.File, Line: failure.Line,
	}
}

// crashFinding warns of a platform that was built only at the second try.
func (r *run) crashFinding(p plan.Platform, failure *build.Failure) plan.Finding {
	e, _ := r.emulationOf(failure.EmulatorCrash.Platform)
	return plan.Finding{
		Check: "emulator/crash", Severity: plan.SeverityWarning, Platform: p.String(),
		Found: fmt.Sprintf("%s crashed (%s) in %s", r.crashed(failure).Emulator, signalText(failure.EmulatorCrash), failure.Step),
		Why:   "the platform was built at the second try only, with " + emulatorFile(e), Fix: crashCure(failure.EmulatorCrash.Platform),
	}
}

// crashHint explains a crash that ended a platform.
func (r *run) crashHint(crash *build.EmulatorCrash) string {
	e, _ := r.emulationOf(crash.Platform)
	return fmt.Sprintf("it is probably not the command that failed, but %s, which crashed (%s); %s", emulatorFile(e), signalText(crash), crashCure(crash.Platform))
}

func crashCure(p plan.Platform) string {
	return fmt.Sprintf("build on a machine for %s, or execute the step on the build platform (FROM --platform=$BUILDPLATFORM); another version of QEMU may help too", p)
}

// emulatorFile names an emulator by version and path.
func emulatorFile(e setup.Emulation) string {
	switch {
	case e.Way == setup.WayMissing || e.Way == "":
		return "the builder's own emulator"
	case e.Emulator == "":
		return "the emulator"
	case e.Version == "":
		return e.Emulator
	}
	return fmt.Sprintf("QEMU %s (%s)", e.Version, e.Emulator)
}

func signalText(c *build.EmulatorCrash) string {
	return fmt.Sprintf("signal %d, %s", int(c.Signal), c.Signal)
}
