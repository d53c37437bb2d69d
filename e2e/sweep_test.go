//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// started is a run that is going on.
type started struct {
	cmd    *exec.Cmd
	stderr *bytes.Buffer
	lines  *bufio.Scanner
	run    string // its id, once its builder is ready
}

var builderLine = regexp.MustCompile(`builder multiarch-action-([0-9a-f]{12}) ready`)

// start starts a build and returns when a line of stderr holds the text.
func (i invocation) start(t *testing.T, moment string) *started {
	t.Helper()
	cmd, _ := i.command(t.Context(), t)
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	s := &started{cmd: cmd, stderr: &bytes.Buffer{}, lines: bufio.NewScanner(pipe)}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("stderr of %s:\n%s", cmd.Args, s.stderr)
		}
	})
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for s.lines.Scan() {
		s.stderr.WriteString(s.lines.Text() + "\n")
		if found := builderLine.FindStringSubmatch(s.lines.Text()); found != nil {
			s.run = found[1]
		}
		if strings.Contains(s.lines.Text(), moment) {
			return s
		}
	}
	t.Fatalf("%q never came", moment)
	return nil
}

// end sends a signal and returns how the program ended.
func (s *started) end(t *testing.T, signal syscall.Signal) result {
	t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	return s.wait(t)
}

func (s *started) wait(t *testing.T) result {
	t.Helper()
	for s.lines.Scan() {
		s.stderr.WriteString(s.lines.Text() + "\n")
	}
	_ = s.cmd.Wait() // its code is looked at by the caller
	return result{code: s.cmd.ProcessState.ExitCode(), stderr: s.stderr.String()}
}

const (
	runsForever = "FROM busybox\nRUN echo now && sleep 600\n"
	runsAtOnce  = "FROM busybox\nRUN true\n"
)

// ofRun lists what the engine has of a run.
func ofRun(t *testing.T, run string) []string {
	t.Helper()
	label := "label=multiarch-action.run=" + run
	return append(strings.Fields(must(t, "docker", "ps", "-aq", "--filter", label)), strings.Fields(must(t, "docker", "volume", "ls", "-q", "--filter", label))...)
}

func TestNextRunSweepsWhatAKilledOneLeft(t *testing.T) {
	t.Parallel()
	tmp := shortTemp(t)
	forever := builds(folder(t, map[string]string{"Dockerfile": runsForever}), []string{"linux/amd64"})
	forever.tmp = tmp
	atOnce := builds(folder(t, map[string]string{"Dockerfile": runsAtOnce}), []string{"linux/amd64"})
	atOnce.tmp = tmp

	living := forever.start(t, "| now")
	killed := forever.start(t, "| now")
	killed.end(t, syscall.SIGKILL)
	bystanders := []string{
		bystander(t, "multiarch-action.owner=another/1/2/3"),
		bystander(t, "multiarch-action.owner="+goneOwner(t), "multiarch-action.kept=true"),
		bystander(t),
	}

	r := atOnce.run(t)
	r.wantCode(t, 0)
	// Runs of other tests may have swept the container meanwhile, but they do not see this folder.
	r.wantStderr(t, "swept what runs that were killed have left: ", "folder "+filepath.Join(tmp, "multiarch-action-"+killed.run))
	wantNothingLeft(t, killed.run)
	if left := ofRun(t, living.run); len(left) != 2 {
		t.Errorf("of the run that goes on there is %q, want its container and its volume", left)
	}
	for _, id := range bystanders {
		must(t, "docker", "inspect", id)
	}
	if r := living.end(t, syscall.SIGINT); r.code != 130 {
		t.Errorf("the run that went on ended with exit code %d, want 130", r.code)
	}
	wantEmpty(t, tmp)
}

// A machine's cleaner may have taken the folder of a killed run, or the run had another one.
func TestSweepKnowsTheProcessToo(t *testing.T) {
	t.Parallel()
	forever := builds(folder(t, map[string]string{"Dockerfile": runsForever}), []string{"linux/amd64"})
	forever.tmp = shortTemp(t)
	killed := forever.start(t, "| now")
	killed.end(t, syscall.SIGKILL)
	r := builds(folder(t, map[string]string{"Dockerfile": runsAtOnce}), []string{"linux/amd64"}).run(t)
	r.wantCode(t, 0)
	wantNothingLeft(t, killed.run)
}

func TestKeptBuilderIsNotSwept(t *testing.T) {
	t.Parallel()
	tmp := shortTemp(t)
	atOnce := builds(folder(t, map[string]string{"Dockerfile": runsAtOnce}), []string{"linux/amd64"}, "--keep-builder")
	atOnce.tmp = tmp
	kept := atOnce.run(t)
	kept.wantCode(t, 0)
	defer func() {
		cleanup := invocation{args: []string{"cleanup", "--run", kept.report.Run}, tmp: tmp}
		cleanup.run(t).wantCode(t, 0)
		wantNothingLeft(t, kept.report.Run)
		wantEmpty(t, tmp)
	}()
	other := builds(folder(t, map[string]string{"Dockerfile": runsAtOnce}), []string{"linux/amd64"})
	other.tmp = tmp
	other.run(t).wantCode(t, 0)
	again := invocation{tmp: tmp, args: []string{
		"build", "--platform", "linux/amd64", "--builder", "multiarch-action-" + kept.report.Run, folder(t, map[string]string{"Dockerfile": runsAtOnce}),
	}}
	again.run(t).wantCode(t, 0)
}

// bystander makes a container that looks like one of ours, or nearly.
func bystander(t *testing.T, labels ...string) string {
	t.Helper()
	args := []string{"create", "--label", "multiarch-action.run=000000000000"}
	for _, label := range labels {
		args = append(args, "--label", label)
	}
	id := strings.TrimSpace(must(t, "docker", append(args, w.lab["LAB_BUILDKIT_IMAGE"])...))
	t.Cleanup(func() { must(t, "docker", "rm", "-fv", id) })
	return id
}

// goneOwner names a process of this machine that has ended.
func goneOwner(t *testing.T) string {
	t.Helper()
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		t.Fatal(err)
	}
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(boot)) + "/" + strings.Trim(namespace, "pid:[]") + "/" + strconv.Itoa(1<<30) + "/1"
}

func TestKilledBuildKitIsNamed(t *testing.T) {
	t.Parallel()
	forever := builds(folder(t, map[string]string{"Dockerfile": runsForever}), []string{"linux/amd64"})
	s := forever.start(t, "| now")
	killInside(t, "multiarch-action-"+s.run, "buildkitd")
	r := s.wait(t)
	r.wantCode(t, 1)
	r.wantStderr(t,
		"error: builder multiarch-action-"+s.run+": it was killed in the middle of the work (exit status 137)",
		"hint: mostly that is the kernel when memory is short (dmesg tells): use a machine with more memory, or let fewer steps run at once",
		"linux/amd64 failed: the builder ended before it was built",
	)
	wantNothingLeft(t, s.run)
	builds(folder(t, map[string]string{"Dockerfile": runsAtOnce}), []string{"linux/amd64"}).run(t).wantCode(t, 0)
}

// killInside kills the processes of a container that run a program.
func killInside(t *testing.T, container, name string) {
	t.Helper()
	killed := false
	for pid := range strings.FieldsSeq(must(t, "docker", "top", container, "-eo", "pid")) {
		program, err := os.Readlink(filepath.Join("/proc", pid, "exe"))
		if err != nil || filepath.Base(program) != name {
			continue
		}
		number, err := strconv.Atoi(pid)
		if err == nil {
			err = syscall.Kill(number, syscall.SIGKILL)
		}
		if err != nil {
			t.Fatal(err)
		}
		killed = true
	}
	if !killed {
		t.Fatalf("no %s runs in %s", name, container)
	}
}
