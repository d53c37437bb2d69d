package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"

	"github.com/org/multiarch-action/internal/plan"
)

// releaseTimeout is how long the builder may take to end a container.
const releaseTimeout = 10 * time.Second

// startImage starts the image as it is, in a container on the builder, and watches what becomes of it.
func (j *job) startImage(ctx context.Context, c gateway.Client, r *Result, s *solved) *Failure {
	started := time.Now()
	health, err := readHealthcheck(s.config)
	if err != nil {
		return &Failure{Err: fmt.Errorf("%s: reading the image's HEALTHCHECK: %w", r.Platform, err)}
	}
	r.Start = &TestResult{Args: slices.Concat(r.Config.Config.Entrypoint, r.Config.Config.Cmd)}
	w := &watch{job: j, result: r, health: health, output: &output{}}
	if health != nil {
		health.shell = shellOf(ctx, s)
	}
	err = w.run(ctx, c, s)
	r.Start.Duration, r.Start.Output = time.Since(started), j.secrets.shownLines(w.output.lines())
	if err != nil && ctx.Err() == nil {
		r.Findings = append(r.Findings, j.Plan.Policy.Apply([]plan.Finding{w.finding(err)})...)
	}
	return nil
}

// watch is the test of one started image.
type watch struct {
	job    *job
	result *Result
	health *healthcheck // nil: the image has none
	output *output

	container gateway.Container
	probed    []string // what HEALTHCHECK has printed last; nil: nothing
	unhealthy bool     // HEALTHCHECK had one try only, and failed
}

// errNothingToStart is of images that cannot be started as they are.
var errNothingToStart = errors.New("neither ENTRYPOINT nor CMD says what to start")

func (w *watch) run(ctx context.Context, c gateway.Client, s *solved) (err error) {
	if len(w.result.Start.Args) == 0 || s.ref == nil {
		return errNothingToStart
	}
	ctx, cancel := withLimit(ctx, w.job.Plan.Tests.Timeout, errTestTimeout)
	defer cancel()
	w.container, err = c.NewContainer(ctx, gateway.NewContainerRequest{
		Mounts:   []gateway.Mount{{Dest: "/", Ref: s.ref, MountType: pb.MountType_BIND}},
		NetMode:  w.job.testNetwork(),
		Platform: pb.PlatformFromSpec(w.result.Platform.Spec()),
	})
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
		defer cancel()
		_ = w.container.Release(ctx) // says again how the program ended
	}()
	process, err := w.start(ctx, w.result.Start.Args, w.output)
	if err != nil {
		return err
	}
	return w.await(ctx, process)
}

// start executes a program with the settings of the image.
func (w *watch) start(ctx context.Context, args []string, out *output) (gateway.ContainerProcess, error) {
	config := w.result.Config.Config
	return w.container.Start(ctx, gateway.StartRequest{
		Args: args, Env: slices.Concat(config.Env, w.job.testEnv(w.result.Platform)), User: config.User, Cwd: config.WorkingDir,
		Stdout: out, Stderr: out,
	})
}

// await waits for the first thing that decides.
func (w *watch) await(ctx context.Context, process gateway.ContainerProcess) error {
	ended, healthy := make(chan error, 1), make(chan struct{})
	go func() { ended <- process.Wait() }()
	var lived <-chan time.Time
	if w.health == nil {
		timer := time.NewTimer(w.job.Plan.Tests.Entrypoint.Lives)
		defer timer.Stop()
		lived = timer.C
	} else {
		ctx, cancel := context.WithCancel(ctx)
		probes := make(chan struct{})
		go func() {
			defer close(probes)
			w.probe(ctx, healthy)
		}()
		defer func() { cancel(); <-probes }()
	}
	select {
	case err := <-ended:
		if context.Cause(ctx) == errTestTimeout { //nolint:errorlint // the cause is set here, not wrapped
			return errTestTimeout
		}
		if err == nil {
			w.result.Start.Passed = "exit status 0"
		}
		return err
	case <-healthy:
		w.result.Start.Passed = "healthy"
	case <-lived:
		if err := w.job.hanging(w.result.Platform, w.output.lines()); err != nil {
			return err
		}
		w.result.Start.Passed = fmt.Sprintf("alive after %s", w.job.Plan.Tests.Entrypoint.Lives)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// probe executes HEALTHCHECK until it succeeds.
func (w *watch) probe(ctx context.Context, healthy chan<- struct{}) {
	pause := w.health.pause()
	if w.health.shell == "" {
		pause = w.job.Plan.Tests.Entrypoint.Lives // there is one try only: see probeOnce
	}
	for {
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		if w.probeOnce(ctx) {
			close(healthy)
			return
		}
	}
}

// probeOnce executes HEALTHCHECK beside the program. A process in a container that fails ends the container (gatewayContainer.Start of
// buildkit frontend/gateway/container), so the image's shell turns the exit status into a last line of output.
func (w *watch) probeOnce(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, w.health.timeout())
	defer cancel()
	out := &output{}
	args := w.health.args
	if shell := w.health.shell; shell != "" {
		args = append([]string{shell, "-c", `"$@"; printf '\n%s%d\n' ` + exitMark + ` $?`, shell}, args...)
	}
	process, err := w.start(ctx, args, out)
	if err == nil {
		err = process.Wait()
	}
	lines := out.lines()
	if last := len(lines) - 1; last >= 0 && strings.HasPrefix(lines[last], exitMark) {
		lines, err = lines[:last], nil
		if out.lines()[last] != exitMark+"0" {
			err = errUnhealthy
		}
	} else if w.health.shell != "" && err == nil {
		err = errUnhealthy
	}
	if ctx.Err() == nil || w.probed == nil {
		w.probed = lines
	}
	w.unhealthy = err != nil && w.health.shell == ""
	return err == nil
}

const exitMark = "multiarch-action:exit-status:"

var errUnhealthy = errors.New("HEALTHCHECK failed")

// finding says how the image did not pass.
func (w *watch) finding(err error) plan.Finding {
	r := w.result
	finding := plan.Finding{
		Check: startCheck, Severity: plan.SeverityError, Platform: r.Platform.String(), Path: strings.Join(r.Start.Args, " "),
		Expected: "exit status 0, or a program that goes on running", Why: "the image of this platform does not start",
	}
	if w.health != nil {
		finding.Expected = "exit status 0, or a HEALTHCHECK that succeeds"
	}
	switch {
	case errors.Is(err, errNothingToStart):
		finding.Path, finding.Found, finding.Fix = "", err.Error(), "write ENTRYPOINT or CMD, or leave out --test-entrypoint"
	case w.unhealthy, errors.Is(err, errTestTimeout) && w.health != nil:
		finding.Found = fmt.Sprintf("no success of HEALTHCHECK %q within %s", w.health.args, w.job.Plan.Tests.Timeout)
		if w.unhealthy {
			finding.Found = fmt.Sprintf("no success of HEALTHCHECK %q after %s, its only try in an image without a shell", w.health.args, w.job.Plan.Tests.Entrypoint.Lives)
		}
		if text := strings.TrimSpace(w.job.secrets.shown(strings.Join(w.probed, "\n"))); text != "" {
			finding.Found += "; it said: " + text
		}
		finding.Fix = "give it more time with --test-timeout, or --test-network=default if it needs services outside; what the program said is in the report"
	default:
		finding = w.job.explain(finding, r.Start, err)
	}
	return finding
}

// output keeps the end of what a process prints.
type output struct {
	mu   sync.Mutex
	tail tail
}

// Write never fails.
func (o *output) Write(data []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tail.add(data)
	return len(data), nil
}

// Close does nothing.
func (o *output) Close() error { return nil }

func (o *output) lines() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.tail.lines()
}

// healthcheck is the HEALTHCHECK of an image.
type healthcheck struct {
	args     []string
	shell    string // of the image; empty: it has none
	Test     []string
	Interval time.Duration // nanoseconds, as Timeout
	Timeout  time.Duration
}

// readHealthcheck finds it in a config, where it is an addition of Docker (github.com/moby/docker-image-spec); nil: there is none.
func readHealthcheck(raw []byte) (*healthcheck, error) {
	var image struct {
		Config struct {
			Healthcheck *healthcheck
			Shell       []string
		} `json:"config"`
	}
	if err := json.Unmarshal(raw, &image); err != nil {
		return nil, err
	}
	h := image.Config.Healthcheck
	if h == nil || len(h.Test) < 2 {
		return nil, nil //nolint:nilnil // most images have none
	}
	switch h.Test[0] {
	case "CMD":
		h.args = h.Test[1:]
	case "CMD-SHELL":
		shell := image.Config.Shell
		if len(shell) == 0 {
			shell = []string{"/bin/sh", "-c"}
		}
		h.args = append(slices.Clone(shell), h.Test[1])
	default:
		return nil, nil //nolint:nilnil // NONE
	}
	return h, nil
}

// pause is the time before each try: a second, if the image does not want to be asked more often.
func (h *healthcheck) pause() time.Duration {
	if h.Interval > 0 && h.Interval < time.Second {
		return h.Interval
	}
	return time.Second
}

// timeout is how long one try may take. Docker's default is 30 s.
func (h *healthcheck) timeout() time.Duration {
	if h.Timeout > 0 {
		return h.Timeout
	}
	return 30 * time.Second
}
