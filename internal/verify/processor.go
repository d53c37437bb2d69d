package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/org/multiarch-action/internal/plan"
)

// Bits of e_flags of 32-bit ARM (ELF for the Arm Architecture, IHI 0044). Go's linker sets neither.
const (
	armSoftFloat = 0x200
	armHardFloat = 0x400
)

// armArchNames are the values of Tag_CPU_arch that programs for Linux have.
var armArchNames = map[uint64]string{
	0: "before v4", 1: "v4", 2: "v4T", 3: "v5T", 4: "v5TE", 5: "v5TEJ", 6: "v6", 7: "v6KZ", 8: "v6T2", 9: "v6K", 10: "v7", 11: "v6-M",
	12: "v6S-M", 13: "v7E-M", 14: "v8-A", 15: "v8-R", 16: "v8-M", 17: "v8-M", 18: "v8.1-A", 19: "v8.2-A", 20: "v8.3-A", 21: "v8.1-M", 22: "v9-A",
}

// armArchs are the values of Tag_CPU_arch that each variant runs. They are sets because the numbers are in no order.
var armArchs = map[string][]uint64{
	"v5": {0, 1, 2, 3, 4, 5},
	"v6": {0, 1, 2, 3, 4, 5, 6, 7, 9},
	"v7": {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10},
	"v8": {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 18, 19, 20, 22},
}

const fixProcessor = "build the program for the variant (GOARM, GOAMD64, -march), or take the base image from a distribution that supports it: Debian's and Ubuntu's armhf begin at ARMv7, Alpine's and Raspberry Pi OS's at ARMv6"

// processor checks that a program needs no more of a processor than the platform's variant promises.
func (r *run) processor(ctx context.Context, c command, where string, at place, file content) error {
	says, err := r.details(ctx, at, file)
	if err != nil {
		return err
	}
	r.goProgram(c, where, file.program, says.goInfo)
	if accepts(r.platform.Architecture(), file.program.machine) != identical {
		return nil
	}
	for _, judge := range []func() (plan.Finding, bool){
		func() (plan.Finding, bool) { return r.armArch(says.arm) },
		func() (plan.Finding, bool) { return r.armFloat(file.program, says.arm) },
		func() (plan.Finding, bool) { return r.aboveX86(says.x86Level) },
	} {
		if f, wrong := judge(); wrong { // the first says enough
			f.Path = where
			if f.Check == checkARMArch && r.variant() == "v6" && says.arm.profile != 'M' {
				if older, err := r.startsOlder(ctx, at, file); err != nil {
					return err
				} else if older {
					c, f.Why = unsure(c), partlyNewer
				}
			}
			r.report(c, f)
			return nil
		}
	}
	return nil
}

// armFloat finds programs that need a floating-point unit where the platform promises none.
func (r *run) armFloat(p program, a armAttributes) (f plan.Finding, wrong bool) {
	if r.platform.Architecture() != "arm" || r.variant() != "v5" || p.flags&armHardFloat == 0 && !a.hardFloat {
		return plan.Finding{}, false
	}
	return plan.Finding{
		Check: checkARMFloat, Expected: "a program for ARM with soft-float calls", Found: "one for ARM with hard-float calls",
		Why: "ARMv5 has no floating-point unit that a program may rely on, and without one it ends with \"Illegal instruction\"", Fix: fixProcessor,
	}, true
}

// variant is the platform's, with the one that is meant if none is written.
func (r *run) variant() string {
	if v := r.platform.Spec().Variant; v != "" {
		return v
	}
	return map[string]string{"arm": "v7", "arm64": "v8", "amd64": "v1"}[r.platform.Architecture()]
}

// armArch judges ARM's build attributes. Without them nothing is known, and nothing is found.
func (r *run) armArch(a armAttributes) (f plan.Finding, wrong bool) {
	allowed, judged := armArchs[r.variant()]
	if r.platform.Architecture() != "arm" || !a.known || !judged || slices.Contains(allowed, a.arch) && a.profile != 'M' {
		return plan.Finding{}, false
	}
	name := armArchNames[a.arch]
	if name == "" {
		name = fmt.Sprintf("number %d", a.arch)
	}
	found := "one built for ARM" + name
	if a.thumb == 2 {
		found += ", with Thumb-2"
	}
	if a.fp >= 3 {
		found += ", with VFPv3 or newer"
	}
	return plan.Finding{
		Check: checkARMArch, Expected: "a program for ARM" + r.variant(), Found: found,
		Why: fmt.Sprintf(`on an ARM%s processor it ends with "Illegal instruction" (exit code 132); emulators run it, because theirs is a newer one`, r.variant()),
		Fix: fixProcessor,
	}, true
}

// x86Level is the micro-architecture level that the platform promises.
func (r *run) x86Level() int {
	if level := levelNumber(r.platform.Spec().Variant); level > 0 {
		return level
	}
	return 1
}

// levelNumber reads "v3"; 0 if it is no level.
func levelNumber(text string) int {
	if len(text) == 2 && text[0] == 'v' && text[1] >= '1' && text[1] <= '9' {
		return int(text[1] - '0')
	}
	return 0
}

func (r *run) aboveX86(level int) (f plan.Finding, wrong bool) {
	if r.platform.Architecture() != "amd64" || level <= r.x86Level() {
		return plan.Finding{}, false
	}
	return plan.Finding{
		Check: checkX86Level, Expected: fmt.Sprintf("a program for x86-64-v%d", r.x86Level()), Found: fmt.Sprintf("one that is marked to need x86-64-v%d", level),
		Why: `glibc refuses it on older processors: "CPU ISA level is lower than required", exit code 127`,
		Fix: fmt.Sprintf("build it with -march=x86-64-v%d, or publish the image as linux/amd64/v%d", r.x86Level(), level),
	}, true
}

func otherFloat(a, b program) bool {
	if a.machine.number != emARM {
		return false
	}
	const both = armSoftFloat | armHardFloat
	return a.flags&both != 0 && b.flags&both != 0 && a.flags&both != b.flags&both
}

func floatName(p program) string {
	if p.flags&armHardFloat != 0 {
		return "ARM with hard-float calls (armhf)"
	}
	return "ARM with soft-float calls (armel)"
}

// fits checks the processor that the loader and the libraries of a program need. Only the C library and the loader
// are as sure as the program: other libraries may choose their code when they run.
func (l *linker) fits() {
	for i := range l.objects {
		o := &l.objects[i]
		if o.parent == nil && i == 0 {
			continue // the program was judged before
		}
		where := l.command.where(o.chain()...)
		l.run.pages(l.command, where, o.file.program, l.libc == glibc)
		if f, wrong := l.run.armArch(o.says.arm); wrong {
			f.Path = where
			c := l.command
			if !isCLibrary(o.says.soname) {
				c.sure = guessed
				f.Why = "the program dies in it on older processors, unless the library chooses its code when it runs, as those for cryptography and video do"
			}
			l.run.report(c, f)
		}
		if f, wrong := l.run.aboveX86(o.says.x86Level); wrong {
			f.Check, f.Path = checkX86Library, where
			f.Fix = "nothing, if the image is only for such processors; else use a base image for older ones"
			l.run.report(l.command, f)
		}
	}
}

func isCLibrary(soname string) bool {
	return strings.HasPrefix(soname, "libc.so") || strings.HasPrefix(soname, "libc.musl-")
}

// goVariables are the settings that choose a processor, by architecture.
var goVariables = map[string]string{
	"amd64": "GOAMD64", "arm": "GOARM", "arm64": "GOARM64", "ppc64": "GOPPC64", "ppc64le": "GOPPC64", "riscv64": "GORISCV64",
}

// goProgram judges what a Go program says about how it was built.
func (r *run) goProgram(c command, where string, p program, settings map[string]string) {
	arch := p.machine.name()
	if os := settings["GOOS"]; os != "" && os != "linux" {
		r.report(c, plan.Finding{
			Check: checkGoBuild, Path: where, Expected: "a Go program built with GOOS=linux", Found: "one built with GOOS=" + shown(os),
			Why: "Linux starts it, and it dies at its first system call", Fix: "build it with GOOS=linux",
		})
		return
	}
	variable := goVariables[arch]
	value := settings[variable]
	if value == "" || arch != r.platform.Architecture() || !r.aboveGo(arch, value) {
		return
	}
	f := plan.Finding{
		Check: checkGoVariant, Path: where,
		Expected: "a Go program for " + shortName(r.platform), Found: fmt.Sprintf("one built with %s=%s", variable, shown(value)),
		Why: `on a processor that only has what the platform promises it ends with "Illegal instruction" or with Go's own text about it`,
		Fix: fmt.Sprintf("build it with %s; with Docker take the value from ARG TARGETVARIANT", r.goValue(arch)),
	}
	if arch == "arm" || arch == "amd64" || arch == "arm64" {
		r.report(c, f)
		return
	}
	f.Check = checkGoNewer // these platforms have no variants, so nothing says what they promise
	r.report(c, f)
}

// aboveGo reports whether a value of GOARM and the like asks for more than the platform's variant.
func (r *run) aboveGo(arch, value string) bool {
	switch arch {
	case "arm":
		want := levelNumber(r.variant())
		return len(value) > 0 && value[0] >= '5' && value[0] <= '9' && want > 0 && int(value[0]-'0') > want
	case "amd64":
		return levelNumber(value) > r.x86Level()
	case "arm64":
		return aboveARM64(value, r.variant())
	case "ppc64", "ppc64le":
		return value != "power8"
	case "riscv64":
		return value != "rva20u64"
	}
	return false
}

// aboveARM64 compares values such as "v8.2,lse". A variant without a minor version is the first of its kind, and v9.0
// has all of v8.5 (Go's documentation of GOARM64).
func aboveARM64(value, variant string) bool {
	value, _, _ = strings.Cut(value, ",")
	var major, minor, wantMajor, wantMinor int
	if _, err := fmt.Sscanf(value, "v%d.%d", &major, &minor); err != nil {
		return false
	}
	if n, _ := fmt.Sscanf(variant, "v%d.%d", &wantMajor, &wantMinor); n == 0 {
		return false
	}
	if wantMajor == 9 && major == 8 {
		return minor > wantMinor+5
	}
	return major > wantMajor || major == wantMajor && minor > wantMinor
}

// goValue is the setting that fits the platform.
func (r *run) goValue(arch string) string {
	switch arch {
	case "arm":
		return "GOARM=" + strings.TrimPrefix(r.variant(), "v")
	case "amd64":
		return fmt.Sprintf("GOAMD64=v%d", r.x86Level())
	case "arm64":
		return "GOARM64=" + r.variant() + ".0"
	case "riscv64":
		return "GORISCV64=rva20u64"
	}
	return "GOPPC64=power8"
}
