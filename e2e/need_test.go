//go:build e2e

package e2e

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// foreignToAMD64 are the platforms of the eight that a machine for amd64 does not run by itself.
var foreignToAMD64 = []string{"linux/arm64", "linux/arm/v6", "linux/arm/v7", "linux/ppc64le", "linux/s390x", "linux/riscv64"}

// looked are the architectures that a run executed a program of, as its log says, in order.
func (r result) looked() []string {
	var out []string
	for line := range strings.Lines(r.stderr) {
		rest, _ := strings.CutPrefix(line, "setup    ")
		if architecture, how, found := strings.Cut(rest, ": "); found && (strings.Contains(how, "proved by executing") || strings.Contains(how, "runs natively")) {
			out = append(out, architecture)
		}
	}
	slices.Sort(out)
	return out
}

func TestEmulatorsAreRegisteredOnlyForWhatIsExecuted(t *testing.T) {
	t.Parallel()
	one := []string{"linux/riscv64"} // compiling takes its time
	for _, test := range []struct {
		name, folder string
		platforms    []string
		args         []string
		looked       []string
		execution    string // of linux/riscv64
		need         string // of linux/riscv64
	}{
		{
			name: "cross-compiled", folder: "../examples/cross", platforms: []string{"linux/amd64", "linux/riscv64"}, looked: []string{"amd64"},
			execution: "cross", need: "executes nothing foreign: cross-compiled on linux/amd64",
		},
		{
			name: "cross-compiled, with a smoke test", folder: "../examples/cross", platforms: one, args: []string{"--test", "/hello"}, looked: []string{"riscv64"},
			execution: "emulated", need: "the smoke test executes on linux/riscv64",
		},
		{
			name: "a command on the target platform", folder: "../examples/hello", platforms: eight,
			looked:    []string{"386", "amd64", "arm", "arm64", "ppc64le", "riscv64", "s390x"}, // the first two natively
			execution: "emulated", need: "RUN echo \"Hello from $TARGETPLATFORM, built on $(uname -m)\" > /greeting (Dockerfile:5) executes on linux/riscv64",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := builds(test.folder, test.platforms, test.args...).run(t)
			r.wantCode(t, 0)
			if diff := cmp.Diff(test.looked, r.looked()); diff != "" {
				t.Errorf("architectures of which a program was executed (-want +got):\n%s", diff)
			}
			p := r.platform(t, "linux/riscv64")
			if p.Execution != test.execution || p.Need != test.need || (p.Emulator != "") != (test.execution == "emulated") {
				t.Errorf("linux/riscv64: execution %q by %q because it %q; want %q because it %q", p.Execution, p.Emulator, p.Need, test.execution, test.need)
			}
			if slices.Contains(test.platforms, "linux/amd64") && r.platform(t, "linux/amd64").Execution != "native" {
				t.Errorf("linux/amd64: execution %q, want native", r.platform(t, "linux/amd64").Execution)
			}
			wantNothingLeft(t, r.report.Run)
		})
	}
}

// While a run goes on that executes nothing foreign, there is no handler of its own.
func TestCrossCompilingRegistersNoHandler(t *testing.T) {
	t.Parallel()
	watch := folder(t, map[string]string{
		// Slow enough to be looked at.
		"Dockerfile": "FROM --platform=$BUILDPLATFORM busybox AS build\nRUN sleep 2 && echo hello > /greeting\nFROM busybox\nCOPY --from=build /greeting /greeting\n",
	})
	seen := make(chan []string, 1)
	stop := make(chan struct{})
	go func() { seen <- handlersUntil(stop) }()
	r := builds(watch, foreignToAMD64).run(t)
	close(stop)
	r.wantCode(t, 0)
	for _, name := range <-seen {
		if strings.Contains(name, r.report.Run) {
			t.Errorf("the run registered the handler %s", name)
		}
	}
	if got := r.platform(t, "linux/arm/v6").Execution; got != "cross" {
		t.Errorf("execution of linux/arm/v6 = %q, want cross", got)
	}
	r.wantStderr(t, strings.Join(foreignToAMD64, ", ")+": no emulator needed: the build executes nothing foreign: cross-compiled on linux/amd64")
}

// handlersUntil collects the names of the handlers that are there when it looks, again and again until it is stopped.
func handlersUntil(stop <-chan struct{}) []string {
	var names []string
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		entries, _ := os.ReadDir("/proc/sys/fs/binfmt_misc") // the other tests need it too
		for _, entry := range entries {
			if !slices.Contains(names, entry.Name()) {
				names = append(names, entry.Name())
			}
		}
		select {
		case <-stop:
			return names
		case <-again.C:
		}
	}
}

// What base images bring along is known before anything is built.
func TestATriggerOfABaseImageNeedsAnEmulator(t *testing.T) {
	t.Parallel()
	base := tag(t)
	builds(folder(t, map[string]string{"Dockerfile": "FROM busybox\nONBUILD RUN echo prepared > /prepared\n"}), []string{"linux/arm64"}, "-t", base, "--push").run(t).wantCode(t, 0)
	r := builds(folder(t, map[string]string{"Dockerfile": "FROM " + base + "\n"}), []string{"linux/arm64"}).run(t)
	r.wantCode(t, 0)
	p := r.platform(t, "linux/arm64")
	if want := "RUN echo prepared > /prepared (Dockerfile:1) executes on linux/arm64"; p.Need != want || p.Execution != "emulated" {
		t.Errorf("execution %q because of %q, want %q", p.Execution, p.Need, want)
	}
}

func TestQEMUShowsTheProcessorThatIsAskedFor(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"Dockerfile": "FROM busybox\n"})
	r := builds(dir, []string{"linux/amd64", "linux/arm/v6", "linux/arm/v7"}, "--test", "echo $QEMU_CPU $(uname -m)", "--qemu-cpu", "linux/arm/v6=arm1176", "--qemu-cpu", "cortex-a15").run(t)
	r.wantCode(t, 0)
	// An arm1176 is of the architecture's version 6; programs of this machine need no processor of QEMU's.
	for name, want := range map[string]string{"linux/amd64": "x86_64", "linux/arm/v6": "arm1176 armv6l", "linux/arm/v7": "cortex-a15 armv7l"} {
		if got := r.platform(t, name).SmokeTest.Output; len(got) != 1 || got[0] != want {
			t.Errorf("%s: the smoke test printed %q, want %q", name, got, want)
		}
	}
}
