package setup

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// probeTimeout ends a probe. A good one takes about 3 ms; emulators that hang do so for ever.
const probeTimeout = 10 * time.Second

// probeOutcome is what became of one try to execute a program of an architecture.
type probeOutcome struct {
	ran      bool          // it ran and exited with the status that it was made to exit with
	errno    syscall.Errno // the kernel's answer if it did not even start
	signal   syscall.Signal
	status   int    // exit status, if it ended by itself but with another status
	want     int    // the status that it was made to exit with
	timedOut bool   // it was killed after probeTimeout
	said     string // last line on stderr
	cause    error  // anything else
}

// faultyProbe is a failed probe and who may have caused it.
type faultyProbe struct {
	guest    architecture
	outcome  probeOutcome
	handlers []binfmtEntry // all that match the program, disabled ones too
	gone     string        // the emulator of a handler without F if this machine does not have it any more
	root     string        // of binfmt_misc
}

// explain says why a program of an architecture did not run and what to do about it.
func (f faultyProbe) explain() *obstacle {
	o := f.outcome
	switch {
	case o.ran:
		return &obstacle{
			f.program() + " ran only through a handler that has been removed since",
			"see that nothing removes handlers meanwhile, as a restart of systemd-binfmt does",
		}
	case o.timedOut:
		return &obstacle{
			fmt.Sprintf("%s did not end within %v under %s", f.program(), probeTimeout, f.emulator()),
			"use another version of QEMU",
		}
	case o.cause != nil:
		return &obstacle{fmt.Sprintf("%s could not be executed: %v", f.program(), o.cause), "give this process more memory and processes"}
	case o.errno != 0:
		return f.explainErrno()
	case o.signal != 0:
		return f.explainSignal()
	}
	return f.explainStatus()
}

// explainErrno tells the answers of execve(2) apart.
func (f faultyProbe) explainErrno() *obstacle {
	switch f.outcome.errno {
	case syscall.ENOEXEC:
		return f.explainNoExec()
	case syscall.ENOENT, syscall.ENOTDIR:
		return f.explainNoEntry()
	case syscall.EACCES:
		return &obstacle{
			fmt.Sprintf("%s may not be executed (permission denied)", f.emulator()),
			"make it executable (chmod 0755) and keep it on a file system that is not mounted noexec",
		}
	case syscall.ELOOP:
		return &obstacle{
			fmt.Sprintf("%s is itself a program of the kind that is given to it (too many levels of symbolic links)", f.emulator()),
			"remove that handler at once: " + f.command("-1"),
		}
	case syscall.EPERM:
		return &obstacle{
			fmt.Sprintf("this process is not allowed to execute %s (operation not permitted)", f.program()),
			"run this outside the container, or start the container with --privileged",
		}
	}
	return &obstacle{
		fmt.Sprintf("executing %s gave errno %d (%v)", f.program(), int(f.outcome.errno), f.outcome.errno),
		"look at the handlers in " + f.root + " and at what the kernel says: sudo dmesg",
	}
}

func (f faultyProbe) explainNoExec() *obstacle {
	switch handler, found := f.culprit(nil); {
	case !found:
		return &obstacle{
			fmt.Sprintf("nothing on this machine runs %s programs (exec format error)", f.guest.name),
			"register an emulator and see that nothing removes it, as a restart of systemd-binfmt does",
		}
	case !handler.enabled:
		return &obstacle{
			fmt.Sprintf("the handler %s for %s programs is disabled", handler.name, f.guest.name),
			"enable it: " + f.command("1"),
		}
	}
	return &obstacle{
		fmt.Sprintf("%s is not a program of this machine (exec format error)", f.emulator()),
		"replace it by a static " + f.guest.emulators()[1] + " for this machine's processor",
	}
}

func (f faultyProbe) explainNoEntry() *obstacle {
	if handler, found := f.culprit(func(e binfmtEntry) bool { return f.gone != "" && e.interpreter == f.gone }); found {
		return &obstacle{
			fmt.Sprintf("the emulator %s of the handler %s is gone (no such file or directory)", f.gone, handler.name),
			"put it back, or remove the handler: echo -1 | sudo tee " + filepath.Join(f.root, handler.name),
		}
	}
	if handler, found := f.culprit(func(e binfmtEntry) bool { return !e.fixed() }); found {
		return &obstacle{
			fmt.Sprintf("the handler %s has no flag F, so that containers look for its emulator %s among their own files and do not find it",
				handler.name, handler.interpreter),
			"register the emulator with the flags POCF, or let this program do it as root",
		}
	}
	if len(f.handlers) == 0 {
		return &obstacle{
			fmt.Sprintf("%s was not found when it was executed (no such file or directory), as if a handler named an emulator that is gone", f.program()),
			"look at the handlers in " + f.root,
		}
	}
	return &obstacle{
		fmt.Sprintf("%s is dynamically linked: it needs a loader and libraries that containers do not have (no such file or directory)", f.emulator()),
		"use a static emulator, as in the package qemu-user-static",
	}
}

// explainSignal tells crashes apart. QEMU prints a line that begins with "qemu:" and sends itself the signal that its
// program would have got (force_sig of linux-user/signal.c).
func (f faultyProbe) explainSignal() *obstacle {
	const newer = "use QEMU 9.2.2 or newer"
	signal := int(f.outcome.signal)
	switch f.outcome.signal {
	case syscall.SIGILL:
		return &obstacle{fmt.Sprintf("%s met an instruction that it does not know (signal %d, illegal instruction)", f.emulator(), signal), newer}
	case syscall.SIGSEGV:
		if strings.HasPrefix(f.outcome.said, "qemu:") {
			return &obstacle{
				fmt.Sprintf("%s crashed (signal %d, segmentation fault)", f.emulator(), signal),
				newer + "; older ones crash on newer kernels",
			}
		}
		return &obstacle{
			fmt.Sprintf("%s was killed when it started (signal %d, segmentation fault, no word from QEMU)", f.emulator(), signal),
			"register it again from a file system that is not mounted noexec",
		}
	case syscall.SIGABRT, syscall.SIGKILL:
		return &obstacle{
			fmt.Sprintf("%s gave up or was killed (signal %d)%s", f.emulator(), signal, f.words()),
			"give it more memory and processes: 256 MB of address space at least",
		}
	case signalSystemCall:
		return &obstacle{
			fmt.Sprintf("%s was killed for a system call (signal %d) that a seccomp filter forbids", f.emulator(), signal),
			"run this outside the container, or start the container with --privileged",
		}
	}
	return &obstacle{fmt.Sprintf("%s died of signal %d%s", f.emulator(), signal, f.words()), newer}
}

// signalSystemCall is SIGSYS on all Linux architectures but MIPS. Package syscall lacks the name on Windows.
const signalSystemCall = syscall.Signal(31)

// explainStatus tells programs apart that ended, but not as a program of the architecture would have.
func (f faultyProbe) explainStatus() *obstacle {
	ending := fmt.Sprintf("exit status %d instead of %d%s", f.outcome.status, f.outcome.want, f.words())
	switch {
	case strings.Contains(f.outcome.said, "jit buffer"):
		return &obstacle{
			fmt.Sprintf("%s got no memory for translated code (%s)", f.emulator(), ending),
			"give it more memory: 256 MB of address space at least",
		}
	case strings.Contains(f.outcome.said, "Invalid ELF image"):
		return &obstacle{
			fmt.Sprintf("%s is for another architecture than %s (%s)", f.emulator(), f.guest.name, ending),
			"replace it by " + f.guest.emulators()[1],
		}
	case len(f.handlers) == 0:
		return &obstacle{fmt.Sprintf("%s did not end as it should (%s)", f.program(), ending), "look at the handlers in " + f.root}
	}
	return &obstacle{
		fmt.Sprintf("%s does not run %s programs (%s)", f.emulator(), f.guest.name, ending),
		"replace it by " + f.guest.emulators()[1],
	}
}

// program is what was executed.
func (f faultyProbe) program() string { return "a program for " + f.guest.name }

// emulator names the handler's emulator, or all handlers that may have been asked.
func (f faultyProbe) emulator() string {
	var enabled []string
	var path string
	for _, e := range f.handlers {
		if e.enabled {
			enabled = append(enabled, e.name)
			path = e.interpreter
		}
	}
	switch len(enabled) {
	case 0:
		return "an unknown emulator"
	case 1:
		return fmt.Sprintf("the emulator %s of the handler %s", path, enabled[0])
	}
	return "the emulator of one of the handlers " + strings.Join(enabled, ", ")
}

// words quotes what the program said last, if anything.
func (f faultyProbe) words() string {
	if f.outcome.said == "" {
		return ""
	}
	return fmt.Sprintf(", %q", f.outcome.said)
}

// culprit is an enabled handler that fits; if there is none, a disabled one that fits.
func (f faultyProbe) culprit(fits func(binfmtEntry) bool) (binfmtEntry, bool) {
	for _, enabled := range []bool{true, false} {
		i := slices.IndexFunc(f.handlers, func(e binfmtEntry) bool { return e.enabled == enabled && (fits == nil || fits(e)) })
		if i >= 0 {
			return f.handlers[i], true
		}
	}
	return binfmtEntry{}, false
}

// command is what root types to change the handler.
func (f faultyProbe) command(word string) string {
	handler, _ := f.culprit(nil)
	return fmt.Sprintf("echo %s | sudo tee %s", word, filepath.Join(f.root, handler.name))
}
