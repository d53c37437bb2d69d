package verify

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/plan"
)

// TestRealProgramsOfEveryArchitectureInEveryPlatform builds one program for each architecture and puts each into an
// image of each platform: there is a finding exactly where they differ.
func TestRealProgramsOfEveryArchitectureInEveryPlatform(t *testing.T) {
	t.Parallel()
	names := architectures()
	programs := buildAll(t, names)
	for _, label := range names {
		for _, content := range names {
			p := platform(t, "linux/"+label)
			got, err := checkImage(t.Context(), p, imageFor(p, entrypoint("/app")), newMemory(map[string]node{"/app": exe(programs[content])}))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(expectedFor(label, content), brief(got)); diff != "" {
				t.Errorf("an image for %s with a program for %s (-want +got):\n%s", label, content, diff)
			}
		}
	}
}

func expectedFor(label, content string) []string {
	switch label + " " + content {
	case "amd64 386", "mips64 mips", "mips64le mipsle":
		return []string{"warning program/arch-compat /app"}
	case content + " " + label:
		return nil
	}
	return []string{"error program/arch /app"}
}

func architectures() []string {
	var names []string
	for name := range platformMachines {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// buildAll compiles the smallest Go program for each architecture. The build cache keeps what was compiled before.
func buildAll(t *testing.T, names []string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "main.go"), "package main\n\nfunc main() {}\n")
	write(t, filepath.Join(dir, "go.mod"), "module example.com/tiny\n\ngo 1.26\n")
	programs := map[string]string{}
	for _, name := range names {
		out := filepath.Join(dir, name)
		build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", out, ".")
		build.Dir = dir
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+name, "GOWORK=off", "GOFLAGS=")
		if text, err := build.CombinedOutput(); err != nil {
			t.Fatalf("building for %s: %v\n%s", name, err, text)
		}
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		programs[name] = string(data)
	}
	return programs
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestHandMadeProgramsInEveryPlatform does for headers what no Go compiler makes.
func TestHandMadeProgramsInEveryPlatform(t *testing.T) {
	t.Parallel()
	const x8632 = `the kernels of most distributions are built without x32, and there it ends with "exec format error"`
	tests := map[string]struct {
		platform string
		machine  machine
		check    string
		found    string
		why      string
	}{
		"x32 in amd64":               {"linux/amd64", machine{number: emX8664, bits: 32}, "program/arch", "an ELF program for x32 (x86-64, 32-bit, little-endian)", x8632},
		"amd64 in 386":               {"linux/386", platformMachines["amd64"], "program/arch", amd64Text, `it ends with "exec format error" wherever the kernel is 32-bit, which is what an image for 386 promises to run on`},
		"arm64 in arm/v6":            {"linux/arm/v6", platformMachines["arm64"], "program/arch", arm64Text, `it ends with "exec format error" wherever the kernel is 32-bit, which is what an image for arm/v6 promises to run on`},
		"n32 in mips64le":            {"linux/mips64le", machine{number: emMIPS, bits: 32, n32: true}, "program/arch-compat", "an ELF program for mips64le n32 (MIPS, 32-bit, little-endian)", compatWhy},
		"n32 in mipsle":              {"linux/mipsle", machine{number: emMIPS, bits: 32, n32: true}, "program/arch", "an ELF program for mips64le n32 (MIPS, 32-bit, little-endian)", `it ends with "exec format error" on every mipsle machine`},
		"ppc in ppc64":               {"linux/ppc64", machine{number: emPPC, bits: 32, big: true}, "program/arch-compat", "an ELF program for ppc (PowerPC, 32-bit, big-endian)", compatWhy},
		"ppc in ppc64le":             {"linux/ppc64le", machine{number: emPPC, bits: 32, big: true}, "program/arch", "an ELF program for ppc (PowerPC, 32-bit, big-endian)", `it ends with "exec format error" on every ppc64le machine`},
		"31-bit s390 in s390x":       {"linux/s390x", machine{number: emS390, bits: 32, big: true}, "program/arch", "an ELF program for s390 (IBM Z, 32-bit, big-endian)", `it ends with "exec format error" on every s390x machine`},
		"the wrong order of bytes":   {"linux/arm64", machine{number: emAArch64, bits: 64, big: true}, "program/arch", "an ELF program for arm64be (AArch64, 64-bit, big-endian)", `it ends with "exec format error" on every arm64 machine`},
		"486 in 386":                 {"linux/386", machine{number: 6, bits: 32}, "", "", ""},
		"arm in every ARM platform":  {"linux/arm/v5", platformMachines["arm"], "", "", ""},
		"the platform's own machine": {"linux/loong64", platformMachines["loong64"], "", "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := platform(t, test.platform)
			got, err := checkImage(t.Context(), p, imageFor(p, entrypoint("/app")), newMemory(map[string]node{"/app": exe(elfFor(test.machine))}))
			if err != nil {
				t.Fatal(err)
			}
			var want []plan.Finding
			if test.check != "" {
				want = []plan.Finding{{
					Check: test.check, Severity: severityOf(test.check), Platform: test.platform, Path: "/app",
					Expected: platformMachines[p.Architecture()].programFor(shortName(p)), Found: test.found, Why: test.why, Fix: fixArch,
				}}
				if test.check == checkProgramArchCompat {
					want[0].Fix = "build it for " + p.Architecture() + ", unless the 32-bit program is intended"
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

const compatWhy = `it runs only where the kernel's support for 32-bit programs is switched on, and ends with "exec format error" elsewhere`

func TestA386ProgramInAnAmd64ImageWantsA386Loader(t *testing.T) {
	t.Parallel()
	p := platform(t, "linux/amd64")
	files := newMemory(map[string]node{"/app": elf("386", withLoader("/lib/ld-linux.so.2")), "/lib/ld-linux.so.2": elf("amd64")})
	got, err := checkImage(t.Context(), p, imageFor(p, entrypoint("/app")), files)
	want := []string{"warning program/arch-compat /app", "error program/interp-arch /app → /lib/ld-linux.so.2"}
	if diff := cmp.Diff(want, brief(got)); diff != "" || err != nil {
		t.Errorf("error %v, findings (-want +got):\n%s", err, diff)
	}
}
