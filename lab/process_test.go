package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fakeProc makes a folder that looks like /proc, with one process.
func fakeProc(t *testing.T, pid int, stat string) processes {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "sys/kernel/random/boot_id"), "boot-1\n")
	if stat != "" {
		write(t, filepath.Join(dir, strconv.Itoa(pid), "stat"), stat)
	}
	return processes{proc: dir}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// stat gives the line of /proc/PID/stat.
func stat(pid int, name string, state byte, start uint64) string {
	return fmt.Sprintf("%d (%s) %c 1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 9 0 %d 1000 10\n", pid, name, state, start)
}

func TestARecordedProcessRunsOnlyAsItself(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		stat string
		boot string
		want bool
	}{
		{"the very process", stat(7, "dockerd", 'S', 500), "boot-1", true},
		{"another one that got its number later", stat(7, "dockerd", 'S', 501), "boot-1", false},
		{"the process as a zombie", stat(7, "dockerd", 'Z', 500), "boot-1", false},
		{"the same number and time in an earlier boot", stat(7, "dockerd", 'S', 500), "boot-0", false},
		{"no process", "", "boot-1", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := fakeProc(t, 7, tt.stat).runs(record{PID: 7, Start: 500, Boot: tt.boot}); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestEndLeavesAReusedNumberAlone(t *testing.T) {
	t.Parallel()
	bystander, r := sleeper(t)
	r.Start--
	if err := machine.end(t.Context(), r, time.Second); err != nil {
		t.Fatal(err)
	}
	if now, err := machine.look(bystander.Process.Pid); err != nil || now.state == 'Z' {
		t.Errorf("the bystander was ended: state %q, error %v", now.state, err)
	}
}

func TestEndEndsTheRecordedProcess(t *testing.T) {
	t.Parallel()
	child, r := sleeper(t)
	if err := machine.end(t.Context(), r, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil || err.Error() != "signal: terminated" {
		t.Errorf("got %v, want signal: terminated", err)
	}
}

// sleeper starts a process that does nothing, and gives what would be recorded of it.
func sleeper(t *testing.T) (*exec.Cmd, record) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	now, err := machine.look(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return cmd, record{PID: cmd.Process.Pid, Start: now.start, Boot: machine.boot()}
}

func TestParseStat(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       process
		wantErr    bool
	}{
		{"a plain name", stat(1, "dockerd", 'S', 77), process{"dockerd", 'S', 77}, false},
		{"a name with blanks and parentheses", stat(1, "a) R 1 (b", 'Z', 77), process{"a) R 1 (b", 'Z', 77}, false},
		{"a line cut short", "1 (dockerd) S 1 1", process{}, true},
		{"no name", "1 dockerd S", process{}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseStat(tt.text)
			if (err != nil) != tt.wantErr {
				t.Fatalf("error: got %v, want one: %v", err, tt.wantErr)
			}
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(process{})); diff != "" {
				t.Errorf("process (-want +got):\n%s", diff)
			}
		})
	}
}

func TestJudgePidFile(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, content, stat string
		want                pidFile
		stale               bool
	}{
		{"no file", "", "", pidAbsent, false},
		{"a dockerd that runs", "7", stat(7, "dockerd", 'S', 1), pidLive, false},
		{"a process that is gone", "7\n", "", pidGone, true},
		{"a zombie", "7", stat(7, "dockerd", 'Z', 1), pidZombie, true},
		{"another program", "7", stat(7, "bash", 'S', 1), pidForeign, true},
		{"a file that was cut off", "  ", "", pidSpoilt, true},
		{"a number that no process has", "-1", "", pidSpoilt, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "docker.pid")
			if tt.content != "" {
				write(t, path, tt.content)
			}
			got, _, err := judgePidFile(fakeProc(t, 7, tt.stat), path, "dockerd")
			if err != nil || got != tt.want || got.stale() != tt.stale {
				t.Errorf("got %q (stale: %v, error: %v), want %q (stale: %v)", got, got.stale(), err, tt.want, tt.stale)
			}
		})
	}
}

func TestADaemonThatDiesIsReportedInItsOwnWords(t *testing.T) {
	t.Parallel()
	l := testLab(t)
	d, err := l.startDaemon(t.Context(), "daemon", []string{"sh", "-c", "echo no such device >&2; exit 3"})
	if err != nil {
		t.Fatal(err)
	}
	err = d.wait(t.Context(), time.Minute, func() bool { return false })
	if err == nil {
		t.Fatal("got no error")
	}
	want := "starting daemon: it ended at once: exit status 3; the end of LOG:\n    no such device"
	if got := strings.ReplaceAll(err.Error(), l.state("run", "daemon.log"), "LOG"); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// testLab gives a lab in a folder of its own.
func testLab(t *testing.T) *lab {
	t.Helper()
	l := newLab(t.TempDir(), func(string) string { return "" }, t.Output(), t.Output())
	if err := os.MkdirAll(l.state("run"), 0o750); err != nil {
		t.Fatal(err)
	}
	return l
}
