package setup

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// cage is how a probe is kept from the files of the machine, so that an emulator which only the machine could find does
// not pass for one that containers can use.
type cage int

const (
	cageRoot cage = iota // chroot, as root
	cageUser             // chroot in a user namespace of its own, for everybody else
	cageNone             // no chroot: neither is allowed
)

// prober executes programs of foreign architectures. BuildKit finds out in the same way what it can run (buildkit
// util/archutil: check in a chroot that holds only the program).
type prober struct {
	folder  string // a folder that programs may be executed in
	cage    cage
	status  byte
	host    architecture
	timeout time.Duration // for each program
}

// newProber finds out where and how programs can be executed at all, by executing one of the machine's own. Without
// that, a temporary folder mounted noexec would look like a broken emulator.
func newProber(ctx context.Context, folders []string, host architecture) (*prober, *obstacle, error) {
	status, err := unusualStatus()
	if err != nil {
		return nil, nil, err
	}
	var reasons []string
	for _, cage := range []cage{cageRoot, cageUser, cageNone} {
		for _, parent := range folders {
			p := &prober{cage: cage, status: status, host: host, timeout: probeTimeout}
			reason, err := p.settleIn(ctx, parent)
			if err != nil {
				return nil, nil, err
			}
			if reason == "" {
				return p, nil, nil
			}
			if cage == cageNone {
				reasons = append(reasons, parent+": "+reason)
			}
		}
	}
	return nil, &obstacle{
		problem: "no temporary folder lets programs be executed (" + strings.Join(reasons, "; ") + ")",
		hint:    "name a folder that is writable and not mounted noexec in TMPDIR",
	}, nil
}

// unusualStatus is an exit status that nothing gives by accident: not 0, 1, 2, 126 and above, and not the one of another
// process that has this program's emulators.
func unusualStatus() (byte, error) {
	var random [1]byte
	if _, err := rand.Read(random[:]); err != nil {
		return 0, fmt.Errorf("emulation: choosing an exit status: %w", err)
	}
	return 40 + random[0]%80, nil
}

// settleIn makes the prober's folder inside parent, if programs can be executed there; otherwise it says why not.
func (p *prober) settleIn(ctx context.Context, parent string) (reason string, err error) {
	folder, err := os.MkdirTemp(parent, "multiarch-probe-")
	if err != nil {
		return pathCause(err).Error(), nil //nolint:nilerr // the next folder is tried
	}
	p.folder = folder
	outcome, err := p.probe(ctx, p.host)
	if err == nil && outcome.ran {
		return "", nil
	}
	p.close()
	if err != nil {
		return "", err
	}
	if outcome.errno != 0 {
		return outcome.errno.Error(), nil
	}
	return faultyProbe{guest: p.host, outcome: outcome}.explain().problem, nil
}

// close removes the probes. What cannot be removed is in a temporary folder.
func (p *prober) close() { _ = os.RemoveAll(p.folder) }

// probeName is a program's name in its cage. An emulator that is looked for there, for want of flag F, must not meet it on its
// path: the kernel would say ENOTDIR.
const probeName = ".multiarch-action-probe"

// probe executes a program of the architecture in the cage. An error means that ctx ended or that no program could be
// written.
func (p *prober) probe(ctx context.Context, guest architecture) (probeOutcome, error) {
	root, err := p.write(guest)
	if err != nil {
		return probeOutcome{}, err
	}
	attributes := &syscall.SysProcAttr{Chroot: root}
	path := "/" + probeName
	switch p.cage {
	case cageRoot:
	case cageUser:
		attributes.Cloneflags = syscall.CLONE_NEWUSER
		attributes.UidMappings = []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}}
		attributes.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}
	case cageNone:
		attributes.Chroot = ""
		path = filepath.Join(root, probeName)
	}
	return p.execute(ctx, func(ctx context.Context) *exec.Cmd {
		command := exec.CommandContext(ctx, path)
		command.SysProcAttr = attributes
		return command
	})
}

// probeWith executes a program of the architecture by calling the emulator, without any handler.
func (p *prober) probeWith(ctx context.Context, emulator string, guest architecture) (probeOutcome, error) {
	root, err := p.write(guest)
	if err != nil {
		return probeOutcome{}, err
	}
	return p.execute(ctx, func(ctx context.Context) *exec.Cmd {
		// The second argument is for emulators that take argv[0] of the program from there: tonistiigi/binfmt's.
		return exec.CommandContext(ctx, emulator, filepath.Join(root, probeName), probeName)
	})
}

// write makes a folder that holds nothing but the program, once for every architecture: the first call for one must
// have ended before there are others.
func (p *prober) write(guest architecture) (root string, err error) {
	root = filepath.Join(p.folder, guest.name)
	err = os.Mkdir(root, 0o700)
	if errors.Is(err, os.ErrExist) {
		return root, nil
	}
	// A fork elsewhere in this program while the file is open for writing would keep it open in the child for a moment, in
	// which the kernel refuses to execute it: https://go.dev/issue/22315.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err == nil {
		err = os.WriteFile(filepath.Join(root, probeName), guest.program(p.status), 0o700)
	}
	if err != nil {
		return "", fmt.Errorf("%s: writing a program to execute: %w", guest.name, err)
	}
	return root, nil
}

// execute runs a command, again if its file was busy, without the variables that change what QEMU does (QEMU_VERSION,
// QEMU_CPU and others).
func (p *prober) execute(ctx context.Context, command func(context.Context) *exec.Cmd) (probeOutcome, error) {
	const tries = 3
	var outcome probeOutcome
	for range tries {
		outcome = p.executeOnce(ctx, command)
		if err := ctx.Err(); err != nil {
			return probeOutcome{}, context.Cause(ctx)
		}
		if outcome.errno != syscall.ETXTBSY {
			break
		}
	}
	return outcome, nil
}

func (p *prober) executeOnce(ctx context.Context, command func(context.Context) *exec.Cmd) probeOutcome {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	var stderr tail
	cmd := command(ctx)
	cmd.Dir = "/"
	cmd.Env = []string{}
	cmd.Stderr = &stderr
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	outcome := outcomeOf(err, int(p.status))
	outcome.timedOut = err != nil && ctx.Err() != nil
	outcome.said = stderr.lastLine()
	return outcome
}

// outcomeOf sorts the error of exec.Cmd.Run.
func outcomeOf(err error, want int) probeOutcome {
	outcome := probeOutcome{want: want}
	var exit *exec.ExitError
	switch {
	case err == nil: // status 0, which is never wanted
	case errors.As(err, &exit):
		ending, _ := exit.Sys().(syscall.WaitStatus)
		if ending.Signaled() {
			outcome.signal = ending.Signal()
		} else {
			outcome.status = ending.ExitStatus()
			outcome.ran = outcome.status == want
		}
	case errors.As(err, &outcome.errno):
	default:
		outcome.cause = err
	}
	return outcome
}

// tail is a writer that keeps the end of what is written.
type tail struct{ kept []byte }

func (t *tail) Write(b []byte) (int, error) {
	const limit = 4 << 10
	t.kept = append(t.kept, b[max(0, len(b)-limit):]...)
	t.kept = slices.Clone(t.kept[max(0, len(t.kept)-limit):])
	return len(b), nil
}

func (t *tail) lastLine() string {
	text := strings.TrimSpace(string(t.kept))
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// qemuVersion finds the version in what "qemu-aarch64 --version" prints:
// "qemu-aarch64 version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)".
var qemuVersion = regexp.MustCompile(`version (\d+(?:\.\d+)+)`)

// emulatorVersion asks the file at the path for its version. The kernel may hold another file, which had the path when
// the handler was registered, or none may be there: then the version is unknown, "".
func emulatorVersion(ctx context.Context, path string) string {
	if !filepath.IsAbs(path) {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--version")
	// Debian's emulators take their options elsewhere if their name ends in "-binfmt-P".
	cmd.Args[0] = "qemu"
	cmd.Env = []string{}
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		return ""
	}
	found := qemuVersion.FindSubmatch(stdout.Bytes())
	if found == nil {
		return ""
	}
	return string(found[1])
}
