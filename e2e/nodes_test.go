//go:build e2e

package e2e

import (
	"bytes"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/report"
)

// as makes a BuildKit say that its processor is of an architecture; the kernel emulates it.
func as(platforms ...string) []string {
	var flags []string
	for _, p := range platforms {
		flags = append(flags, "--oci-worker-platform", p)
	}
	return flags
}

// places are where and how the report says that platforms were built.
func (r result) places() map[string]string {
	out := map[string]string{}
	for _, p := range r.report.Platforms {
		out[p.Platform.String()] = p.Execution + " on " + p.Node
	}
	return out
}

// ownBuilder is what a run calls the builder that it starts.
func (r result) ownBuilder() string { return "multiarch-action-" + r.report.Run }

func TestNodesShareThePlatforms(t *testing.T) {
	t.Parallel()
	certs := newAuthority(t)
	arm, x86, mainframe := startBuildkitd(t, certs, as("linux/arm64", "linux/arm/v7")...), startBuildkitd(t, certs), startBuildkitd(t, certs, as("linux/s390x")...)
	platforms := []string{"linux/s390x", "linux/amd64", "linux/arm64", "linux/386", "linux/arm/v7"}
	epoch := []string{"SOURCE_DATE_EPOCH=1700000000"}
	ref := tag(t)
	i := builds("../examples/hello", platforms, "-t", ref, "--push", "--test", "uname -m",
		"--node", "linux/arm64,linux/arm/v7="+arm.node(), "--node", "linux/386="+x86.node(), "--node", mainframe.node())
	i.env = epoch
	r := i.run(t)
	r.wantCode(t, 0)
	want := map[string]string{
		"linux/s390x": "native on " + mainframe.address, "linux/amd64": "native on " + r.ownBuilder(), "linux/386": "native on " + x86.address,
		"linux/arm64": "native on " + arm.address, "linux/arm/v7": "native on " + arm.address,
	}
	if diff := cmp.Diff(want, r.places()); diff != "" {
		t.Errorf("places differ (-want +got):\n%s", diff)
	}
	if len(r.report.Nodes) != 4 || r.report.Nodes[0].Name != r.ownBuilder() {
		t.Errorf("the report's nodes are %+v", r.report.Nodes)
	}
	r.wantStderr(t, " NODE ", "linux/arm64    #", "load build definition from Dockerfile on "+arm.address)
	if digest := digestOf(t, ref); digest != r.report.Digest {
		t.Errorf("the tag has %q, want %q", digest, r.report.Digest)
	}
	wantNothingLeft(t, r.report.Run)

	alone := builds("../examples/hello", platforms, "-t", ref, "--push")
	alone.env = epoch
	if got := alone.run(t); got.report.Digest != r.report.Digest {
		t.Errorf("one builder makes %s of the same inputs, nodes make %s", got.report.Digest, r.report.Digest)
	}
}

// sleeper is an image whose step takes long enough for its builder to be ended meanwhile.
func sleeper(t *testing.T) string {
	t.Helper()
	return folder(t, map[string]string{"Dockerfile": "FROM busybox\nRUN echo begun on $(uname -m) && sleep 8 && echo \"$(date)\" > /date\n"})
}

// runUntil starts the program, does something when a text has appeared in its log, and waits for its end.
func (i invocation) runUntil(t *testing.T, text string, do func(program *os.Process)) result {
	t.Helper()
	cmd, file := i.command(t.Context(), t)
	var stdout bytes.Buffer
	log := &watched{text: text, seen: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &stdout, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	var err error
	select {
	case <-log.seen:
		do(cmd.Process)
		err = <-done
	case err = <-done:
	}
	r := result{stdout: stdout.String(), stderr: log.String()}
	r.finish(t, err, file)
	return r
}

// A cancelled run ends the steps on nodes too, and leaves the nodes alone.
func TestCancelledRunEndsItsStepsOnNodes(t *testing.T) {
	t.Parallel()
	b := startBuildkitd(t, newAuthority(t))
	for _, test := range []struct{ name, builder, step string }{
		{"tcp", b.node(), "sleep 61003"},
		{"docker-container", "docker-container://" + b.container, "sleep 61004"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, map[string]string{"Dockerfile": "FROM busybox\nRUN echo now && " + test.step + "\n"})
			r := remoteBuild(dir, []string{"linux/amd64", "linux/386"}, "--builder", test.builder).runUntil(t, "| now", func(program *os.Process) {
				if err := program.Signal(syscall.SIGTERM); err != nil {
					t.Error(err)
				}
			})
			r.wantCode(t, 130)
			wantNoProcess(t, test.step)
			must(t, "docker", "exec", b.container, "buildctl", "debug", "workers")
		})
	}
}

// watched keeps what is written and tells when a text was in it.
type watched struct {
	text string
	seen chan struct{}
	mu   sync.Mutex
	all  strings.Builder
	once sync.Once
}

func (l *watched) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all.Write(p)
	if strings.Contains(l.all.String(), l.text) {
		l.once.Do(func() { close(l.seen) })
	}
	return len(p), nil
}

func (l *watched) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

func TestNodeThatIsLostInTheMiddle(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		end  []string
	}{
		{"killed", []string{"kill"}},
		{"stopped", []string{"stop", "--time", "30"}},
		{"restarted", []string{"restart", "--time", "0"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			certs := newAuthority(t)
			arm, x86, other := startBuildkitd(t, certs, as("linux/arm64")...), startBuildkitd(t, certs), startBuildkitd(t, certs, as("linux/s390x")...)
			ref := tag(t)
			i := builds(sleeper(t), []string{"linux/amd64", "linux/arm64"}, "-t", ref, "--push",
				"--node", arm.node(), "--node", "linux/amd64="+x86.node(), "--node", "linux/s390x="+other.node())
			r := i.runUntil(t, "begun on aarch64", func(*os.Process) { must(t, "docker", append(test.end, arm.container)...) })
			r.wantCode(t, 0)
			r.wantStderr(t, "linux/arm64: built again on "+r.ownBuilder()+", because "+arm.address+" was lost", "node "+arm.address+": lost during the build: ")
			if p := r.platform(t, "linux/arm64"); p.Status != report.StatusPushed || p.Node != r.ownBuilder() || p.Execution != "emulated" {
				t.Errorf("linux/arm64 is %s, %s on %s", p.Status, p.Execution, p.Node)
			}
			if n := strings.Count(r.stderr, "| begun on x86_64"); n != 1 {
				t.Errorf("the step for linux/amd64 began %d times, want once", n)
			}
			if digest := digestOf(t, ref); digest != r.report.Digest {
				t.Errorf("the tag has %q, want %q", digest, r.report.Digest)
			}
			wantNothingLeft(t, r.report.Run)
		})
	}
}

func TestNodeThatIsLostAndNobodyCanTakeItsPlace(t *testing.T) {
	t.Parallel()
	certs := newAuthority(t)
	arm, x86 := startBuildkitd(t, certs, as("linux/arm64")...), startBuildkitd(t, certs)
	ref := tag(t)
	i := builds(sleeper(t), []string{"linux/amd64", "linux/arm64"}, "-t", ref, "--push",
		"--node", arm.node(), "--node", "linux/amd64="+x86.node())
	// The emulators of the first node are this machine's, which a run with a builder of its own registers.
	keeper := builds("../examples/hello", []string{"linux/arm64"}, "--test", "sleep 60")
	stop := keeper.inBackground(t)
	defer stop()
	i.args = append([]string{"build", "--builder", "none"}, i.args[1:]...)
	i.args = without(i.args, "--buildkitd-config")
	r := i.runUntil(t, "begun on aarch64", func(*os.Process) { must(t, "docker", "kill", arm.container) })
	r.wantCode(t, 1)
	p := r.platform(t, "linux/arm64")
	if p.Status != report.StatusFailed || p.Failure == nil ||
		!strings.HasPrefix(p.Failure.Error, "node "+arm.address+" was lost (") || !strings.HasSuffix(p.Failure.Error, "), and no other node can build linux/arm64") {
		t.Errorf("linux/arm64 is %s: %+v", p.Status, p.Failure)
	}
	if p := r.platform(t, "linux/amd64"); p.Status != report.StatusPushed || p.Digest == "" {
		t.Errorf("linux/amd64 is %s with digest %q, want what was built to be kept", p.Status, p.Digest)
	}
	if digest := digestOf(t, ref); digest != "" {
		t.Errorf("the tag has moved to %s", digest)
	}
}

// without leaves out an option and its value.
func without(args []string, option string) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		if args[i] == option {
			i++
			continue
		}
		out = append(out, args[i])
	}
	return out
}

// inBackground starts the program, waits until its builder is ready, and returns what ends it.
func (i invocation) inBackground(t *testing.T) (stop func()) {
	t.Helper()
	cmd, _ := i.command(t.Context(), t)
	log := &watched{text: "setup    builder ", seen: make(chan struct{})}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-log.seen:
	case <-time.After(time.Minute):
		t.Fatalf("the program's builder is not ready:\n%s", log)
	}
	return func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // cancelled
	}
}

func TestNodeThatIsNotThereFromTheStart(t *testing.T) {
	t.Parallel()
	r := builds("../examples/hello", []string{"linux/amd64", "linux/arm64"}, "--node", "linux/arm64=tcp://127.0.0.1:9").run(t)
	r.wantCode(t, 0)
	const problem = "not reached: dial tcp 127.0.0.1:9: connect: connection refused"
	r.wantStderr(t, "setup    node tcp://127.0.0.1:9 "+problem+"; check that", "\nnode tcp://127.0.0.1:9: "+problem+"\n  hint: check that buildkitd runs there")
	if p := r.platform(t, "linux/arm64"); p.Node != r.ownBuilder() || p.Execution != "emulated" {
		t.Errorf("linux/arm64 was built as %s on %s", p.Execution, p.Node)
	}
	wantNothingLeft(t, r.report.Run)
}

func TestNoNodeIsThere(t *testing.T) {
	t.Parallel()
	r := remoteBuild("../examples/hello", []string{"linux/amd64"}, "--builder", "none", "--node", "tcp://127.0.0.1:9", "--node", "unix:///nonexistent.sock").run(t)
	r.wantCode(t, 1)
	r.wantStderr(t, "error: builders: connecting: none of the 2 nodes can be reached", "node tcp://127.0.0.1:9: not reached", "node unix:///nonexistent.sock: not reached: there is no such socket")
}

func TestRequireNative(t *testing.T) {
	t.Parallel()
	arm := startBuildkitd(t, newAuthority(t), as("linux/arm64")...)
	platforms := []string{"linux/amd64", "linux/arm64", "linux/s390x"}
	r := builds("../examples/hello", platforms, "--require-native", "--node", arm.node(), "--node", "tcp://127.0.0.1:9").run(t)
	r.wantCode(t, 2)
	r.wantStderr(t, `error: --require-native "linux/s390x": no node runs it natively (tcp://127.0.0.1:9 not reached: dial tcp 127.0.0.1:9: connect: connection refused; `+
		r.ownBuilder()+" is linux/amd64; "+arm.address+" is linux/arm64); add a machine of that architecture by --node ADDRESS, or leave --require-native out",
		"no emulator is registered on this machine")
	if strings.Contains(r.stderr, "load build definition") {
		t.Error("something was built")
	}
	wantNothingLeft(t, r.report.Run)
}

func TestTwoRunsShareABuilder(t *testing.T) {
	t.Parallel()
	b := startBuildkitd(t, newAuthority(t))
	results := make([]result, 2)
	var wait sync.WaitGroup
	for i := range results {
		text := strings.Repeat("x", i+1)
		dir := folder(t, map[string]string{"Dockerfile": "FROM busybox\nCOPY text /text\nRUN sleep 2 && cat /text\n", "text": text + "\n"})
		wait.Go(func() {
			results[i] = remoteBuild(dir, []string{"linux/amd64", "linux/386"}, "--builder", b.node(), "--test", "grep -x "+text+" /text").run(t)
		})
	}
	wait.Wait()
	for _, r := range results {
		r.wantCode(t, 0)
	}
}
