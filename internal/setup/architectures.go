package setup

import (
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
)

// architecture is what is known of one processor architecture: how its programs look and which QEMU runs them.
type architecture struct {
	name    string      // GOARCH, which is also the name in image indexes
	qemu    string      // QEMU's name, the second part of "qemu-aarch64"
	machine elf.Machine // e_machine of the ELF header (gABI, chapter 4)
	class   elf.Class   // 32-bit or 64-bit
	data    elf.Data    // byte order
	flags   uint32      // e_flags of the probe; see architectures
	abi     byte        // EI_ABIVERSION of the probe; see architectures
	kin     string      // an architecture whose processors may run this one's programs without an emulator
	magic   string      // first bytes of the ELF header that a handler is asked for, in hexadecimal
	mask    string      // which bits of magic count, in hexadecimal
	exit    func(status uint32) []byte
}

// Masks with the bits that all architectures share: any OS ABI, an executable or a position-independent one.
const (
	maskLittle = "ffffffffffffff00fffffffffffffffffeffffff"
	maskBig    = "ffffffffffffff00fffffffffffffffffffeffff"
	// The byte order and version bytes are masked with fe, as QEMU does for Intel.
	maskIntel = "fffffffffffefe00fffffffffffffffffeffffff"
	// The ABI version is 1, 3 or 5 in real MIPS programs. Debian 12's mask insists on 0 or 1, so that its handlers
	// leave programs out.
	maskMIPSLittle = "ffffffffffffff0000fffffffffffffffeffffff"
	maskMIPSBig    = "ffffffffffffff0000fffffffffffffffffeffff"
)

// mipsABI is the ABI version of MIPS probes: the one that a handler with too narrow a mask misses, as BuildKit's probes
// do (buildkit util/archutil).
const mipsABI = 5

// architectures is the table of all architectures that images are built for on Linux.
//
// Magic and mask are those of QEMU's scripts/qemu-binfmt-conf.sh and of tonistiigi/binfmt's cmd/binfmt/config.go, with
// Debian's longer form for 32-bit MIPS, whose e_flags tell o32 programs from n32 ones. The exit codes are the system
// calls exit and their numbers of Linux' arch/*/kernel/syscalls. The flags: ARM EABI version 5, because kernels refuse
// older ones; ELFv2 on POWER, because elsewhere e_entry is the address of a function descriptor; on MIPS the ABI, which
// selects the table of system calls; on LoongArch double-precision floats and object version 1.
var architectures = []architecture{
	{
		name: "amd64", qemu: "x86_64", machine: elf.EM_X86_64, class: elf.ELFCLASS64, data: elf.ELFDATA2LSB,
		kin: "386", magic: "7f454c4602010100000000000000000002003e00", mask: maskIntel, exit: exitAMD64,
	},
	{
		name: "386", qemu: "i386", machine: elf.EM_386, class: elf.ELFCLASS32, data: elf.ELFDATA2LSB,
		kin: "amd64", magic: "7f454c4601010100000000000000000002000300", mask: maskIntel, exit: exit386,
	},
	{
		name: "arm64", qemu: "aarch64", machine: elf.EM_AARCH64, class: elf.ELFCLASS64, data: elf.ELFDATA2LSB,
		kin: "arm", magic: "7f454c460201010000000000000000000200b700", mask: maskLittle, exit: exitARM64,
	},
	{
		name: "arm", qemu: "arm", machine: elf.EM_ARM, class: elf.ELFCLASS32, data: elf.ELFDATA2LSB, flags: 0x05000000,
		kin: "arm64", magic: "7f454c4601010100000000000000000002002800", mask: maskLittle, exit: exitARM,
	},
	{
		name: "ppc64le", qemu: "ppc64le", machine: elf.EM_PPC64, class: elf.ELFCLASS64, data: elf.ELFDATA2LSB, flags: 2,
		magic: "7f454c4602010100000000000000000002001500", mask: "ffffffffffffff00fffffffffffffffffeffff00", exit: exitPPC64LE,
	},
	{
		name: "ppc64", qemu: "ppc64", machine: elf.EM_PPC64, class: elf.ELFCLASS64, data: elf.ELFDATA2MSB, flags: 2,
		magic: "7f454c4602020100000000000000000000020015", mask: "fffffffffffffffcfffffffffffffffffffeffff", exit: exitPPC64,
	},
	{
		name: "s390x", qemu: "s390x", machine: elf.EM_S390, class: elf.ELFCLASS64, data: elf.ELFDATA2MSB,
		magic: "7f454c4602020100000000000000000000020016", mask: maskBig, exit: exitS390X,
	},
	{
		name: "riscv64", qemu: "riscv64", machine: elf.EM_RISCV, class: elf.ELFCLASS64, data: elf.ELFDATA2LSB,
		magic: "7f454c460201010000000000000000000200f300", mask: maskLittle, exit: exitRISCV64,
	},
	{
		name: "mips64le", qemu: "mips64el", machine: elf.EM_MIPS, class: elf.ELFCLASS64, data: elf.ELFDATA2LSB, flags: 0x60000007, abi: mipsABI,
		kin: "mipsle", magic: "7f454c4602010100000000000000000002000800", mask: maskMIPSLittle, exit: exitMIPS64LE,
	},
	{
		name: "mips64", qemu: "mips64", machine: elf.EM_MIPS, class: elf.ELFCLASS64, data: elf.ELFDATA2MSB, flags: 0x60000007, abi: mipsABI,
		kin: "mips", magic: "7f454c4602020100000000000000000000020008", mask: maskMIPSBig, exit: exitMIPS64,
	},
	{
		name: "mipsle", qemu: "mipsel", machine: elf.EM_MIPS, class: elf.ELFCLASS32, data: elf.ELFDATA2LSB, flags: 0x50001007, abi: mipsABI,
		kin:   "mips64le",
		magic: "7f454c460101010000000000000000000200080001000000" + strings.Repeat("00", 16),
		mask:  maskMIPSLittle + "ffffffff" + strings.Repeat("00", 12) + "20000000", exit: exitMIPSLE,
	},
	{
		name: "mips", qemu: "mips", machine: elf.EM_MIPS, class: elf.ELFCLASS32, data: elf.ELFDATA2MSB, flags: 0x50001007, abi: mipsABI,
		kin:   "mips64",
		magic: "7f454c460102010000000000000000000002000800000001" + strings.Repeat("00", 16),
		mask:  maskMIPSBig + "ffffffff" + strings.Repeat("00", 12) + "00000020", exit: exitMIPS,
	},
	{
		name: "loong64", qemu: "loongarch64", machine: elf.EM_LOONGARCH, class: elf.ELFCLASS64, data: elf.ELFDATA2LSB, flags: 0x43,
		magic: "7f454c4602010100000000000000000002000201", mask: "fffffffffffffffc00fffffffffffffffeffffff", exit: exitLoong64,
	},
}

// architectureOf finds an architecture by its GOARCH name.
func architectureOf(name string) (architecture, bool) {
	i := slices.IndexFunc(architectures, func(a architecture) bool { return a.name == name })
	if i < 0 {
		return architecture{}, false
	}
	return architectures[i], true
}

// emulators are the file names of the emulator, the surely static one first: Debian 12's qemu-aarch64 is dynamic, while
// Debian 13, Alpine and tonistiigi/binfmt use that name for a static one.
func (a architecture) emulators() []string {
	return []string{"qemu-" + a.qemu + "-static", "qemu-" + a.qemu}
}

// mayRun reports whether processors of this architecture may run programs of the other one by themselves.
func (a architecture) mayRun(other architecture) bool {
	return a.name == other.name || other.kin == a.name
}

// order is the byte order of the architecture's programs.
func (a architecture) order() binary.ByteOrder {
	if a.data == elf.ELFDATA2MSB {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// handler is the binfmt_misc entry that gives programs of the architecture to the emulator.
func (a architecture) handler(name, emulator, flags string) binfmtEntry {
	return binfmtEntry{
		name: name, enabled: true, interpreter: emulator, flags: flags,
		magic: unhex(a.magic), mask: unhex(a.mask),
	}
}

// unhex decodes a constant of the table. A test decodes them all.
func unhex(digits string) []byte {
	b, err := hex.DecodeString(digits)
	if err != nil {
		return nil
	}
	return b
}

// The functions below return machine code for exit(status). Each has the assembly of its words beside it.

func exitAMD64(status uint32) []byte {
	code := binary.LittleEndian.AppendUint32([]byte{0xbf}, status) // mov $status, %edi
	return append(code, 0xb8, 60, 0, 0, 0, 0x0f, 0x05)             // mov $60, %eax; syscall
}

func exit386(status uint32) []byte {
	code := binary.LittleEndian.AppendUint32([]byte{0xbb}, status) // mov $status, %ebx
	return append(code, 0xb8, 1, 0, 0, 0, 0xcd, 0x80)              // mov $1, %eax; int $0x80
}

func exitARM64(status uint32) []byte {
	return words(binary.LittleEndian, 0xd2800000|status<<5, 0xd2800ba8, 0xd4000001) // mov x0, #status; mov x8, #93; svc #0
}

func exitARM(status uint32) []byte {
	return words(binary.LittleEndian, 0xe3a00000|status, 0xe3a07001, 0xef000000) // mov r0, #status; mov r7, #1; svc 0
}

func exitPPC64LE(status uint32) []byte {
	return words(binary.LittleEndian, 0x38600000|status, 0x38000001, 0x44000002) // li r3, status; li r0, 1; sc
}

func exitPPC64(status uint32) []byte {
	return words(binary.BigEndian, 0x38600000|status, 0x38000001, 0x44000002) // as ppc64le
}

func exitS390X(status uint32) []byte {
	code := words(binary.BigEndian, 0xa7290000|status, 0xa7190001) // lghi %r2, status; lghi %r1, 1
	return append(code, 0x0a, 0x00)                                // svc 0
}

func exitRISCV64(status uint32) []byte {
	return words(binary.LittleEndian, 0x00000513|status<<20, 0x05d00893, 0x00000073) // li a0, status; li a7, 93; ecall
}

func exitMIPS64LE(status uint32) []byte {
	return words(binary.LittleEndian, 0x24040000|status, 0x240213c2, 0x0000000c) // li a0, status; li v0, 5058; syscall
}

func exitMIPS64(status uint32) []byte {
	return words(binary.BigEndian, 0x24040000|status, 0x240213c2, 0x0000000c) // as mips64le
}

func exitMIPSLE(status uint32) []byte {
	return words(binary.LittleEndian, 0x24040000|status, 0x24020fa1, 0x0000000c) // li a0, status; li v0, 4001; syscall
}

func exitMIPS(status uint32) []byte {
	return words(binary.BigEndian, 0x24040000|status, 0x24020fa1, 0x0000000c) // as mipsle
}

func exitLoong64(status uint32) []byte {
	// addi.w $a0, $zero, status; addi.w $a7, $zero, 93; syscall 0
	return words(binary.LittleEndian, 0x02800004|status<<10, 0x0281740b, 0x002b0000)
}

func words(order binary.AppendByteOrder, code ...uint32) []byte {
	var b []byte
	for _, word := range code {
		b = order.AppendUint32(b, word)
	}
	return b
}
