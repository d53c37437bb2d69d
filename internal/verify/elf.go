package verify

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// headBytes is what is read of a file at first. It is what the kernel reads (BINPRM_BUF_SIZE in Linux 5.1 and newer),
// and it holds an ELF header or a #! line.
const headBytes = 256

// The kernel's own bounds in fs/binfmt_elf.c: load_elf_phdrs and load_elf_binary.
const (
	maxSegmentTable = 65536
	minLoaderPath   = 2
	maxLoaderPath   = 4096
)

// e_type and p_type values, from the ELF specification.
const (
	etRel, etExec, etDyn, etCore = 1, 2, 3, 4
	ptLoad, ptInterp             = 1, 3
)

// program is what was read of an ELF file.
type program struct {
	machine machine
	osabi   byte
	kind    uint16 // e_type
	flags   uint32 // e_flags, whose meaning depends on the machine
	loader  string // PT_INTERP; empty in static programs
	pages   uint64 // the largest pages with which all segments can be mapped; 0: any
	align   uint64 // the least p_align of segments that are loaded; 0: unsaid
}

// damage is an ELF file that the kernel refuses whatever the machine.
type damage struct {
	cut  bool   // the headers name bytes that are not there
	what string // completes "an ELF file that …"
}

func (d *damage) Error() string { return "an ELF file " + d.what }

// rangeReader reads up to length bytes at offset.
type rangeReader func(offset, length int64) ([]byte, error)

// readELF reads header, program headers and loader path, and nothing else: three reads at most, none over 64 KiB. It
// does not use debug/elf, which wants the sections at the end of the file and is documented as unsafe for hostile
// input. After a *damage the machine is still right if it could be read.
func readELF(head []byte, size int64, read rangeReader) (program, error) {
	h, err := parseHeader(head)
	if err != nil {
		return h.program, err
	}
	if h.program.kind != etExec && h.program.kind != etDyn {
		return h.program, nil // other kinds have no segments to start
	}
	table, err := h.segmentTable(head, size, read)
	if err != nil {
		return h.program, err
	}
	loader, err := h.scan(table, uint64(size))
	if err != nil || loader == nil {
		return h.program, err
	}
	h.program.loader, err = readLoaderPath(*loader, read)
	return h.program, err
}

// header is the part of the ELF header that a start needs.
type header struct {
	program program
	order   binary.ByteOrder
	wide    bool // 64-bit layout
	offset  uint64
	count   int
}

func parseHeader(head []byte) (header, error) {
	var h header
	if len(head) < 52 {
		return h, &damage{cut: true, what: fmt.Sprintf("of %d bytes, which is less than its header", len(head))}
	}
	switch {
	case head[4] != 1 && head[4] != 2:
		return h, &damage{what: fmt.Sprintf("that is neither 32-bit nor 64-bit (class %d)", head[4])}
	case head[5] != 1 && head[5] != 2:
		return h, &damage{what: fmt.Sprintf("that is neither little-endian nor big-endian (data %d)", head[5])}
	}
	h.wide = head[4] == 2
	h.order = binary.LittleEndian
	if head[5] == 2 {
		h.order = binary.BigEndian
	}
	h.program = program{
		machine: machine{number: h.order.Uint16(head[18:]), bits: 32 * int(head[4]), big: head[5] == 2},
		osabi:   head[7],
		kind:    h.order.Uint16(head[16:]),
	}
	if h.wide {
		return h.wideFields(head)
	}
	const efMIPSABI2 = 0x20
	h.program.flags = h.order.Uint32(head[36:])
	h.program.machine.n32 = h.program.machine.number == emMIPS && h.program.flags&efMIPSABI2 != 0
	h.offset = uint64(h.order.Uint32(head[28:]))
	h.count = int(h.order.Uint16(head[44:]))
	return h, h.checkEntrySize(h.order.Uint16(head[42:]))
}

func (h header) wideFields(head []byte) (header, error) {
	if len(head) < 64 {
		return h, &damage{cut: true, what: fmt.Sprintf("of %d bytes, which is less than its header", len(head))}
	}
	h.program.flags = h.order.Uint32(head[48:])
	h.offset = h.order.Uint64(head[32:])
	h.count = int(h.order.Uint16(head[56:]))
	return h, h.checkEntrySize(h.order.Uint16(head[54:]))
}

// checkEntrySize refuses what the kernel refuses. A relocatable or core file need not have any program headers.
func (h header) checkEntrySize(size uint16) error {
	if h.program.kind != etExec && h.program.kind != etDyn {
		return nil
	}
	if int(size) != h.entrySize() || h.count == 0 || h.count*h.entrySize() > maxSegmentTable {
		return &damage{what: fmt.Sprintf("with damaged headers (%d program headers of %d bytes)", h.count, size)}
	}
	return nil
}

func (h header) entrySize() int {
	if h.wide {
		return 56
	}
	return 32
}

// segmentTable returns the bytes of the program headers, from the head of the file if they are all in it.
func (h header) segmentTable(head []byte, size int64, read rangeReader) ([]byte, error) {
	length := uint64(h.count * h.entrySize())
	if h.offset > uint64(size) || length > uint64(size)-h.offset {
		return nil, &damage{cut: true, what: fmt.Sprintf("of %d bytes whose program headers end behind that", size)}
	}
	if h.offset+length <= uint64(len(head)) {
		return head[h.offset : h.offset+length], nil
	}
	table, err := read(int64(h.offset), int64(length))
	if err != nil {
		return nil, err
	}
	if uint64(len(table)) < length {
		return nil, &damage{cut: true, what: fmt.Sprintf("of %d bytes whose program headers could not be read whole", size)}
	}
	return table, nil
}

// segment is one program header.
type segment struct {
	kind         uint32
	offset, size uint64 // in the file
	address      uint64 // in memory
	align        uint64
}

func (h header) segment(entry []byte) segment {
	if h.wide {
		word := func(at int) uint64 { return h.order.Uint64(entry[at:]) }
		return segment{kind: h.order.Uint32(entry), offset: word(8), address: word(16), size: word(32), align: word(48)}
	}
	word := func(at int) uint64 { return uint64(h.order.Uint32(entry[at:])) }
	return segment{kind: h.order.Uint32(entry), offset: word(4), address: word(8), size: word(16), align: word(28)}
}

// scan checks that everything that is loaded is in the file, and returns the first PT_INTERP, as the kernel does.
func (h *header) scan(table []byte, size uint64) (*segment, error) {
	var loader *segment
	for len(table) >= h.entrySize() {
		s := h.segment(table)
		table = table[h.entrySize():]
		if s.kind != ptLoad && s.kind != ptInterp {
			continue
		}
		if s.offset > size || s.size > size-s.offset {
			return nil, &damage{cut: true, what: fmt.Sprintf("of %d bytes whose program headers name bytes behind that", size)}
		}
		if s.kind == ptInterp && loader == nil {
			loader = &s
		}
		if s.kind == ptLoad {
			h.program.fit(s)
		}
	}
	return loader, nil
}

// fit learns from a segment with which pages a program can be mapped.
func (p *program) fit(s segment) {
	if s.align > 1 && (p.align == 0 || s.align < p.align) {
		p.align = s.align
	}
	shift := s.address - s.offset
	if page := shift & -shift; page != 0 && (p.pages == 0 || page < p.pages) {
		p.pages = page // the lowest bit in which they differ
	}
}

func readLoaderPath(s segment, read rangeReader) (string, error) {
	if s.size < minLoaderPath || s.size > maxLoaderPath {
		return "", &damage{what: fmt.Sprintf("whose loader path has a length of %d bytes", s.size)}
	}
	text, err := read(int64(s.offset), int64(s.size))
	if err != nil {
		return "", err
	}
	if uint64(len(text)) != s.size || text[len(text)-1] != 0 || text[0] == 0 {
		return "", &damage{what: "whose loader path is not a text that ends with a zero byte"}
	}
	name, _, _ := bytes.Cut(text, []byte{0})
	return string(name), nil
}
