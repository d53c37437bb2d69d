package layers

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

// What is kept of an ELF file. Names are those of the ELF specification and its supplements.
const (
	elfPage      = 4096     // at the beginning: header, program headers, loader path and notes of most files
	elfTable     = 64 << 10 // of one table or section
	elfNames     = 4096     // of one name in a table of strings that is not kept whole
	elfTail      = 8 << 10  // in front of the section headers: their names, in files without symbols
	elfGoInfo    = 1 << 20
	elfMaxNeeded = 1024
)

const (
	ptLoad, ptDynamic, ptInterp, ptNote     = 1, 2, 3, 4
	ptGNUProperty                           = 0x6474e553
	ptProcessor, ptProcessorEnd             = 0x70000000, 0x7fffffff // ARM and RISC-V attributes, MIPS ABI flags
	shtNote                                 = 7
	shtGNUVerdef, shtGNUVerneed             = 0x6ffffffd, 0x6ffffffe
	shtProcessor, shtProcessorEnd           = 0x70000000, 0x7fffffff
	dtNeeded, dtStrTab, dtStrSize, dtSoname = 1, 5, 10, 14
	dtRPath, dtRunPath                      = 15, 29
	dtVerdef, dtVerneed                     = 0x6ffffffc, 0x6ffffffe
)

func isELF(head []byte) bool { return bytes.HasPrefix(head, []byte("\x7fELF")) }

// extent is a range of a file.
type extent struct{ offset, length int64 }

// elfFile finds out which ranges of an ELF file are worth keeping. It never fails: of a file that makes no sense it keeps less.
type elfFile struct {
	window   []byte // the beginning of the file
	size     int64
	order    binary.ByteOrder
	wide     bool // 64-bit layout
	segments []elfPart
	extents  []extent
}

// elfPart is a segment or a section.
type elfPart struct {
	kind, name            uint32
	offset, address, size uint64
}

func parseELF(window []byte, size int64) *elfFile {
	f := &elfFile{window: window, size: size, order: binary.LittleEndian}
	f.want(0, elfPage)
	if window[5] == 2 {
		f.order = binary.BigEndian
	}
	f.wide = window[4] == 2 && len(window) >= 64
	f.readSegments()
	f.readDynamic()
	f.readSections()
	return f
}

// want adds a range, as far as it is in the file.
func (f *elfFile) want(offset, length int64) {
	if offset < 0 || offset >= f.size || length <= 0 {
		return
	}
	f.extents = append(f.extents, extent{offset, min(length, f.size-offset)})
}

// wanted returns the ranges in order, joined where they touch. A range that a read asks for is then in one piece.
func (f *elfFile) wanted() []extent {
	slices.SortFunc(f.extents, func(a, b extent) int { return cmp.Compare(a.offset, b.offset) })
	var out []extent
	for _, e := range f.extents {
		last := len(out) - 1
		if last >= 0 && e.offset <= out[last].offset+out[last].length {
			out[last].length = max(out[last].length, e.offset+e.length-out[last].offset)
			continue
		}
		out = append(out, e)
	}
	return out
}

// at returns a range of the window; nil if it is not whole.
func (f *elfFile) at(offset, length uint64) []byte {
	size := uint64(len(f.window))
	if offset > size || length > size-offset {
		return nil
	}
	return f.window[offset : offset+length]
}

// word reads an address or offset.
func (f *elfFile) word(data []byte) uint64 {
	if f.wide {
		return f.order.Uint64(data)
	}
	return uint64(f.order.Uint32(data))
}

func (f *elfFile) readSegments() {
	offset, size, count := f.word(f.window[28:]), uint64(32), f.order.Uint16(f.window[44:])
	if f.wide {
		offset, size, count = f.word(f.window[32:]), 56, f.order.Uint16(f.window[56:])
	}
	f.want(int64(offset), min(int64(count)*int64(size), elfTable))
	for i := range uint64(count) {
		entry := f.at(offset+i*size, size)
		if entry == nil {
			return
		}
		s := elfPart{kind: f.order.Uint32(entry), offset: f.word(entry[4:]), address: f.word(entry[8:]), size: f.word(entry[16:])}
		if f.wide {
			s.offset, s.address, s.size = f.word(entry[8:]), f.word(entry[16:]), f.word(entry[32:])
		}
		f.segments = append(f.segments, s)
		switch {
		case s.kind == ptInterp, s.kind == ptDynamic, s.kind == ptNote, s.kind == ptGNUProperty, s.kind >= ptProcessor && s.kind <= ptProcessorEnd:
			f.want(int64(s.offset), int64(min(s.size, elfTable)))
		}
	}
}

// readDynamic wants what the dynamic section names: strings and versions.
func (f *elfFile) readDynamic() {
	i := slices.IndexFunc(f.segments, func(s elfPart) bool { return s.kind == ptDynamic })
	if i < 0 {
		return
	}
	values, names := f.dynamicValues(f.segments[i])
	for _, tag := range []uint64{dtVerdef, dtVerneed} {
		if offset, ok := f.offsetOf(values[tag]); ok && values[tag] != 0 {
			f.want(int64(offset), elfTable/4)
		}
	}
	strings, ok := f.offsetOf(values[dtStrTab])
	switch {
	case !ok:
	case values[dtStrSize] <= elfTable:
		f.want(int64(strings), int64(values[dtStrSize]))
	default:
		for _, name := range names {
			f.want(int64(strings+name), elfNames)
		}
	}
}

// dynamicValues returns the values of tags, and the places of the names in the table of strings.
func (f *elfFile) dynamicValues(s elfPart) (values map[uint64]uint64, names []uint64) {
	values = map[uint64]uint64{}
	width := uint64(4)
	if f.wide {
		width = 8
	}
	for at := uint64(0); at+2*width <= min(s.size, elfTable); at += 2 * width {
		entry := f.at(s.offset+at, 2*width)
		if entry == nil || f.word(entry) == 0 {
			break
		}
		tag, value := f.word(entry), f.word(entry[width:])
		switch tag {
		case dtNeeded, dtSoname, dtRPath, dtRunPath:
			if len(names) < elfMaxNeeded {
				names = append(names, value)
			}
		case dtStrTab, dtStrSize, dtVerdef, dtVerneed:
			values[tag] = value
		}
	}
	return values, names
}

// offsetOf finds in the file what is loaded at an address.
func (f *elfFile) offsetOf(address uint64) (offset uint64, ok bool) {
	for _, s := range f.segments {
		if s.kind == ptLoad && address >= s.address && address-s.address < s.size {
			return s.offset + (address - s.address), true
		}
	}
	return 0, false
}

// readSections wants the section headers, their names, and the sections that no program header names.
func (f *elfFile) readSections() {
	offset, size, count, names := f.word(f.window[32:]), uint64(40), f.order.Uint16(f.window[48:]), f.order.Uint16(f.window[50:])
	if f.wide {
		offset, size, count, names = f.word(f.window[40:]), 64, f.order.Uint16(f.window[60:]), f.order.Uint16(f.window[62:])
	}
	length := min(int64(count)*int64(size), elfTable)
	f.want(int64(offset), length)
	if uint64(len(f.window)) < offset {
		f.want(int64(offset)-elfTail, elfTail)
	}
	var sections []elfPart
	for i := range uint64(count) {
		entry := f.at(offset+i*size, size)
		if entry == nil {
			break
		}
		s := elfPart{name: f.order.Uint32(entry), kind: f.order.Uint32(entry[4:]), offset: f.word(entry[16:]), size: f.word(entry[20:])}
		if f.wide {
			s.offset, s.size = f.word(entry[24:]), f.word(entry[32:])
		}
		sections = append(sections, s)
	}
	f.wantSections(sections, int(names))
}

func (f *elfFile) wantSections(sections []elfPart, names int) {
	var table []byte
	if names < len(sections) {
		f.want(int64(sections[names].offset), int64(min(sections[names].size, elfTable)))
		table = f.at(sections[names].offset, min(sections[names].size, elfTable))
	}
	for _, s := range sections {
		switch {
		case s.kind == shtNote, s.kind == shtGNUVerdef, s.kind == shtGNUVerneed, s.kind >= shtProcessor && s.kind <= shtProcessorEnd:
			f.want(int64(s.offset), int64(min(s.size, elfTable)))
		case uint64(s.name) < uint64(len(table)) && bytes.HasPrefix(table[s.name:], []byte(".go.buildinfo\x00")):
			f.want(int64(s.offset), int64(min(s.size, elfGoInfo)))
		}
	}
}
