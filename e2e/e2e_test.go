//go:build e2e

package e2e

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/org/multiarch-action/internal/report"
)

// eight are the platforms of the lab's busybox.
var eight = []string{
	"linux/amd64", "linux/arm64", "linux/arm/v6", "linux/arm/v7", "linux/386", "linux/ppc64le", "linux/s390x", "linux/riscv64",
}

// world is what the tests run in: the lab's addresses and the programs that were built for them.
type world struct {
	lab     map[string]string // what `lab env` prints
	program string            // the program under test
	crane   string
	buildx  string
	act     string
	root    string // of the repository
}

var w world

func TestMain(m *testing.M) {
	code, err := setUp(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func setUp(m *testing.M) (int, error) {
	root, err := filepath.Abs("..")
	if err != nil {
		return 0, err
	}
	w.root = root
	env, err := output(root, "go", "run", "./lab", "env")
	if err != nil {
		return 0, fmt.Errorf("asking the lab for its addresses (start it by `make lab-up`): %w", err)
	}
	w.lab = map[string]string{}
	for line := range strings.Lines(env) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		w.lab[name] = value
	}
	tools, err := output(root, "go", "run", "./lab", "tool", "crane", "buildx", "act")
	if err != nil {
		return 0, fmt.Errorf("building the tools that check the results: %w", err)
	}
	paths := strings.Fields(tools)
	if len(paths) != 3 {
		return 0, fmt.Errorf("the lab printed %q for three tools", tools)
	}
	w.crane, w.buildx, w.act = paths[0], paths[1], paths[2]
	dir, err := os.MkdirTemp("", "multiarch-e2e-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	w.program = filepath.Join(dir, "multiarch-action")
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil { // else each start would take a second more
		return 0, err
	}
	if _, err := output(root, "go", "build", "-race", "-o", w.program, "."); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// output runs a program and returns what it printed; its errors are in its own words.
func output(dir, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), nil
}

// must runs a program that has to succeed.
func must(t *testing.T, name string, args ...string) string {
	t.Helper()
	text, err := output("", name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// invocation is one start of the program under test.
type invocation struct {
	program string // empty: the one under test
	args    []string
	env     []string
	dir     string
	tmp     string // its folder for temporary files, which must be empty in the end; empty: a new one
}

// result is how it ended.
type result struct {
	code   int
	stdout string
	stderr string
	report report.Report // empty if none was written
	took   time.Duration
}

// builds is a build command for the lab: its mirror, plain progress, a report.
func builds(folder string, platforms []string, args ...string) invocation {
	all := []string{
		"build", "--platform", strings.Join(platforms, ","), "--buildkitd-config", w.lab["LAB_BUILDKITD_CONFIG"], "--progress", "plain",
	}
	return invocation{args: append(append(all, args...), folder)}
}

func (i invocation) command(ctx context.Context, t *testing.T) (cmd *exec.Cmd, reportFile string) {
	t.Helper()
	reportFile = filepath.Join(t.TempDir(), "report.json")
	args := i.args
	if args[0] == "build" {
		args = append([]string{"build", "--report", reportFile}, args[1:]...)
	}
	cmd = exec.CommandContext(ctx, cmp.Or(i.program, w.program), args...)
	cmd.Dir = i.dir
	tmp := i.tmp
	if tmp == "" {
		tmp = shortTemp(t)
		t.Cleanup(func() { wantEmpty(t, tmp) })
	}
	cmd.Env = append(append(os.Environ(), "TMPDIR="+tmp, "PATH="+w.lab["LAB_QEMU_DIR"]+":"+os.Getenv("PATH"),
		"MULTIARCH_BUILDKIT_IMAGE="+w.lab["MULTIARCH_BUILDKIT_IMAGE"], "MULTIARCH_BINFMT_IMAGE=none",
		"GIT_CEILING_DIRECTORIES="+w.root), i.env...) // which commit of this repository is tested changes no image
	return cmd, reportFile
}

// run starts the program, waits for it, and checks that nothing of it is left.
func (i invocation) run(t *testing.T) result {
	t.Helper()
	cmd, file := i.command(t.Context(), t)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	started := time.Now()
	err := cmd.Run()
	r := result{stdout: stdout.String(), stderr: stderr.String(), took: time.Since(started)}
	r.finish(t, err, file)
	return r
}

func (r *result) finish(t *testing.T, err error, reportFile string) {
	t.Helper()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit != nil {
		r.code = exit.ExitCode()
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("exit code %d after %s\nstdout:\n%s\nstderr:\n%s", r.code, r.took, r.stdout, r.stderr)
		}
	})
	raw, err := os.ReadFile(reportFile)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	if err == nil {
		err = json.Unmarshal(raw, &r.report)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// showIfFailed shows a log where the test fails.
func showIfFailed(t *testing.T, log string) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(log)
		}
	})
}

func (r result) wantCode(t *testing.T, want int) {
	t.Helper()
	if r.code != want {
		t.Fatalf("exit code = %d, want %d", r.code, want)
	}
}

func (r result) wantStderr(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(r.stderr, text) {
			t.Errorf("stderr does not hold %q", text)
		}
	}
}

// platform returns a platform's row of the report.
func (r result) platform(t *testing.T, name string) report.Platform {
	t.Helper()
	for _, p := range r.report.Platforms {
		if p.Platform.String() == name {
			return p
		}
	}
	t.Fatalf("the report has no platform %s", name)
	return report.Platform{}
}

// wantNothingLeft checks that a run has taken away its container, volumes and handlers.
func wantNothingLeft(t *testing.T, run string) {
	t.Helper()
	if run == "" {
		t.Fatal("the report names no run")
	}
	for _, list := range [][]string{{"ps", "-aq"}, {"volume", "ls", "-q"}} {
		args := append(slices.Clone(list), "--filter", "label=multiarch-action.run="+run)
		if left := must(t, "docker", args...); left != "" {
			t.Errorf("docker %s: left behind: %s", strings.Join(args, " "), left)
		}
	}
	entries, err := os.ReadDir("/proc/sys/fs/binfmt_misc")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if strings.Contains(entry.Name(), run) {
			t.Errorf("handler left behind: %s", entry.Name())
		}
	}
}

// shortTemp is a folder whose path leaves room for the name of a socket in it, which t.TempDir's does not.
func shortTemp(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "e2e-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Error(err)
	}
	for _, entry := range entries {
		t.Errorf("left in the folder for temporary files: %s", entry.Name())
	}
}

// folder writes files into a folder of their own and returns its path.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// tag is a reference in the lab's registry that no other test uses.
func tag(t *testing.T) string {
	t.Helper()
	return w.lab["LAB_REGISTRY"] + "/e2e/" + strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-")) + ":1"
}

// digestOf asks a peer's tool what a tag points at; empty if there is no such tag.
func digestOf(t *testing.T, ref string) string {
	t.Helper()
	digest, err := output("", w.crane, "digest", ref)
	if err != nil {
		if strings.Contains(err.Error(), "MANIFEST_UNKNOWN") || strings.Contains(err.Error(), "NAME_UNKNOWN") {
			return ""
		}
		t.Fatal(err)
	}
	return strings.TrimSpace(digest)
}
