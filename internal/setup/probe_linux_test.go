package setup

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

func newTestProber(t *testing.T) *prober {
	t.Helper()
	host, ok := architectureOf(runtime.GOARCH)
	if !ok {
		t.Fatalf("%s is not in the table", runtime.GOARCH)
	}
	p, problem, err := newProber(t.Context(), []string{t.TempDir()}, host)
	if err != nil || problem != nil {
		t.Fatalf("got %+v, %v", problem, err)
	}
	t.Cleanup(p.close)
	return p
}

func TestProbeOfTheMachineRuns(t *testing.T) {
	t.Parallel()
	p := newTestProber(t)
	if p.status < 40 || p.status >= 120 {
		t.Errorf("got status %d, want an unusual one from 40 to 119", p.status)
	}
	got, err := p.probe(t.Context(), p.host)
	if err != nil || !got.ran {
		t.Errorf("got %+v, %v, want that it ran", got, err)
	}
}

// Without the lock around writing the program, about 1 in 50 of these would find its file busy at the first try.
func TestProbesAtTheSameTimeDoNotMeet(t *testing.T) {
	t.Parallel()
	p := newTestProber(t)
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(16)
	for i := range 400 {
		group.Go(func() error {
			other := *p
			other.folder = filepath.Join(p.folder, strconv.Itoa(i))
			if err := os.Mkdir(other.folder, 0o700); err != nil {
				return err
			}
			outcome, err := other.probe(ctx, p.host)
			if err == nil && !outcome.ran {
				t.Errorf("got %+v, want that it ran", outcome)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestProberTriesOtherFolders(t *testing.T) {
	t.Parallel()
	host, _ := architectureOf(runtime.GOARCH)
	absent, present := filepath.Join(t.TempDir(), "absent"), t.TempDir()
	p, problem, err := newProber(t.Context(), []string{absent, present}, host)
	if err != nil || problem != nil {
		t.Fatalf("got %+v, %v", problem, err)
	}
	defer p.close()
	if got := filepath.Dir(p.folder); got != present {
		t.Errorf("got %s, want %s", got, present)
	}
}

func TestProberWithoutAFolder(t *testing.T) {
	t.Parallel()
	host, _ := architectureOf(runtime.GOARCH)
	absent := filepath.Join(t.TempDir(), "absent")
	_, problem, err := newProber(t.Context(), []string{absent}, host)
	if err != nil {
		t.Fatal(err)
	}
	want := obstacle{
		"no temporary folder lets programs be executed (" + absent + ": no such file or directory)",
		"name a folder that is writable and not mounted noexec in TMPDIR",
	}
	if problem == nil || *problem != want {
		t.Errorf("got %+v, want %+v", problem, want)
	}
}

func TestProbeIsCancelled(t *testing.T) {
	t.Parallel()
	p := newTestProber(t)
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	if _, err := p.probe(ctx, p.host); !errors.Is(err, stop) {
		t.Errorf("got %v, want %v", err, stop)
	}
}

func TestProbeThatDoesNotEnd(t *testing.T) {
	t.Parallel()
	p := newTestProber(t)
	p.timeout = time.Millisecond
	got, err := p.execute(t.Context(), func(ctx context.Context) *exec.Cmd {
		return exec.CommandContext(ctx, "/bin/sh", "-c", "while :; do :; done")
	})
	if err != nil || !got.timedOut || got.ran {
		t.Errorf("got %+v, %v, want that it was ended", got, err)
	}
}

func TestOutcomeOf(t *testing.T) {
	t.Parallel()
	p := newTestProber(t)
	folder := t.TempDir()
	writeFiles(t, folder, map[string]string{"text": "no program", "true": string(p.host.program(0)), "plain!": string(p.host.program(1))})
	writeFiles(t, folder, map[string]string{"crash": "#!/bin/sh\nkill -SEGV $$\n", "other": string(p.host.program(p.status + 1))})
	for _, test := range []struct {
		name string
		want probeOutcome
	}{
		{"text", probeOutcome{errno: syscall.ENOEXEC}},
		{"absent", probeOutcome{errno: syscall.ENOENT}},
		{"plain", probeOutcome{errno: syscall.EACCES}},
		{"true", probeOutcome{status: 0}},
		{"other", probeOutcome{status: int(p.status) + 1}},
		{"crash", probeOutcome{signal: syscall.SIGSEGV}},
	} {
		test.want.want = int(p.status)
		got, err := p.execute(t.Context(), func(ctx context.Context) *exec.Cmd {
			return exec.CommandContext(ctx, filepath.Join(folder, test.name))
		})
		if err != nil || got != test.want {
			t.Errorf("%s: got %+v, %v, want %+v", test.name, got, err, test.want)
		}
	}
}

func TestProbeHasAnEmptyEnvironment(t *testing.T) {
	t.Setenv("QEMU_VERSION", "1")
	p := newTestProber(t)
	got, err := p.execute(t.Context(), func(ctx context.Context) *exec.Cmd {
		return exec.CommandContext(ctx, "/bin/sh", "-c", "cat /proc/$$/environ >&2")
	})
	if err != nil || got.said != "" {
		t.Errorf("got %q, %v, want no variables", got.said, err)
	}
}

func TestTailKeepsTheLastLine(t *testing.T) {
	t.Parallel()
	var w tail
	for _, text := range []string{strings.Repeat("x", 9000), "\nqemu: first\n", "qemu: ", "last\n\n"} {
		if n, err := w.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("got %d, %v, want %d", n, err, len(text))
		}
	}
	if got := w.lastLine(); got != "qemu: last" {
		t.Errorf("got %q", got)
	}
	if len(w.kept) > 4096 {
		t.Errorf("keeps %d bytes, want 4096 at most", len(w.kept))
	}
}

func TestEmulatorVersion(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	writeFiles(t, folder, map[string]string{
		"qemu":  "#!/bin/sh\necho 'qemu-aarch64 version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)'\necho 'Copyright (c) 2003-2022'\n",
		"other": "#!/bin/sh\necho hello\n",
		"fails": "#!/bin/sh\necho version 1.2; exit 1\n",
	})
	for name, want := range map[string]string{"qemu": "7.2.22", "other": "", "fails": "", "absent": ""} {
		if got := emulatorVersion(t.Context(), filepath.Join(folder, name)); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got := emulatorVersion(t.Context(), "true"); got != "" {
		t.Errorf("a relative path: got %q", got)
	}
}

func TestCagesLetTheMachinesProgramsRun(t *testing.T) {
	t.Parallel()
	p := newTestProber(t)
	for cage := p.cage; cage <= cageNone; cage++ {
		caged := *p
		caged.cage = cage
		got, err := caged.probe(t.Context(), p.host)
		if err != nil || !got.ran && got.errno != syscall.EPERM {
			t.Errorf("cage %d: got %+v, %v, want that it ran, or EPERM where user namespaces are forbidden", cage, got, err)
		}
	}
	if entries, err := os.ReadDir(p.folder); err != nil || len(entries) == 0 {
		t.Errorf("got %v, %v, want the probes in one folder", entries, err)
	}
}
