package build

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/shlex"
	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
)

// TestResult is what the smoke test did on one platform.
type TestResult struct {
	Args     []string
	ExitCode int
	Output   []string // the last lines that it printed
	Duration time.Duration

	step string // as the builder's log names it
}

// smokeTest runs the plan's command in the built image, on the builder, as a build step would: with the image's environment,
// user and working directory, and whatever runs that architecture there. It has no network, and is never taken from the cache.
func (j *job) smokeTest(ctx context.Context, c gateway.Client, r *Result, s *solved) *Failure {
	started := time.Now()
	args, err := j.testArgs(ctx, s)
	if err != nil {
		return &Failure{Err: fmt.Errorf("%s: preparing the smoke test: %w", r.Platform, err)}
	}
	r.Test = &TestResult{Args: args}
	err = j.execute(ctx, c, r, s)
	r.Test.Duration = time.Since(started)
	if err != nil && ctx.Err() == nil {
		r.Findings = append(r.Findings, j.Plan.Policy.Apply([]plan.Finding{j.testFinding(r, err)})...)
	}
	return nil
}

// testFinding says how the smoke test did not pass.
func (j *job) testFinding(r *Result, err error) plan.Finding {
	var exit *gatewaypb.ExitError
	finding := plan.Finding{
		Check: "run/test", Severity: plan.SeverityError, Platform: r.Platform.String(), Path: strings.Join(r.Test.Args, " "),
		Expected: "exit status 0", Why: "the smoke test did not pass in this platform's image",
	}
	switch {
	case errors.Is(err, errTestTimeout):
		finding.Found = fmt.Sprintf("still running after %s", j.Plan.SmokeTest.Timeout)
		finding.Fix = "give it more time with --test-timeout; emulated programs run 5 to 30 times slower"
	case errors.As(err, &exit) && exit.ExitCode != gatewaypb.UnknownExitStatus:
		r.Test.ExitCode = int(exit.ExitCode)
		finding.Found = fmt.Sprintf("exit status %d", exit.ExitCode)
		finding.Fix = "its last output is in the report"
	default:
		finding.Found = "it could not be started: " + err.Error()
		finding.Fix = "name a program that is in the image"
	}
	return finding
}

var errTestTimeout = errors.New("the smoke test's time is up")

func (j *job) execute(ctx context.Context, c gateway.Client, r *Result, s *solved) error {
	ctx, cancel := context.WithTimeoutCause(ctx, j.Plan.SmokeTest.Timeout, errTestTimeout)
	defer cancel()
	state := llb.Scratch()
	if s.ref != nil {
		var err error
		if state, err = s.ref.ToState(); err != nil {
			return err
		}
	}
	r.Test.step = fmt.Sprintf("[%s test] %s", r.Platform, strings.Join(r.Test.Args, " "))
	run := withConfig(state, r.Config).Run(
		llb.Args(r.Test.Args), llb.IgnoreCache, llb.Network(pb.NetMode_NONE), llb.WithCustomName(r.Test.step),
	)
	definition, err := run.Root().Marshal(ctx, llb.Platform(r.Platform.Spec()))
	if err != nil {
		return err
	}
	_, err = c.Solve(ctx, gateway.SolveRequest{Definition: definition.ToPB(), Evaluate: true})
	if err != nil && context.Cause(ctx) == errTestTimeout { //nolint:errorlint // the cause is set here, not wrapped
		return errTestTimeout
	}
	return err
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
func (j *job) testArgs(ctx context.Context, s *solved) ([]string, error) {
	test := j.Plan.SmokeTest
	if len(test.Args) > 0 {
		return test.Args, nil
	}
	files := &Files{ref: s.ref}
	for _, folder := range []string{"/bin", "/usr/bin"} {
		if _, err := files.Lstat(ctx, folder+"/sh"); err == nil {
			return []string{folder + "/sh", "-c", test.Command}, nil
		}
	}
	return shlex.Split(test.Command)
}
