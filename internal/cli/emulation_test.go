package cli

import (
	"testing"

	"github.com/org/multiarch-action/internal/setup"
)

func TestInWords(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		e    setup.Emulation
		want string
	}{
		{setup.Emulation{Architecture: "386", Way: setup.WayNative}, "386: runs natively"},
		{
			setup.Emulation{Architecture: "arm64", Way: setup.WayPresent, Emulator: "/usr/bin/qemu"},
			"arm64: present (/usr/bin/qemu), proved by executing a program",
		},
		{setup.Emulation{Architecture: "arm64", Way: setup.WayPresent}, "arm64: present (an unnamed emulator), proved by executing a program"},
		{
			setup.Emulation{
				Architecture: "arm64", Way: setup.WayRegistered, Version: "10.2.3", Origin: "tonistiigi/binfmt:qemu-v10.2.3-68@sha256:400a", Container: true,
			},
			"arm64: registered (QEMU 10.2.3 from tonistiigi/binfmt:qemu-v10.2.3-68, through a privileged container), proved by executing a program",
		},
		{
			setup.Emulation{Architecture: "arm64", Way: setup.WayPresent, Version: "7.2", Problem: "it may go", Hint: "stay"},
			"arm64: present (QEMU 7.2), proved by executing a program; it may go; stay",
		},
		{
			setup.Emulation{Architecture: "arm64", Way: setup.WayBuiltin, Problem: "no chroot", Hint: "register"},
			"arm64: the builder's own QEMU; no chroot; register",
		},
		{
			setup.Emulation{Architecture: "arm64", Way: setup.WayMissing, Problem: "no emulator", Hint: "install one"},
			"arm64: programs for it do not run here: no emulator; install one",
		},
	} {
		if got := inWords(test.e); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}

func TestNotRunning(t *testing.T) {
	t.Parallel()
	native := setup.Emulation{Architecture: "amd64", Way: setup.WayNative}
	runs := setup.Emulation{Architecture: "arm64", Way: setup.WayRegistered}
	missing := setup.Emulation{Architecture: "ppc64", Way: setup.WayMissing, Problem: "it broke", Hint: "mend it"}
	nobodyHas := setup.Emulation{Architecture: "mips", Way: setup.WayMissing, Problem: "there is none", Hint: "none", NoEmulator: true}
	unseen := setup.Emulation{Architecture: "arm", Way: setup.WayPresent, Problem: "containers do not see it", Hint: "restart"}
	builtin := setup.Emulation{Architecture: "arm", Way: setup.WayBuiltin, Problem: "limits"}
	for _, test := range []struct {
		name       string
		list       []setup.Emulation
		everything bool
		want       string
	}{
		{"all that was asked for runs", []setup.Emulation{native, runs, builtin}, false, ""},
		{"only native was asked for", []setup.Emulation{native}, false, ""},
		{
			"one is missing, one not to be relied on",
			[]setup.Emulation{native, missing, unseen},
			false,
			"set-up: programs of 2 of 3 architectures cannot be relied on to run:\n  ppc64: it broke; mend it\n  arm: containers do not see it; restart",
		},
		{
			"one that nobody has was asked for",
			[]setup.Emulation{runs, nobodyHas},
			false,
			"set-up: programs of 1 of 2 architectures cannot be relied on to run:\n  mips: there is none; none",
		},
		{"everything that there is", []setup.Emulation{native, runs, nobodyHas}, true, ""},
		{"there is nothing", []setup.Emulation{native, nobodyHas}, true, "set-up: no emulator can be had for any architecture: there is none; none"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := ""
			if err := notRunning(test.list, test.everything); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}
