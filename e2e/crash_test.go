//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/multiarch-action/internal/report"
)

// crashingEmulator stands in for one that works until it meets a real program: it lets the real emulator, which it carries along, run
// the probes, and dies in everything else. %SIGNAL% is the signal.
const crashingEmulator = `package main

import (
	_ "embed"
	"os"
	"syscall"
	"unsafe"
)

//go:embed real
var real []byte

const (
	memfdCreate = 319 // of linux/amd64
	execveat    = 322
	emptyPath   = 0x1000
)

func main() {
	switch {
	case len(os.Args) > 1 && os.Args[1] == "--version":
		os.Stdout.WriteString("qemu-mipsel version 0.0.1 (a stand-in)\n")
	case len(os.Args) > 1 && os.Args[1] == "/.multiarch-action-probe":
		probe()
	default:
		os.Stderr.WriteString("qemu: uncaught target signal %SIGNAL% (it is a test) - core dumped\n")
		die()
	}
}

// probe becomes the real emulator. There is no file system to start it from.
func probe() {
	name := []byte("real\x00")
	fd, _, _ := syscall.Syscall(memfdCreate, uintptr(unsafe.Pointer(&name[0])), 0, 0)
	if _, err := syscall.Write(int(fd), real); err != nil {
		os.Exit(3)
	}
	args, _ := syscall.SlicePtrFromStrings([]string{"qemu", "/.multiarch-action-probe"})
	env := []*byte{nil}
	empty := []byte{0}
	syscall.Syscall6(execveat, fd, uintptr(unsafe.Pointer(&empty[0])), uintptr(unsafe.Pointer(&args[0])), uintptr(unsafe.Pointer(&env[0])), emptyPath, 0)
	os.Exit(4)
}

// die gives the signal its default action and causes it: one that is only sent would not reach the first process of a container.
func die() {
	var action [32]byte
	syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, %SIGNAL%, uintptr(unsafe.Pointer(&action[0])), 0, 8, 0, 0)
	crash()
}

func crash()
`

// crashes are the bodies of crash, in Go's assembly.
var crashes = map[string]string{
	"11": "#include \"textflag.h\"\nTEXT ·crash(SB),NOSPLIT,$0\n\tMOVQ $0, AX\n\tMOVQ AX, (AX)\n\tRET\n", // a segmentation fault
	"4":  "#include \"textflag.h\"\nTEXT ·crash(SB),NOSPLIT,$0\n\tUNDEF\n\tRET\n",                        // an illegal instruction
}

const foreign = "mipsle" // nobody keeps a handler for it, and no other test makes one

// crashing compiles the stand-in under the emulator's name and returns its folder.
func crashing(t *testing.T, signal string) string {
	t.Helper()
	real, err := os.ReadFile(filepath.Join(w.lab["LAB_QEMU_DIR"], "qemu-mipsel-static"))
	if err != nil {
		t.Fatal(err)
	}
	source := folder(t, map[string]string{
		"go.mod": "module standin\n\ngo 1.26\n", "main.go": strings.ReplaceAll(crashingEmulator, "%SIGNAL%", signal),
		"crash_amd64.s": crashes[signal], "real": string(real),
	})
	goBuild(t, source, filepath.Join(source, "bin", "qemu-mipsel-static"), "amd64")
	return filepath.Join(source, "bin")
}

func goBuild(t *testing.T, source, out, architecture string) {
	t.Helper()
	must(t, "env", "-C", source, "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+architecture, "go", "build", "-o", out, ".")
}

// foreignProgram is a folder with a program for the foreign platform, and a Dockerfile that executes it or does not.
func foreignProgram(t *testing.T, run bool) string {
	t.Helper()
	dockerfile := "FROM scratch\nARG TARGETARCH\nCOPY hello-$TARGETARCH /hello\nENTRYPOINT [\"/hello\"]\n"
	if run {
		dockerfile += "RUN [\"/hello\"]\nRUN [\"/hello\", \"again\"]\n"
	}
	dir := folder(t, map[string]string{"Dockerfile": dockerfile})
	for _, architecture := range []string{"amd64", foreign} {
		goBuild(t, "../examples/cross", filepath.Join(dir, "hello-"+architecture), architecture)
	}
	return dir
}

func TestCrashOfAnEmulator(t *testing.T) {
	t.Parallel()
	executed, copied := foreignProgram(t, true), foreignProgram(t, false)
	segfault, illegal := crashing(t, "11"), crashing(t, "4")
	lab := w.lab["LAB_QEMU_DIR"]
	for _, test := range []struct { //nolint:paralleltest // one after the other: whose handler is the youngest runs everybody's programs
		name, folder string
		path         []string
		args         []string
		code         int
		check        func(*testing.T, result, report.Platform)
	}{
		{name: "in a step with another emulator at hand", folder: executed, path: []string{illegal, lab}, check: func(t *testing.T, r result, p report.Platform) {
			t.Helper()
			must(t, w.crane, "validate", "--remote", r.report.Image)
			want := report.Crash{Emulator: "QEMU 0.0.1 (" + illegal + "/qemu-mipsel-static)", Signal: 4, ExitCode: 132, Line: 5}
			if p.Status != report.StatusPushed || p.Crash == nil || p.Crash.Emulator != want.Emulator || p.Crash.Signal != want.Signal || p.Crash.ExitCode != want.ExitCode || p.Crash.Line != want.Line {
				t.Errorf("%s is %s, crash %+v; want pushed after %+v", p.Platform, p.Status, p.Crash, want)
			}
			if p.Execution != "emulated" || !strings.HasPrefix(p.Emulator, "QEMU ") || p.Emulator == "QEMU 0.0.1" {
				t.Errorf("execution = %s by %q, want the second emulator", p.Execution, p.Emulator)
			}
			r.wantStderr(t, "QEMU 0.0.1 ("+illegal+"/qemu-mipsel-static) crashed (signal 4, illegal instruction)", "trying again with QEMU ", ", second try", "emulator/crash")
		}},
		{name: "in a step without another emulator", folder: executed, path: []string{segfault}, code: 1, check: func(t *testing.T, r result, p report.Platform) {
			t.Helper()
			if p.Crash == nil || p.Failure == nil || p.Failure.ExitCode != 139 || !strings.Contains(p.Failure.Hint, "QEMU 0.0.1 ("+segfault+"/qemu-mipsel-static), which crashed (signal 11, segmentation fault)") {
				t.Errorf("crash %+v, failure %+v; want both and a hint", p.Crash, p.Failure)
			}
			r.wantStderr(t, "trying again with the same one, because such crashes come and go: no other emulator for mipsle is to be had", "FROM --platform=$BUILDPLATFORM")
		}},
		{name: "that will come again", folder: executed, path: []string{illegal}, code: 1, check: func(t *testing.T, r result, p report.Platform) {
			t.Helper()
			if p.Crash != nil || p.Failure == nil || p.Failure.ExitCode != 132 || !strings.Contains(p.Failure.Hint, "which crashed (signal 4, illegal instruction)") {
				t.Errorf("crash %+v, failure %+v; want one try and a hint", p.Crash, p.Failure)
			}
			r.wantStderr(t, "not tried again: no other emulator for mipsle is to be had")
		}},
		{name: "in the smoke test", folder: copied, path: []string{segfault, lab}, args: []string{"--test", "/hello"}, check: func(t *testing.T, _ result, p report.Platform) {
			t.Helper()
			if p.Crash == nil || p.SmokeTest == nil || strings.Join(p.SmokeTest.Output, "|") != "Hello from linux/mipsle" {
				t.Errorf("crash %+v, smoke test %+v; want the second one's output", p.Crash, p.SmokeTest)
			}
		}},
		{name: "in the smoke test twice", folder: copied, path: []string{segfault}, args: []string{"--test", "/hello"}, code: 3, check: func(t *testing.T, _ result, p report.Platform) {
			t.Helper()
			if p.SmokeTest == nil || p.SmokeTest.ExitCode != 139 || len(p.Findings) != 1 || !strings.Contains(p.Findings[0].Fix, "probably not the program but the emulator") {
				t.Errorf("smoke test %+v, findings %+v; want one that names the emulator", p.SmokeTest, p.Findings)
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			i := builds(test.folder, []string{"linux/amd64", "linux/" + foreign}, append(test.args, "-t", tag(t), "--push")...)
			i.env = []string{"PATH=" + strings.Join(test.path, ":") + ":" + os.Getenv("PATH")}
			r := i.run(t)
			r.wantCode(t, test.code)
			test.check(t, r, r.platform(t, "linux/"+foreign))
			wantNothingLeft(t, r.report.Run)
		})
	}
}
