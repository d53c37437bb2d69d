package verify

import (
	"fmt"

	"github.com/org/multiarch-action/internal/plan"
)

// machine is what an ELF header says about the computer that a program was made for.
type machine struct {
	number uint16 // e_machine
	bits   int    // 32 or 64, from EI_CLASS
	big    bool   // big-endian, from EI_DATA
	n32    bool   // the 32-bit ABI of 64-bit MIPS, EF_MIPS_ABI2 in e_flags
}

// Numbers of machines, from the ELF specification's registry of e_machine (System V ABI, chapter 4).
const (
	em386       = 3
	emMIPS      = 8
	emPPC       = 20
	emPPC64     = 21
	emS390      = 22
	emARM       = 40
	emX8664     = 62
	emAArch64   = 183
	emRISCV     = 243
	emLoongArch = 258
)

// platformMachines lists, by GOARCH name, what the programs of a platform look like (cmd/link of Go, and the output of
// gcc for each).
var platformMachines = map[string]machine{
	"386":      {number: em386, bits: 32},
	"amd64":    {number: emX8664, bits: 64},
	"arm":      {number: emARM, bits: 32},
	"arm64":    {number: emAArch64, bits: 64},
	"loong64":  {number: emLoongArch, bits: 64},
	"mips":     {number: emMIPS, bits: 32, big: true},
	"mipsle":   {number: emMIPS, bits: 32},
	"mips64":   {number: emMIPS, bits: 64, big: true},
	"mips64le": {number: emMIPS, bits: 64},
	"ppc64":    {number: emPPC64, bits: 64, big: true},
	"ppc64le":  {number: emPPC64, bits: 64},
	"riscv64":  {number: emRISCV, bits: 64},
	"s390x":    {number: emS390, bits: 64, big: true},
}

// otherMachines names what no platform is, but what is found in images all the same.
var otherMachines = map[machine]string{
	{number: 6, bits: 32}:                            "386", // EM_486, which Linux accepts as i386
	{number: emX8664, bits: 32}:                      "x32",
	{number: emPPC, bits: 32, big: true}:             "ppc",
	{number: emS390, bits: 32, big: true}:            "s390",
	{number: emRISCV, bits: 32}:                      "riscv32",
	{number: emARM, bits: 32, big: true}:             "armbe",
	{number: emAArch64, bits: 64, big: true}:         "arm64be",
	{number: emMIPS, bits: 32, n32: true}:            "mips64le n32",
	{number: emMIPS, bits: 32, big: true, n32: true}: "mips64 n32",
	{number: 2, bits: 32, big: true}:                 "sparc",
	{number: 43, bits: 64, big: true}:                "sparc64",
	{number: 50, bits: 64}:                           "ia64",
	{number: 4, bits: 32, big: true}:                 "m68k",
	{number: 0x9026, bits: 64}:                       "alpha",
	{number: 247, bits: 64}:                          "bpf",
}

var families = map[uint16]string{
	em386: "x86", 6: "x86", emMIPS: "MIPS", emPPC: "PowerPC", emPPC64: "PowerPC", emS390: "IBM Z", emARM: "ARM",
	emX8664: "x86-64", emAArch64: "AArch64", emRISCV: "RISC-V", emLoongArch: "LoongArch",
}

// name returns the GOARCH name, or what others call it; empty if nobody here knows it.
func (m machine) name() string {
	for name, known := range platformMachines {
		if known == m {
			return name
		}
	}
	return otherMachines[m]
}

// String describes a program for the machine, as findings do.
func (m machine) String() string {
	name := m.name()
	if name == "" {
		name = fmt.Sprintf("an unknown machine (number %d)", m.number)
	}
	return m.programFor(name)
}

func (m machine) programFor(name string) string {
	order := "little-endian"
	if m.big {
		order = "big-endian"
	}
	family := families[m.number]
	if family != "" {
		family += ", "
	}
	return fmt.Sprintf("an ELF program for %s (%s%d-bit, %s)", name, family, m.bits, order)
}

// acceptance says what the kernels of a platform do with a program.
type acceptance int

const (
	refused   acceptance = iota // on every machine, or on too many
	compat                      // only where the kernel was built and started with support for it
	identical                   // this is what the platform's programs are
)

// accepts reports what a platform's kernels do with a program, without emulation: elf_check_arch and
// compat_elf_check_arch in arch/*/include/asm/elf.h of Linux. It is stricter than the kernel where class or byte order
// do not fit, because then no other tool can read the program. 32-bit ARM on arm64 is refused: Graviton 4, Apple's
// and Ampere's newer processors cannot run it at all.
func accepts(goarch string, m machine) acceptance {
	if m.number == 6 {
		m.number = em386
	}
	want := platformMachines[goarch]
	if m == want {
		return identical
	}
	switch goarch {
	case "amd64":
		return compatIf(m == platformMachines["386"])
	case "ppc64":
		return compatIf(m == machine{number: emPPC, bits: 32, big: true})
	case "mips64", "mips64le":
		return compatIf(m.number == emMIPS && m.bits == 32 && m.big == want.big)
	}
	return refused
}

func compatIf(fits bool) acceptance {
	if fits {
		return compat
	}
	return refused
}

// refusal says what happens to a program of a foreign machine on the platform. A pair of a 32-bit and a 64-bit
// machine that share a kernel has an explanation of its own, since such a program may have worked for its author.
func refusal(p plan.Platform, m machine) string {
	switch p.Architecture() + " " + m.name() {
	case "arm64 arm":
		return `many arm64 machines (Graviton 4, Apple silicon, newer Ampere) cannot run 32-bit ARM programs, and there it ends with "exec format error"`
	case "386 amd64", "arm arm64", "mips mips64", "mipsle mips64le":
		return fmt.Sprintf(`it ends with "exec format error" wherever the kernel is 32-bit, which is what an image for %s promises to run on`, shortName(p))
	case "amd64 x32":
		return `the kernels of most distributions are built without x32, and there it ends with "exec format error"`
	}
	return fmt.Sprintf(`it ends with "exec format error" on every %s machine`, shortName(p))
}

// shortName is the platform without its operating system, as people call a machine: "arm64", "arm/v7".
func shortName(p plan.Platform) string {
	spec := p.Spec()
	if spec.Variant == "" {
		return spec.Architecture
	}
	return spec.Architecture + "/" + spec.Variant
}
