package corpus

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// ELF is a program or library to be made. Only what readers of headers look at is in it: it has no code.
type ELF struct {
	Arch   string // a name of Archs
	Kind   uint16 // e_type; 2, a program at a fixed address, if it is 0
	OSABI  byte
	Flags  uint32 // or-ed to those that the compiler sets for the architecture
	Interp string

	Needed         []string
	Soname         string
	RPath, RunPath string
	Versions       map[string][]string // of symbols that are needed, by library
	Defines        []string            // versions of symbols that it has

	ARM   []byte // pairs of tag and value of .ARM.attributes
	Level uint32 // the bits of the x86 property ISA_1_NEEDED
	Go    []string
	Text  string // bytes that only are there, such as a loader's folders

	Pages  uint64 // the size of pages that it is linked for, if it is less than usual for the architecture
	Code   []byte // from where it starts
	Thumb  bool   // it starts in Thumb
	Clear  uint32 // flags that are cleared of those that the compiler sets
	Behind uint64 // bytes that the first segment names behind the end of the file
}

// Arch is how the programs of an architecture begin.
type Arch struct {
	Machine uint16
	Bits    int
	Big     bool
	Flags   uint32 // what gcc sets
}

// Archs are the architectures of Linux images by their GOARCH names, and others that are met in them.
var Archs = map[string]Arch{
	"386": {3, 32, false, 0}, "amd64": {62, 64, false, 0}, "arm": {40, 32, false, 0x05000000}, "arm64": {183, 64, false, 0},
	"loong64": {258, 64, false, 0x43}, "mips": {8, 32, true, 0x70001007}, "mipsle": {8, 32, false, 0x70001007},
	"mips64": {8, 64, true, 0x80000007}, "mips64le": {8, 64, false, 0x80000007}, "ppc64": {21, 64, true, 1}, "ppc64le": {21, 64, false, 2},
	"riscv64": {243, 64, false, 5}, "s390x": {22, 64, true, 0},
	"x32": {62, 32, false, 0}, "n32": {8, 32, false, 0x80000027}, "arm64be": {183, 64, true, 0}, "riscv32": {243, 32, false, 5},
	"ppc": {20, 32, true, 0}, "s390": {22, 32, true, 0}, "sparc64": {43, 64, true, 0}, "unknown": {999, 64, false, 0},
}

// usualPages are those of GNU ld where they are larger than 4 KiB.
var usualPages = map[string]uint64{"arm64": 0x10000, "arm": 0x10000, "ppc64": 0x10000, "ppc64le": 0x10000, "loong64": 0x4000, "mips64": 0x10000, "mips64le": 0x10000}

// pages is the alignment of segments.
func (b *builder) pages() uint64 {
	if b.elf.Pages > 0 {
		return b.elf.Pages
	}
	return max(usualPages[b.elf.Arch], 0x1000)
}

// base is where the first byte of the file is in memory.
func (b *builder) base() uint64 { return loadAddress + b.elf.Pages }

// loadAddress is where the file is in memory, so that addresses and offsets differ.
const loadAddress = 0x10000

// builder lays out one file.
type builder struct {
	elf      ELF
	arch     Arch
	order    binary.AppendByteOrder
	data     []byte // what follows the program headers
	begin    uint64 // where data begins
	start    uint64 // e_entry
	segments []part
	sections []part
}

// part is a segment or a section.
type part struct {
	kind         uint32
	name         string
	offset, size uint64
	align        uint64
}

// Bytes makes the file.
func (e ELF) Bytes() []byte {
	arch, ok := Archs[e.Arch]
	if !ok {
		panic(fmt.Sprintf("corpus: no architecture %q", e.Arch))
	}
	b := &builder{elf: e, arch: arch, order: binary.LittleEndian}
	if arch.Big {
		b.order = binary.BigEndian
	}
	count := uint64(1)
	for _, used := range []bool{e.Interp != "", b.isDynamic(), e.Level != 0} {
		if used {
			count++
		}
	}
	b.begin = b.headSize() + count*b.entrySize()
	b.content()
	names := b.names()
	total := b.begin + uint64(len(b.data))
	if len(b.sections) > 0 {
		total += uint64(len(b.sections)+1) * b.sectionSize()
	}
	out := b.header(count, total)
	out = b.segment(out, part{kind: 1, size: total + e.Behind, align: b.pages()})
	for _, p := range b.segments {
		out = b.segment(out, p)
	}
	out = append(out, b.data...)
	return b.sectionTable(out, names)
}

func (b *builder) isDynamic() bool {
	e := b.elf
	return len(e.Needed) > 0 || e.Soname != "" || e.RPath != "" || e.RunPath != ""
}

func (b *builder) wide() bool { return b.arch.Bits == 64 }

func (b *builder) headSize() uint64 {
	if b.wide() {
		return 64
	}
	return 52
}

func (b *builder) entrySize() uint64 {
	if b.wide() {
		return 56
	}
	return 32
}

func (b *builder) sectionSize() uint64 {
	if b.wide() {
		return 64
	}
	return 40
}

// word appends an address or offset.
func (b *builder) word(to []byte, values ...uint64) []byte {
	for _, v := range values {
		if b.wide() {
			to = b.order.AppendUint64(to, v)
		} else {
			to = b.order.AppendUint32(to, uint32(v))
		}
	}
	return to
}

func (b *builder) halves(to []byte, values ...uint64) []byte {
	for _, v := range values {
		to = b.order.AppendUint16(to, uint16(v))
	}
	return to
}

func (b *builder) header(segments, total uint64) []byte {
	data := byte(1)
	if b.arch.Big {
		data = 2
	}
	out := []byte{0x7f, 'E', 'L', 'F', byte(b.arch.Bits / 32), data, 1, b.elf.OSABI, 0, 0, 0, 0, 0, 0, 0, 0}
	kind := b.elf.Kind
	if kind == 0 {
		kind = 2
	}
	out = b.halves(out, uint64(kind), uint64(b.arch.Machine))
	out = b.order.AppendUint32(out, 1)
	sections, count := uint64(0), uint64(0)
	if len(b.sections) > 0 {
		count = uint64(len(b.sections)) + 1
		sections = total - count*b.sectionSize()
	}
	out = b.word(out, b.start, b.headSize(), sections)
	out = b.order.AppendUint32(out, b.arch.Flags&^b.elf.Clear|b.elf.Flags)
	return b.halves(out, b.headSize(), b.entrySize(), segments, b.sectionSize(), count, max(count, 1)-1)
}

func (b *builder) segment(out []byte, p part) []byte {
	out = b.order.AppendUint32(out, p.kind)
	if b.wide() {
		out = b.order.AppendUint32(out, 5)
	}
	address := p.offset + b.base()
	out = b.word(out, p.offset, address, address, p.size, p.size)
	if !b.wide() {
		out = b.order.AppendUint32(out, 5)
	}
	return b.word(out, p.align)
}

// place appends bytes to the file and returns where they are.
func (b *builder) place(data []byte, align uint64) part {
	for (b.begin+uint64(len(b.data)))%align != 0 {
		b.data = append(b.data, 0)
	}
	p := part{offset: b.begin + uint64(len(b.data)), size: uint64(len(data)), align: align}
	b.data = append(b.data, data...)
	return p
}

func (b *builder) content() {
	b.start = b.base()
	if b.elf.Code != nil {
		b.start += b.place(b.elf.Code, 4).offset
	}
	if b.elf.Thumb {
		b.start |= 1
	}
	if b.elf.Interp != "" {
		p := b.place([]byte(b.elf.Interp+"\x00"), 1)
		p.kind = 3
		b.segments = append(b.segments, p)
	}
	if b.isDynamic() {
		b.dynamic()
	}
	if b.elf.Level != 0 {
		p := b.place(b.note(), 8)
		p.kind = 0x6474e553
		b.segments = append(b.segments, p)
	}
	if b.elf.Text != "" {
		b.place([]byte(b.elf.Text), 1)
	}
	if b.elf.ARM != nil {
		p := b.place(b.attributes(), 1)
		p.kind, p.name = 0x70000003, ".ARM.attributes"
		b.sections = append(b.sections, p)
	}
	if b.elf.Go != nil {
		p := b.place(goInfo(b.elf.Go), 16)
		p.kind, p.name = 1, ".go.buildinfo"
		b.sections = append(b.sections, p)
	}
}

// note is a GNU property note with the x86 level.
func (b *builder) note() []byte {
	property := b.order.AppendUint32(nil, 0xc0008002)
	property = b.order.AppendUint32(property, 4)
	property = b.order.AppendUint32(property, b.elf.Level)
	property = append(property, 0, 0, 0, 0)
	note := b.order.AppendUint32(nil, 4)
	note = b.order.AppendUint32(note, uint32(len(property)))
	note = b.order.AppendUint32(note, 5)
	return append(append(note, "GNU\x00"...), property...)
}

func (b *builder) attributes() []byte {
	scope := append([]byte{1}, b.order.AppendUint32(nil, uint32(5+len(b.elf.ARM)))...)
	scope = append(scope, b.elf.ARM...)
	vendor := append([]byte("aeabi\x00"), scope...)
	return append(b.order.AppendUint32([]byte("A"), uint32(4+len(vendor))), vendor...)
}

// goInfo is what Go's linker writes about a build; settings are as in GOARM=7.
func goInfo(settings []string) []byte {
	text := "path\texample.com/app\nmod\texample.com/app\t(devel)\t\n"
	for _, s := range settings {
		text += "build\t" + s + "\n"
	}
	text = strings.Repeat("\x30", 16) + text + strings.Repeat("\x32", 16)
	data := append([]byte("\xff Go buildinf:\x08\x02"), make([]byte, 16)...)
	for _, part := range []string{"go1.26.0", text} {
		data = binary.AppendUvarint(data, uint64(len(part)))
		data = append(data, part...)
	}
	return data
}

// names adds the section with the names of all sections, and returns the place of each name.
func (b *builder) names() []uint32 {
	if len(b.sections) == 0 {
		return nil
	}
	texts := []byte{0}
	var at []uint32
	for _, s := range append(slices.Clip(b.sections), part{name: ".shstrtab"}) {
		at = append(at, uint32(len(texts)))
		texts = append(texts, s.name+"\x00"...)
	}
	p := b.place(texts, 1)
	p.kind = 3
	b.sections = append(b.sections, p)
	return at
}

func (b *builder) sectionTable(out []byte, names []uint32) []byte {
	if len(b.sections) == 0 {
		return out
	}
	out = append(out, make([]byte, b.sectionSize())...)
	for i, s := range b.sections {
		out = b.order.AppendUint32(out, names[i])
		out = b.order.AppendUint32(out, s.kind)
		out = b.word(out, 0, 0, s.offset, s.size)
		out = b.order.AppendUint32(out, 0)
		out = b.order.AppendUint32(out, 0)
		out = b.word(out, s.align, 0)
	}
	return out
}

// armCode are instructions of ARM as compilers make them: every wide-th makes a constant with movw, as for ARMv7; with 0 all constants are
// loaded, as for older ones.
func armCode(wide int) []byte {
	const add, ldrConstant, movw = 0xe0811002, 0xe59f0010, 0xe3010234
	var code []byte
	for i := range 2000 {
		word := uint32(add)
		switch {
		case wide > 0 && i%wide == 0:
			word = movw
		case i%25 == 1:
			word = ldrConstant
		}
		code = binary.LittleEndian.AppendUint32(code, word)
	}
	return code
}
