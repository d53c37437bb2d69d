package setup

import (
	"bytes"
	"debug/elf"
	"encoding/hex"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// machineCode is exit(42) as GNU objdump disassembles it; that of loong64 was only executed.
var machineCode = map[string]string{
	"amd64":    "bf2a000000b83c0000000f05",
	"386":      "bb2a000000b801000000cd80",
	"arm64":    "400580d2a80b80d2010000d4",
	"arm":      "2a00a0e30170a0e3000000ef",
	"ppc64le":  "2a0060380100003802000044",
	"ppc64":    "3860002a3800000144000002",
	"s390x":    "a729002aa71900010a00",
	"riscv64":  "1305a0029308d00573000000",
	"mips":     "2404002a24020fa10000000c",
	"mipsle":   "2a000424a10f02240c000000",
	"mips64":   "2404002a240213c20000000c",
	"mips64le": "2a000424c21302240c000000",
	"loong64":  "04a880020b74810200002b00",
}

func TestArchitectures(t *testing.T) {
	t.Parallel()
	if got, want := len(architectures), len(machineCode); got != want {
		t.Fatalf("got %d architectures, want %d", got, want)
	}
	for _, a := range architectures {
		t.Run(a.name+": the code exits with the status", func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(machineCode[a.name], hex.EncodeToString(a.exit(42))); diff != "" {
				t.Error(diff)
			}
		})
		t.Run(a.name+": the program is a static ELF file of the architecture", func(t *testing.T) {
			t.Parallel()
			testProgram(t, a)
		})
		t.Run(a.name+": the handler matches programs of no other architecture", func(t *testing.T) {
			t.Parallel()
			handler := a.handler("x", "/x", "F")
			for _, other := range architectures {
				got, want := handler.matches(other.program(42)), other.name == a.name
				if got != want {
					t.Errorf("matches a program of %s: got %v, want %v", other.name, got, want)
				}
			}
		})
		t.Run(a.name+": the handler matches position-independent programs but no object files", func(t *testing.T) {
			t.Parallel()
			handler, program := a.handler("x", "/x", "F"), a.program(42)
			for kind, want := range map[elf.Type]bool{elf.ET_REL: false, elf.ET_EXEC: true, elf.ET_DYN: true, elf.ET_CORE: false} {
				a.order().PutUint16(program[16:], uint16(kind))
				if got := handler.matches(program); got != want {
					t.Errorf("matches type %v: got %v, want %v", kind, got, want)
				}
			}
		})
	}
}

func testProgram(t *testing.T, a architecture) {
	t.Helper()
	program := a.program(42)
	file, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		t.Fatal(err)
	}
	type header struct {
		Machine elf.Machine
		Class   elf.Class
		Data    elf.Data
		Type    elf.Type
		Version elf.Version
		Entry   uint64
		Program elf.ProgHeader
	}
	headers := 120
	if a.class == elf.ELFCLASS32 {
		headers = 84
	}
	size := uint64(len(program))
	want := header{
		Machine: a.machine, Class: a.class, Data: a.data, Type: elf.ET_EXEC, Version: elf.EV_CURRENT, Entry: 0x400000 + uint64(headers),
		Program: elf.ProgHeader{
			Type: elf.PT_LOAD, Flags: elf.PF_R | elf.PF_X, Vaddr: 0x400000, Paddr: 0x400000, Filesz: size, Memsz: size, Align: 0x10000,
		},
	}
	got := header{file.Machine, file.Class, file.Data, file.Type, file.Version, file.Entry, file.Progs[0].ProgHeader}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got, want := program[headers:], a.exit(42); !bytes.Equal(got, want) {
		t.Errorf("code at the entry: got %x, want %x", got, want)
	}
}

// The bytes of one program as a whole, so that a change of its layout is seen.
func TestProgramBytes(t *testing.T) {
	t.Parallel()
	want := "7f454c4602010100000000000000000002003e00010000007800400000000000400000000000000000000000000000000000000040003800" +
		"0100000000000000" + "010000000500000000000000000000000000400000000000000040000000000084000000000000008400000000000000" +
		"0000010000000000" + "bf2a000000b83c0000000f05"
	amd64, _ := architectureOf("amd64")
	if diff := cmp.Diff(want, hex.EncodeToString(amd64.program(42))); diff != "" {
		t.Error(diff)
	}
}

func TestMasks(t *testing.T) {
	t.Parallel()
	for _, a := range architectures {
		magic, errMagic := hex.DecodeString(a.magic)
		mask, errMask := hex.DecodeString(a.mask)
		if errMagic != nil || errMask != nil || len(magic) != len(mask) {
			t.Errorf("%s: magic of %d bytes (%v), mask of %d bytes (%v)", a.name, len(magic), errMagic, len(mask), errMask)
		}
	}
}

func TestMayRun(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		host, guest string
		want        bool
	}{
		{"amd64", "amd64", true},
		{"amd64", "386", true},
		{"amd64", "arm64", false},
		{"arm64", "arm", true},
		{"arm64", "386", false},
		{"riscv64", "arm64", false},
	} {
		host, _ := architectureOf(test.host)
		guest, _ := architectureOf(test.guest)
		if got := host.mayRun(guest); got != test.want {
			t.Errorf("%s runs %s: got %v, want %v", test.host, test.guest, got, test.want)
		}
	}
}
