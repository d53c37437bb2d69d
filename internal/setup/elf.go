package setup

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	// loadAddress is above every vm.mmap_min_addr and inside the 32-bit address space.
	loadAddress = 0x400000
	// loadAlignment lets kernels with pages of 4, 16 and 64 KiB load the probe.
	loadAlignment = 0x10000
)

// program returns the smallest static program of the architecture. It does nothing but exit with the status, which
// must be below 128: one ELF header, one program header and the code, about 100 bytes.
func (a architecture) program(status byte) []byte {
	code := a.exit(uint32(status))
	if a.class == elf.ELFCLASS32 {
		return slices.Concat(a.header32(len(code)), code)
	}
	return slices.Concat(a.header64(len(code)), code)
}

// ident is e_ident, the first 16 bytes of every ELF file.
func (a architecture) ident() (ident [elf.EI_NIDENT]byte) {
	copy(ident[:], elf.ELFMAG)
	ident[elf.EI_CLASS] = byte(a.class)
	ident[elf.EI_DATA] = byte(a.data)
	ident[elf.EI_VERSION] = byte(elf.EV_CURRENT)
	ident[elf.EI_ABIVERSION] = a.abi
	return ident
}

func (a architecture) header64(codeSize int) []byte {
	const headerSize, programSize = 64, 56
	size := uint64(headerSize + programSize + codeSize)
	return a.encode(
		elf.Header64{
			Ident: a.ident(), Type: uint16(elf.ET_EXEC), Machine: uint16(a.machine), Version: uint32(elf.EV_CURRENT),
			Entry: loadAddress + headerSize + programSize, Phoff: headerSize, Flags: a.flags,
			Ehsize: headerSize, Phentsize: programSize, Phnum: 1,
		},
		elf.Prog64{
			Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Vaddr: loadAddress, Paddr: loadAddress,
			Filesz: size, Memsz: size, Align: loadAlignment,
		})
}

func (a architecture) header32(codeSize int) []byte {
	const headerSize, programSize = 52, 32
	size := uint32(headerSize + programSize + codeSize)
	return a.encode(
		elf.Header32{
			Ident: a.ident(), Type: uint16(elf.ET_EXEC), Machine: uint16(a.machine), Version: uint32(elf.EV_CURRENT),
			Entry: loadAddress + headerSize + programSize, Phoff: headerSize, Flags: a.flags,
			Ehsize: headerSize, Phentsize: programSize, Phnum: 1,
		},
		elf.Prog32{
			Type: uint32(elf.PT_LOAD), Flags: uint32(elf.PF_R | elf.PF_X), Vaddr: loadAddress, Paddr: loadAddress,
			Filesz: size, Memsz: size, Align: loadAlignment,
		})
}

// encode writes structs of fixed size. binary.Write into memory fails for other types only.
func (a architecture) encode(structs ...any) []byte {
	var b bytes.Buffer
	for _, s := range structs {
		_ = binary.Write(&b, a.order(), s)
	}
	return b.Bytes()
}

// findEmulator looks for a static emulator of the architecture that runs on the host by itself. For every file that has
// the name but cannot be used, skipped says why.
func findEmulator(folders []string, guest, host architecture) (path string, skipped []string) {
	for _, folder := range absolute(folders) {
		for _, name := range guest.emulators() {
			path := filepath.Join(folder, name)
			err := checkEmulator(path, host)
			if err == nil {
				return path, skipped
			}
			if !errors.Is(err, os.ErrNotExist) {
				skipped = append(skipped, fmt.Sprintf("%s: %v", path, err))
			}
		}
	}
	return "", skipped
}

// checkEmulator says why a file cannot be the emulator of a handler, nil if it can.
func checkEmulator(path string, host architecture) error {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrPermission) {
		return os.ErrNotExist // its folder is closed to this user
	}
	if err != nil {
		return pathCause(err)
	}
	switch {
	case !info.Mode().IsRegular():
		return errors.New("it is not a regular file")
	case info.Mode().Perm()&0o111 == 0:
		return errors.New("it is not executable")
	case strings.ContainsAny(path, ":\n"):
		return errors.New("its path has a colon or a line break in it, which a handler cannot name")
	}
	file, err := elf.Open(path)
	if err != nil {
		var inPath *os.PathError
		if errors.As(err, &inPath) {
			return inPath.Err
		}
		return errors.New("it is not an ELF program")
	}
	defer func() { _ = file.Close() }() // only read
	if file.Machine != host.machine || file.Class != host.class || file.Data != host.data {
		return fmt.Errorf("it is not a program for %s", host.name)
	}
	// Every container would need the loader and the libraries of a dynamic emulator.
	if slices.ContainsFunc(file.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		return errors.New("it is dynamically linked, so it would not run in containers")
	}
	return nil
}

// pathCause is the cause in an error of package os without the path, for messages that name the path already.
func pathCause(err error) error {
	var inPath *os.PathError
	if errors.As(err, &inPath) {
		return inPath.Err
	}
	return err
}

// noEmulator says where which emulator was looked for.
func noEmulator(guest architecture, folders, skipped []string) *obstacle {
	names := guest.emulators()
	problem := fmt.Sprintf("no emulator %s or %s is in %s", names[0], names[1], strings.Join(folders, ", "))
	if len(skipped) > 0 {
		problem += " (" + strings.Join(skipped, "; ") + ")"
	}
	return &obstacle{
		problem: problem,
		hint: "install QEMU's static emulators: the package qemu-user-static of Debian 12 and Ubuntu 24.04, qemu-user of Debian 13; or put a static " +
			names[1] + " into one of these folders",
	}
}
