package setup

import (
	"errors"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every text that a failed probe can give. The cases are those that were produced on a real kernel with real emulators.
func TestExplain(t *testing.T) {
	t.Parallel()
	guest, _ := architectureOf("arm64")
	good := guest.handler("qemu-aarch64", "/usr/bin/qemu-aarch64-static", "POCF")
	open := guest.handler("qemu-aarch64", "/usr/bin/qemu-aarch64-static", "OC")
	young := guest.handler("multiarch-7-arm64", "/opt/qemu-aarch64", "POCF")
	off := good
	off.enabled = false
	for _, test := range []struct {
		name     string
		outcome  probeOutcome
		handlers []binfmtEntry
		want     obstacle
	}{
		{"no handler", probeOutcome{errno: syscall.ENOEXEC}, nil, obstacle{
			"nothing on this machine runs arm64 programs (exec format error)",
			"register an emulator and see that nothing removes it, as a restart of systemd-binfmt does",
		}},
		{"a disabled handler", probeOutcome{errno: syscall.ENOEXEC}, []binfmtEntry{off}, obstacle{
			"the handler qemu-aarch64 for arm64 programs is disabled",
			"enable it: echo 1 | sudo tee /bm/qemu-aarch64",
		}},
		{"the emulator is no program", probeOutcome{errno: syscall.ENOEXEC}, []binfmtEntry{off, young}, obstacle{
			"the emulator /opt/qemu-aarch64 of the handler multiarch-7-arm64 is not a program of this machine (exec format error)",
			"replace it by a static qemu-aarch64 for this machine's processor",
		}},
		{"a handler without F", probeOutcome{errno: syscall.ENOENT}, []binfmtEntry{open}, obstacle{
			"the handler qemu-aarch64 has no flag F, so that containers look for its emulator /usr/bin/qemu-aarch64-static among their own files and do not find it",
			"register the emulator with the flags POCF, or let this program do it as root",
		}},
		{"a handler without F, and a file where its emulator has a folder", probeOutcome{errno: syscall.ENOTDIR}, []binfmtEntry{open}, obstacle{
			"the handler qemu-aarch64 has no flag F, so that containers look for its emulator /usr/bin/qemu-aarch64-static among their own files and do not find it",
			"register the emulator with the flags POCF, or let this program do it as root",
		}},
		{"a dynamic emulator", probeOutcome{errno: syscall.ENOENT}, []binfmtEntry{good}, obstacle{
			"the emulator /usr/bin/qemu-aarch64-static of the handler qemu-aarch64 is dynamically linked: it needs a loader and libraries that containers do not have (no such file or directory)",
			"use a static emulator, as in the package qemu-user-static",
		}},
		{"not found without a handler in sight", probeOutcome{errno: syscall.ENOENT}, nil, obstacle{
			"a program for arm64 was not found when it was executed (no such file or directory), as if a handler named an emulator that is gone",
			"look at the handlers in /bm",
		}},
		{"the emulator may not be executed", probeOutcome{errno: syscall.EACCES}, []binfmtEntry{good}, obstacle{
			"the emulator /usr/bin/qemu-aarch64-static of the handler qemu-aarch64 may not be executed (permission denied)",
			"make it executable (chmod 0755) and keep it on a file system that is not mounted noexec",
		}},
		{"a handler that matches its emulator", probeOutcome{errno: syscall.ELOOP}, []binfmtEntry{good}, obstacle{
			"the emulator /usr/bin/qemu-aarch64-static of the handler qemu-aarch64 is itself a program of the kind that is given to it (too many levels of symbolic links)",
			"remove that handler at once: echo -1 | sudo tee /bm/qemu-aarch64",
		}},
		{"not allowed", probeOutcome{errno: syscall.EPERM}, nil, obstacle{
			"this process is not allowed to execute a program for arm64 (operation not permitted)",
			"run this outside the container, or start the container with --privileged",
		}},
		{"another answer of the kernel", probeOutcome{errno: syscall.Errno(5)}, nil, obstacle{
			"executing a program for arm64 gave errno 5 (" + syscall.Errno(5).Error() + ")", "look at the handlers in /bm and at what the kernel says: sudo dmesg",
		}},
		{"an unknown instruction", probeOutcome{signal: syscall.SIGILL}, []binfmtEntry{good}, obstacle{
			"the emulator /usr/bin/qemu-aarch64-static of the handler qemu-aarch64 met an instruction that it does not know (signal 4, illegal instruction)",
			"use QEMU 9.2.2 or newer",
		}},
		{
			"a crash that QEMU noticed",
			probeOutcome{signal: syscall.SIGSEGV, said: "qemu: uncaught target signal 11 (Segmentation fault) - core dumped"},
			[]binfmtEntry{good},
			obstacle{
				"the emulator /usr/bin/qemu-aarch64-static of the handler qemu-aarch64 crashed (signal 11, segmentation fault)",
				"use QEMU 9.2.2 or newer; older ones crash on newer kernels",
			},
		},
		{"a mount that became noexec", probeOutcome{signal: syscall.SIGSEGV}, []binfmtEntry{good}, obstacle{
			"the emulator /usr/bin/qemu-aarch64-static of the handler qemu-aarch64 was killed when it started (signal 11, segmentation fault, no word from QEMU)",
			"register it again from a file system that is not mounted noexec",
		}},
		{
			"no thread to be had",
			probeOutcome{signal: syscall.SIGABRT, said: "qemu: qemu_thread_create: Resource temporarily unavailable"},
			[]binfmtEntry{good},
			obstacle{
				`the emulator /usr/bin/qemu-aarch64-static of the handler qemu-aarch64 gave up or was killed (signal 6), "qemu: qemu_thread_create: Resource temporarily unavailable"`,
				"give it more memory and processes: 256 MB of address space at least",
			},
		},
		{"a seccomp filter", probeOutcome{signal: signalSystemCall}, []binfmtEntry{good}, obstacle{
			"the emulator /usr/bin/qemu-aarch64-static of the handler qemu-aarch64 was killed for a system call (signal 31) that a seccomp filter forbids",
			"run this outside the container, or start the container with --privileged",
		}},
		{"another signal", probeOutcome{signal: syscall.SIGFPE}, []binfmtEntry{good, young}, obstacle{
			"the emulator of one of the handlers qemu-aarch64, multiarch-7-arm64 died of signal 8",
			"use QEMU 9.2.2 or newer",
		}},
		{
			"the emulator of another architecture",
			probeOutcome{status: 255, want: 77, said: "qemu-arm-static: /check: Invalid ELF image for this architecture"},
			[]binfmtEntry{good},
			obstacle{
				`the emulator /usr/bin/qemu-aarch64-static of the handler qemu-aarch64 is for another architecture than arm64 (exit status 255 instead of 77, "qemu-arm-static: /check: Invalid ELF image for this architecture")`,
				"replace it by qemu-aarch64",
			},
		},
		{
			"no memory",
			probeOutcome{status: 1, want: 77, said: "allocate 134217728 bytes for jit buffer: Cannot allocate memory"},
			[]binfmtEntry{good},
			obstacle{
				`the emulator /usr/bin/qemu-aarch64-static of the handler qemu-aarch64 got no memory for translated code (exit status 1 instead of 77, "allocate 134217728 bytes for jit buffer: Cannot allocate memory")`,
				"give it more memory: 256 MB of address space at least",
			},
		},
		{"something else than an emulator", probeOutcome{status: 1, want: 77}, []binfmtEntry{good}, obstacle{
			"the emulator /usr/bin/qemu-aarch64-static of the handler qemu-aarch64 does not run arm64 programs (exit status 1 instead of 77)",
			"replace it by qemu-aarch64",
		}},
		{"a wrong status without a handler in sight", probeOutcome{status: 0, want: 77}, nil, obstacle{
			"a program for arm64 did not end as it should (exit status 0 instead of 77)", "look at the handlers in /bm",
		}},
		{"no end", probeOutcome{timedOut: true, signal: syscall.SIGKILL}, nil, obstacle{
			"a program for arm64 did not end within 10s under an unknown emulator",
			"use another version of QEMU",
		}},
		{"a handler that went away", probeOutcome{ran: true}, nil, obstacle{
			"a program for arm64 ran only through a handler that has been removed since",
			"see that nothing removes handlers meanwhile, as a restart of systemd-binfmt does",
		}},
		{"anything else", probeOutcome{cause: errors.New("no more processes")}, nil, obstacle{
			"a program for arm64 could not be executed: no more processes", "give this process more memory and processes",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := faultyProbe{guest: guest, outcome: test.outcome, handlers: test.handlers, root: "/bm"}.explain()
			if diff := cmp.Diff(&test.want, got, cmp.AllowUnexported(obstacle{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestExplainAnEmulatorThatIsGone(t *testing.T) {
	t.Parallel()
	guest, _ := architectureOf("arm64")
	fixed := binfmtEntry{name: "good", enabled: true, interpreter: "/opt/qemu", flags: "F"}
	open := binfmtEntry{name: "bad", enabled: true, interpreter: "/gone/qemu"}
	got := faultyProbe{
		guest: guest, root: "/bm", handlers: []binfmtEntry{fixed, open}, gone: open.interpreter, outcome: probeOutcome{errno: syscall.ENOENT},
	}.explain()
	want := &obstacle{
		"the emulator /gone/qemu of the handler bad is gone (no such file or directory)",
		"put it back, or remove the handler: echo -1 | sudo tee /bm/bad",
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(obstacle{})); diff != "" {
		t.Error(diff)
	}
}
