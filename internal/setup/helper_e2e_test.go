//go:build e2e && linux

package setup

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// partVariable tells the test below which part of it a process plays.
const partVariable = "MULTIARCH_TEST_PART"

// What the helper mounts must stay when its container has ended. The first process of a new PID namespace plays the machine, on
// which the list is not mounted, and a child with mounts of its own plays the container.
func TestTheListIsMountedOnTheMachineItself(t *testing.T) {
	switch os.Getenv(partVariable) {
	case "machine":
		playMachine(t)
	case "container":
		if o := reachOnMachine(); o != nil {
			t.Fatalf("%s; %s", o.problem, o.hint)
		}
		if mounted(binfmtRoot) {
			t.Error("the list is mounted in the container, want it on the machine")
		}
	default:
		play(t, "machine", syscall.CLONE_NEWPID|syscall.CLONE_NEWNS)
	}
}

func play(t *testing.T, part string, namespaces uintptr) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = []string{partVariable + "=" + part}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces}
	if output, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(output), "PASS") {
		t.Errorf("the %s: %v\n%s", part, err, output)
	}
}

func playMachine(t *testing.T) {
	t.Helper()
	for _, mount := range []struct {
		source, target, kind string
		flags                uintptr
	}{
		{"", "/", "", syscall.MS_REC | syscall.MS_PRIVATE},
		{"proc", "/proc", "proc", 0}, // has nothing mounted below it
	} {
		if err := syscall.Mount(mount.source, mount.target, mount.kind, mount.flags, ""); err != nil {
			t.Fatalf("mounting %s: %v", mount.target, err)
		}
	}
	if mounted(binfmtRoot) {
		t.Fatal("the list is mounted already")
	}
	play(t, "container", syscall.CLONE_NEWNS)
	if !mounted(binfmtRoot) {
		t.Error("the list is not mounted on the machine")
	}
}
