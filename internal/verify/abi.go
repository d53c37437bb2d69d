package verify

import (
	"context"
	"fmt"

	"github.com/org/multiarch-action/internal/plan"
)

// Fields of e_flags: the MIPS, 64-bit PowerPC, RISC-V and LoongArch ABI supplements, and elf.h of Linux and glibc.
const (
	mipsABI, mipsO32                  = 0xf000, 0x1000
	mipsArch, mips32R6, mips64R6      = 0xf0000000, 0x90000000, 0xa0000000
	ppcABI                            = 3 // 1: ELFv1, 2: ELFv2, 0: unsaid
	riscvFloat, riscvDouble, riscvRVE = 6, 4, 8
	loongFloat, loongDouble           = 7, 3
	loongObject                       = 0xc0 // 0 is the ABI of before Linux 5.19, "old world"
)

// abi describes the calling convention and instruction set that the flags of a program choose within its machine; empty if they choose
// none, or what every program of the machine has.
func (p program) abi() string {
	switch p.machine.number {
	case emMIPS:
		release := "before release 6"
		if a := p.flags & mipsArch; a == mips32R6 || a == mips64R6 {
			release = "release 6"
		}
		return "MIPS of " + release
	case emPPC64:
		return map[uint32]string{1: "ELFv1", 2: "ELFv2"}[p.flags&ppcABI]
	case emRISCV:
		return "the " + map[uint32]string{0: "soft", 2: "single", 4: "double", 6: "quad"}[p.flags&riscvFloat] + "-float ABI of RISC-V"
	case emLoongArch:
		if p.flags&loongFloat == 0 {
			return ""
		}
		world := "the"
		if p.flags&loongObject == 0 {
			world = "the old-world"
		}
		return fmt.Sprintf("%s %s-float ABI of LoongArch", world, map[uint32]string{1: "soft", 2: "single", 3: "double"}[p.flags&loongFloat])
	}
	return ""
}

// abiChecks are the checks by e_machine.
var abiChecks = map[uint16]string{emMIPS: checkMIPSABI, emPPC64: checkPPCABI, emRISCV: checkRISCVABI, emLoongArch: checkLoongABI}

// otherABI reports whether a program and its loader or library cannot work together although their machine is one.
func otherABI(a, b program) bool {
	return a.machine == b.machine && a.abi() != "" && b.abi() != "" && a.abi() != b.abi()
}

// abi checks what a program's flags say beside its machine. A static program may use any calling convention, if the machine has what it
// takes, so that is a warning there; with a loader the loader decides.
func (r *run) abi(c command, where string, p program) {
	f := plan.Finding{Check: abiChecks[p.machine.number], Path: where, Found: "one for " + p.abi(), Fix: "build it with the compiler of the platform, and its default ABI"}
	if f.Check == "" || accepts(r.platform.Architecture(), p.machine) == refused {
		return
	}
	switch p.machine.number {
	case emMIPS:
		f.Expected = "a program with the ABI o32"
		if a := p.flags & mipsABI; p.machine.bits == 32 && !p.machine.n32 && a != 0 && a != mipsO32 {
			f.Found, f.Why = fmt.Sprintf("one with another (ABI field %#x)", a), `Linux refuses it: "exec format error"`
			r.report(c, f)
			return
		}
		f.Expected, f.Why = "a program for MIPS of before release 6", `release 6 has other instructions: elsewhere it ends with "Illegal instruction", exit code 132`
		if a := p.flags & mipsArch; a == mips32R6 || a == mips64R6 {
			r.report(unsure(c), f)
		}
	case emPPC64:
		f.Expected, f.Why = "a program for ELFv2", "no system for ppc64le has libraries for ELFv1, and its function calls fail"
		if !p.machine.big && p.flags&ppcABI == 1 {
			r.report(c, f)
		}
	case emRISCV:
		f.Expected, f.Why = "a program for the double-float ABI of RISC-V", "libraries of linux/riscv64 cannot be used by it"
		if p.flags&riscvRVE != 0 {
			f.Found, f.Why = "one for RV64E", "it has half of the registers, and its calls are those of no Linux system"
			r.report(c, f)
		} else if p.loader == "" && p.flags != 0 && p.flags&riscvFloat != riscvDouble {
			r.report(unsure(c), f)
		}
	case emLoongArch:
		f.Expected, f.Why = "a program for the double-float ABI of LoongArch", "libraries of linux/loong64 cannot be used by it"
		if p.flags&loongFloat != 0 && p.flags&loongObject == 0 {
			f.Why = "kernels of today have other system calls: it starts only where a layer for old-world programs is installed"
			r.report(c, f)
		} else if float := p.flags & loongFloat; p.loader == "" && float != 0 && float != loongDouble {
			r.report(unsure(c), f)
		}
	}
}

// unsure is a command about which errors are warnings.
func unsure(c command) command {
	c.sure = guessed
	return c
}

// largePages are the sizes of pages that some kernels of an architecture have: RHEL's and SUSE's for ppc64le, RHEL's kernel-64k and others
// for arm64 use 64 KiB, those for loong64 16 KiB.
var largePages = map[string]uint64{"arm64": 64 << 10, "ppc64le": 64 << 10, "ppc64": 64 << 10, "loong64": 16 << 10}

// pages notes programs that cannot be mapped where pages are large. A kernel and musl map a file if places in it and in memory agree within
// a page; glibc wants p_align of a library to be a multiple of one, too (_dl_map_object_from_fd).
func (r *run) pages(c command, where string, p program, aligned bool) {
	large := largePages[r.platform.Architecture()]
	size := p.pages
	if aligned {
		size = min(size, p.align)
	}
	if large == 0 || size == 0 || size >= large || accepts(r.platform.Architecture(), p.machine) != identical {
		return
	}
	r.report(c, plan.Finding{
		Check: checkPageSize, Path: where, Expected: fmt.Sprintf("segments for pages of %d KiB", large>>10), Found: fmt.Sprintf("segments for pages of %d bytes", size),
		Why: fmt.Sprintf("kernels for %s with pages of %d KiB cannot load it", shortName(r.platform), large>>10),
		Fix: fmt.Sprintf("link it with -Wl,-z,max-page-size=%d, which is the default of GNU ld", large),
	})
}

// runtime checks what the header and the segments of a program say beside its machine.
func (r *run) runtime(ctx context.Context, c command, where string, at place, file content) error {
	r.abi(c, where, file.program)
	r.pages(c, where, file.program, false)
	return r.processor(ctx, c, where, at, file)
}
