package build

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/google/shlex"
	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
)

// TestResult is what a test did on one platform.
type TestResult struct {
	Args     []string
	ExitCode int
	Passed   string   // "passed", or how an image that was started as it is has passed; empty: it has not
	Output   []string // the last lines that it printed
	Duration time.Duration

	step string // as the builder's log names it; empty: it was no step
}

// hasTests reports whether anything is executed in a platform's image once it is built.
func (j *job) hasTests(p plan.Platform) bool {
	_, command := j.Plan.Tests.Commands[p.String()]
	return command || j.Plan.Tests.Entrypoint != nil
}

// tests executes what the plan wants to be executed in a platform's image.
func (j *job) tests(ctx context.Context, c gateway.Client, r *Result, s *solved) *Failure {
	if test, ok := j.Plan.Tests.Commands[r.Platform.String()]; ok {
		if failure := j.smokeTest(ctx, c, r, s, test); failure != nil {
			return failure
		}
	}
	if j.Plan.Tests.Entrypoint == nil || plan.Failed(r.Findings) || ctx.Err() != nil {
		return nil
	}
	return j.startImage(ctx, c, r, s)
}

// smokeTest runs the plan's command in the built image, on the builder, as a build step would: with the image's environment,
// user and working directory, and whatever runs that architecture there. It is never taken from the cache.
func (j *job) smokeTest(ctx context.Context, c gateway.Client, r *Result, s *solved, test plan.SmokeTest) *Failure {
	started := time.Now()
	args, err := testArgs(ctx, s, test)
	if err != nil {
		return &Failure{Err: fmt.Errorf("%s: preparing the smoke test: %w", r.Platform, err)}
	}
	r.Test = &TestResult{Args: args}
	err = j.execute(ctx, c, r, s, test.Expect)
	r.Test.Duration = time.Since(started)
	if err == nil {
		r.Test.Passed = "passed"
	}
	if err != nil && ctx.Err() == nil {
		r.Findings = append(r.Findings, j.Plan.Policy.Apply([]plan.Finding{j.testFinding(r, err)})...)
	}
	return nil
}

// The names under which findings say that a test did not pass.
const (
	testCheck  = "run/test"
	startCheck = "run/entrypoint"
)

// testFinding says how the smoke test did not pass.
func (j *job) testFinding(r *Result, err error) plan.Finding {
	var unexpected *unexpectedOutputError
	finding := plan.Finding{
		Check: testCheck, Severity: plan.SeverityError, Platform: r.Platform.String(), Path: strings.Join(r.Test.Args, " "),
		Expected: "exit status 0", Why: "the smoke test did not pass in this platform's image",
	}
	if errors.As(err, &unexpected) {
		finding.Expected, finding.Found = fmt.Sprintf("%q in the output", unexpected.text), "exit status 0, and an output without it"
		finding.Fix = "its last output is in the report"
		return finding
	}
	return j.explain(finding, r.Test, err)
}

// explain completes a finding about a test that took too long, ended with a status, or could not be started.
func (j *job) explain(finding plan.Finding, test *TestResult, err error) plan.Finding {
	var exit *gatewaypb.ExitError
	switch {
	case errors.Is(err, errTestTimeout):
		finding.Found = fmt.Sprintf("still running after %s", j.Plan.Tests.Timeout)
		finding.Fix = "give it more time with --test-timeout; emulated programs run 5 to 30 times slower"
	case errors.As(err, &exit) && exit.ExitCode != gatewaypb.UnknownExitStatus:
		test.ExitCode = int(exit.ExitCode)
		finding.Found = fmt.Sprintf("exit status %d", exit.ExitCode)
		finding.Fix = "its last output is in the report"
	default:
		finding.Found = "it could not be started: " + err.Error()
		finding.Fix = "name a program that is in the image"
	}
	if model := j.Plan.Tests.QEMUCPU[finding.Platform]; test.ExitCode == sigill && model != "" {
		finding.Found += ", illegal instruction"
		finding.Why = fmt.Sprintf("the program needs a newer processor than QEMU's %s, which stands for the oldest of this platform", model)
		finding.Fix = "build it for the platform's variant (GOARM, -march); a base image for a newer one cannot be used; or name another processor with --qemu-cpu"
	}
	return finding
}

// sigill is the exit status of a program that met an instruction which its processor does not have.
const sigill = 128 + int(syscall.SIGILL)

var errTestTimeout = errors.New("the test's time is up")

// unexpectedOutputError says that a text is not in a test's output.
type unexpectedOutputError struct{ text string }

// Error names the text.
func (e *unexpectedOutputError) Error() string {
	return fmt.Sprintf("the output does not hold %q", e.text)
}

func (j *job) execute(ctx context.Context, c gateway.Client, r *Result, s *solved, expect string) error {
	ctx, cancel := withLimit(ctx, j.Plan.Tests.Timeout, errTestTimeout)
	defer cancel()
	state := llb.Scratch()
	if s.ref != nil {
		var err error
		if state, err = s.ref.ToState(); err != nil {
			return err
		}
	}
	r.Test.step = fmt.Sprintf("[%s test] %s", r.Platform, strings.Join(r.Test.Args, " "))
	options := []llb.RunOption{llb.Args(r.Test.Args), llb.IgnoreCache, llb.Network(j.testNetwork())}
	if r.Crash != nil {
		// The builder remembers the first test, if that was what crashed. This says what is so anyway, but makes another step of it.
		options = append(options, llb.ValidExitCodes(0))
		r.Test.step = fmt.Sprintf("[%s second test] %s", r.Platform, strings.Join(r.Test.Args, " "))
	}
	for _, variable := range j.testEnv(r.Platform) {
		key, value, _ := strings.Cut(variable, "=")
		options = append(options, llb.AddEnv(key, value))
	}
	run := withConfig(state, r.Config).Run(append(options, llb.WithCustomName(r.Test.step))...)
	definition, err := run.Root().Marshal(ctx, llb.Platform(r.Platform.Spec()))
	if err != nil {
		return err
	}
	j.log.watch(r.Test.step, expect)
	_, err = c.Solve(ctx, gateway.SolveRequest{Definition: definition.ToPB(), Evaluate: true})
	switch {
	case err != nil && context.Cause(ctx) == errTestTimeout: //nolint:errorlint // the cause is set here, not wrapped
		return cmp.Or(j.hanging(r.Platform, j.log.output(j.log.find(r.Test.step))), errTestTimeout)
	case err == nil && !j.log.saw(ctx, r.Test.step):
		return &unexpectedOutputError{expect}
	}
	return err
}

// hanging finds a program that died under QEMU and hangs: as the first process of a container QEMU cannot end itself by a signal, as
// it does when its program has died of one (linux-user/signal.c). nil: there is none.
func (j *job) hanging(p plan.Platform, output []string) error {
	if !j.emulated(p) {
		return nil
	}
	crash := emulatorCrash(0, output)
	if crash == nil {
		return nil
	}
	return &gatewaypb.ExitError{ExitCode: uint32(128 + crash.Signal), Err: errors.New(crash.Said)}
}

// testNetwork is the network of tests in the builder's terms.
func (j *job) testNetwork() pb.NetMode {
	if j.Plan.Tests.Network == plan.TestNetworkDefault {
		return pb.NetMode_UNSET
	}
	return pb.NetMode_NONE
}

// testEnv are the variables that tests have besides those of the image.
func (j *job) testEnv(p plan.Platform) []string {
	if model := j.Plan.Tests.QEMUCPU[p.String()]; model != "" && j.emulated(p) {
		return []string{"QEMU_CPU=" + model} // linux-user/main.c of QEMU reads it
	}
	return nil
}

// withConfig gives a state what a container of the image would have.
func withConfig(state llb.State, config ocispec.Image) llb.State {
	for _, variable := range config.Config.Env {
		key, value, _ := strings.Cut(variable, "=")
		state = state.AddEnv(key, value)
	}
	if config.Config.WorkingDir != "" {
		state = state.Dir(config.Config.WorkingDir)
	}
	if config.Config.User != "" {
		state = state.User(config.Config.User)
	}
	return state
}

// testArgs are the words to execute: those of the user, or the image's shell with the user's text, or, where the image has no
// shell, the text split into words as a shell would.
func testArgs(ctx context.Context, s *solved, test plan.SmokeTest) ([]string, error) {
	if len(test.Args) > 0 {
		return test.Args, nil
	}
	if shell := shellOf(ctx, s); shell != "" {
		return []string{shell, "-c", test.Command}, nil
	}
	return shlex.Split(test.Command)
}

// shellOf is the path of an image's shell; empty: it has none.
func shellOf(ctx context.Context, s *solved) string {
	files := &Files{ref: s.ref}
	for _, folder := range []string{"/bin", "/usr/bin"} {
		if _, err := files.Lstat(ctx, folder+"/sh"); err == nil {
			return folder + "/sh"
		}
	}
	return ""
}
