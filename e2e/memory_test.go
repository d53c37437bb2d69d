//go:build e2e

package e2e

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

const eatsMemory = "FROM busybox\nRUN tail /dev/zero\n"

func TestWantOfMemoryIsNamed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, limit string
		texts       []string
	}{
		{"of the builder when it starts", "6m", []string{
			"the kernel killed it for want of memory before BuildKit answered (exit status 137, memory limit 6MiB)",
			"hint: raise the limit (--driver-opt memory=…, now 6MiB)",
		}},
		{"of the builder in the middle of a build", "24m", []string{
			"the kernel killed it for want of memory in the middle of the work (exit status 137, memory limit 24MiB)",
			"hint: raise the limit (--driver-opt memory=…, now 24MiB)",
		}},
		{"of a step", "512m", []string{
			"cause: the step was killed, mostly by the kernel because memory ran out (dmesg tells)", "hint: raise the limit (--driver-opt memory=…, now 512MiB)",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := builds(folder(t, map[string]string{"Dockerfile": eatsMemory}), []string{"linux/amd64"}, "--driver-opt", "memory="+test.limit).run(t)
			r.wantCode(t, 1)
			r.wantStderr(t, test.texts...)
			wantNothingLeft(t, r.report.Run)
		})
	}
}

// Before the first step: a builder's container with a small limit, and a file system that is nearly full.
func TestScarceDiskAndMemoryAreSaidBeforehand(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"Dockerfile": "FROM busybox\nRUN true\n"})
	small := builds(dir, []string{"linux/amd64"}, "--driver-opt", "memory=200m").run(t)
	small.wantCode(t, 0)
	wantFinding(t, small, "preflight/memory warning the builder 200MiB")

	full := localBuild(t, dir, []string{"linux/amd64"}, "--builder", "local")
	full.tmp = shortTemp(t)
	if err := syscall.Mount("tmpfs", full.tmp, "tmpfs", 0, "size=300m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(full.tmp, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	r := full.run(t)
	r.wantCode(t, 0)
	wantFinding(t, r, "preflight/disk warning "+full.tmp+" 300MiB")
	r.wantStderr(t, "free space")
}

// wantFinding checks that preflight found something: its check, severity, place and how what was found begins.
func wantFinding(t *testing.T, r result, want string) {
	t.Helper()
	var got []string
	for _, f := range r.report.Preflight {
		got = append(got, fmt.Sprintf("%s %s %s %s", f.Check, f.Severity, f.Path, f.Found))
	}
	if !slices.ContainsFunc(got, func(text string) bool { return strings.HasPrefix(text, want) }) {
		t.Errorf("preflight found %q, want %q", got, want)
	}
}

func TestDriverOptionsReachTheBuilder(t *testing.T) {
	t.Parallel()
	forever := builds(folder(t, map[string]string{"Dockerfile": runsForever}), []string{"linux/amd64"},
		"--driver-opt", "memory=1g", "--driver-opt", "cpu-shares=512", "--driver-opt", "env.BUILDKIT_HELLO=world", "--buildkitd-flags", "--debug")
	s := forever.start(t, "| now")
	defer s.end(t, syscall.SIGINT)
	format := "{{.HostConfig.Memory}} {{.HostConfig.CpuShares}} {{.HostConfig.NetworkMode}} {{.Args}} {{range .Config.Env}}{{println .}}{{end}}"
	got := must(t, "docker", "inspect", "--format", format, "multiarch-action-"+s.run)
	wantLines(t, got, "1073741824 512 host ", " --debug]", "BUILDKIT_HELLO=world\n")
}

func wantLines(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q does not hold %q", text, part)
		}
	}
}

// Many platforms and steps do not make this program large. What takes longer to build is in the benchmark.
func TestProgramStaysSmallWhateverIsBuilt(t *testing.T) {
	t.Parallel()
	const most = 150 << 20 // as in the benchmark
	platforms := []string{
		"linux/386", "linux/amd64", "linux/amd64/v2", "linux/amd64/v3", "linux/arm64", "linux/arm/v5", "linux/arm/v6", "linux/arm/v7",
		"linux/loong64", "linux/mips64le", "linux/mipsle", "linux/ppc64le", "linux/riscv64", "linux/s390x",
	}
	var dockerfile strings.Builder
	dockerfile.WriteString("FROM --platform=$BUILDPLATFORM scratch AS all\nCOPY . /\nFROM scratch\nARG TARGETPLATFORM\n")
	for i := range 10 {
		fmt.Fprintf(&dockerfile, "COPY --from=all /Dockerfile /$TARGETPLATFORM/%d\n", i)
	}
	dir := folder(t, map[string]string{"Dockerfile": dockerfile.String()})
	data := make([]byte, 64<<20) // through the program to the builder
	_, _ = rand.Read(data)       // never fails
	if err := os.WriteFile(filepath.Join(dir, "data"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	build := builds(dir, platforms, "--binfmt", "never", "--verify", "manifest")
	var err error
	if build.program, err = released(); err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	cmd, _ := build.command(t.Context(), t)
	memory := memoryOf(t, cmd)
	t.Logf("building %d platforms took %.1f MiB of memory at most, and %s", len(platforms), float64(memory)/(1<<20), time.Since(started).Round(time.Second))
	if memory == 0 || memory > most {
		t.Errorf("it is not between 0 and %d MiB", most>>20)
	}
}
