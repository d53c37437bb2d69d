package cli

import (
	"bytes"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/build"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/report"
	"github.com/org/multiarch-action/internal/setup"
)

// crashIn is the crash of a step of linux/arm64.
func crashIn(t *testing.T, signal syscall.Signal) *build.Failure {
	t.Helper()
	return &build.Failure{
		Step: "[linux/arm64 2/2] RUN make", File: "Dockerfile", Line: 2, ExitCode: 128 + int(signal),
		EmulatorCrash: &build.EmulatorCrash{Platform: platform(t, "linux/arm64"), Signal: signal},
	}
}

// arm64Served is how arm64 programs run here, or do not.
func arm64Served(t *testing.T, way setup.Way, version string) setup.Emulation {
	t.Helper()
	e := setup.Emulation{OS: "linux", Architecture: "arm64", Platforms: []plan.Platform{platform(t, "linux/arm64")}, Way: way}
	if version != "" {
		e.Version, e.Emulator = version, "/"+version+"/qemu-aarch64"
	}
	return e
}

func TestRetry(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		signal   syscall.Signal
		replaced bool
		want     bool
		say      string
	}{
		{"the builder's own emulator", syscall.SIGSEGV, false, true, "linux/arm64: the builder's own emulator crashed (signal 11, segmentation fault) in [linux/arm64 2/2] RUN make; trying again with the same one"},
		{"a crash that comes again", syscall.SIGILL, false, false, "linux/arm64: the builder's own emulator crashed (signal 4, illegal instruction) in [linux/arm64 2/2] RUN make; not tried again"},
		{"another platform's crash was first", syscall.SIGILL, true, true, "linux/arm64: trying again with QEMU 10.2.1 (/10.2.1/qemu-aarch64)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			r := finished(t, nil, &log, nil)
			r.emulation = []setup.Emulation{arm64Served(t, setup.WayMissing, "")}
			if test.replaced {
				r.replace(arm64Served(t, setup.WayRegistered, "6.2.0"), arm64Served(t, setup.WayRegistered, "10.2.1"))
			}
			if got := r.retry(t.Context(), platform(t, "linux/arm64"), crashIn(t, test.signal)); got != test.want {
				t.Errorf("retry() = %t, want %t", got, test.want)
			}
			if !strings.Contains(log.String(), test.say) {
				t.Errorf("the log is %q, want %q", log.String(), test.say)
			}
		})
	}
}

func TestCrashInTheReport(t *testing.T) {
	t.Parallel()
	r := finished(t, nil, new(bytes.Buffer), nil)
	r.emulation = []setup.Emulation{arm64Served(t, setup.WayRegistered, "6.2.0")}
	r.replace(r.emulation[0], arm64Served(t, setup.WayRegistered, "10.2.1"))
	failure := crashIn(t, syscall.SIGSEGV)
	var row report.Platform
	r.fill(&row, build.Result{Platform: platform(t, "linux/arm64"), Done: true, Crash: failure})
	want := &report.Crash{Emulator: "QEMU 6.2.0 (/6.2.0/qemu-aarch64)", Signal: 11, ExitCode: 139, Step: "[linux/arm64 2/2] RUN make", File: "Dockerfile", Line: 2}
	if diff := cmp.Diff(want, row.Crash); diff != "" {
		t.Errorf("crash differs (-want +got):\n%s", diff)
	}
	const cure = "build on a machine for linux/arm64, or execute the step on the build platform (FROM --platform=$BUILDPLATFORM); another version of QEMU may help too"
	finding := []plan.Finding{{
		Check: "emulator/crash", Severity: plan.SeverityWarning, Platform: "linux/arm64",
		Found: "QEMU 6.2.0 (/6.2.0/qemu-aarch64) crashed (signal 11, segmentation fault) in [linux/arm64 2/2] RUN make",
		Why:   "the platform was built at the second try only, with QEMU 10.2.1 (/10.2.1/qemu-aarch64)", Fix: cure,
	}}
	if diff := cmp.Diff(finding, row.Findings); diff != "" || row.Emulator != "QEMU 10.2.1" {
		t.Errorf("findings of a platform that ran under %s differ (-want +got):\n%s", row.Emulator, diff)
	}
	hint := "it is probably not the command that failed, but QEMU 10.2.1 (/10.2.1/qemu-aarch64), which crashed (signal 11, segmentation fault); " + cure
	if got := r.explanation(platform(t, "linux/arm64"), failure).Hint; got != hint {
		t.Errorf("explanation() has the hint %q, want %q", got, hint)
	}
}
