package setup

import (
	"strings"
	"testing"
)

func TestConfirmed(t *testing.T) {
	t.Parallel()
	const limits = "the builder emulates them for build steps only: "
	for _, test := range []struct {
		name    string
		e       Emulation
		listed  string // architectures that BuildKit lists
		brings  bool
		way     Way
		problem string // how it begins; empty: there is none
	}{
		{"it runs on both sides", Emulation{OS: "linux", Architecture: "arm64", Way: WayRegistered}, "arm64", false, WayRegistered, ""},
		{
			"containers do not see the handler",
			Emulation{OS: "linux", Architecture: "arm64", Way: WayPresent},
			"amd64", false,
			WayPresent, "programs for arm64 run on this machine, and the builder's containers do not run them",
		},
		{"BuildKit has no program to find out", Emulation{OS: "linux", Architecture: "mipsle", Way: WayRegistered}, "amd64", false, WayRegistered, ""},
		{"only the builder's machine runs it", Emulation{OS: "linux", Architecture: "arm64", Way: WayMissing, Problem: "no emulator"}, "arm64", false, WayPresent, ""},
		{
			"only this process does not see it",
			Emulation{OS: "linux", Architecture: "arm64", Way: WayRegistered, Container: true, Problem: "here not"},
			"arm64", false,
			WayRegistered, "",
		},
		{"the builder brings an emulator", Emulation{OS: "linux", Architecture: "arm64", Way: WayMissing, Problem: "no emulator"}, "amd64", true, WayBuiltin, limits},
		{"the builder brings none", Emulation{OS: "linux", Architecture: "arm64", Way: WayMissing, Problem: "no emulator"}, "amd64", false, WayMissing, "no emulator"},
		{
			"BuildKit takes arm for arm64, which it runs",
			Emulation{OS: "linux", Architecture: "arm", Way: WayMissing, Problem: "no emulator"},
			"amd64 arm64", true,
			WayMissing, "no emulator",
		},
		{
			"BuildKit takes 386 for amd64, which it runs",
			Emulation{OS: "linux", Architecture: "386", Way: WayMissing, Problem: "no emulator"},
			"amd64 arm64", true,
			WayMissing, "no emulator",
		},
		{"it is for another system", Emulation{OS: "windows", Architecture: "amd64", Way: WayMissing, Problem: "no"}, "amd64", false, WayMissing, "no"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			listed := map[string]bool{}
			for _, name := range strings.Fields(test.listed) {
				listed[name] = true
			}
			got := test.e.confirmed(listed, test.brings)
			if got.Way != test.way || !strings.HasPrefix(got.Problem, test.problem) || (got.Problem == "") != (test.problem == "") {
				t.Errorf("got %s, problem %q, want %s, problem %q...", got.Way, got.Problem, test.way, test.problem)
			}
		})
	}
}

func TestBuiltinNames(t *testing.T) {
	t.Parallel()
	for _, a := range architectures {
		want := "buildkit-qemu-" + a.name
		switch a.name {
		case "arm64":
			want = "buildkit-qemu-aarch64"
		case "amd64":
			want = "buildkit-qemu-x86_64"
		case "386":
			want = "buildkit-qemu-i386"
		}
		if got := a.builtin(); got != want {
			t.Errorf("%s: got %s, want %s", a.name, got, want)
		}
	}
}
