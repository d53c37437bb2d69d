package verify

import (
	"bytes"
	"strings"
)

// Bounds of what is read beside the program headers. No program of a Debian or Alpine system comes near any of them.
const (
	maxPiece     = 64 << 10 // of one read
	maxLibraries = 1024     // names in one file
	maxName      = 4096     // of a library, and of a list of folders
)

// Tags of the dynamic section and kinds of segments (System V ABI, chapter 5; glibc's elf.h).
const (
	dtNeeded, dtStringTable, dtStringSize, dtSoname, dtRpath, dtRunpath, dtFlags1 = 1, 5, 10, 14, 15, 29, 0x6ffffffb

	ptDynamic, ptNote, ptGNUProperty = 2, 4, 0x6474e553

	df1NoDefaultFolders = 0x800
)

// details are what an ELF file says about the libraries and the processor that it needs. What is absent or damaged is
// left empty: it is no finding that a file does not say it.
type details struct {
	soname    string
	needed    []string            // names of libraries, in their order
	rpath     []string            // folders, DT_RPATH
	runpath   []string            // folders, DT_RUNPATH
	noDefault bool                // it must not be searched in the loader's own folders
	versions  map[string][]string // of symbols that are needed, by library
	defined   []string            // versions of symbols that it has
	x86Level  int                 // least x86-64-vN that it needs; 0 if it does not say
	arm       armAttributes
	goInfo    map[string]string // build settings of a Go program, such as GOARM
}

// detailReader reads the parts of one ELF file.
type detailReader struct {
	header   header
	size     uint64
	read     rangeReader
	segments []segment
	sections []section
	names    int   // the section that holds the names of all
	err      error // of reading; the file itself is never an error here
}

// readDetails reads what readELF left out. An error means that the file could not be read.
func readDetails(head []byte, size int64, read rangeReader) (details, error) {
	var d details
	h, err := parseHeader(head)
	if err != nil || h.program.kind != etExec && h.program.kind != etDyn {
		return d, nil //nolint:nilerr // readELF reports it
	}
	r := &detailReader{header: h, size: uint64(size), read: read}
	r.loadSegments(head)
	r.loadSections(head)
	r.dynamic(&d)
	if h.program.machine.number == emX8664 {
		d.x86Level = r.x86Level()
	}
	if h.program.machine.number == emARM {
		d.arm = r.armAttributes()
	}
	d.goInfo = r.goInfo()
	return d, r.err
}

// piece reads part of the file; it is empty if the file has no such part, or not all of it.
func (r *detailReader) piece(offset, size uint64) []byte {
	if r.err != nil || size == 0 || size > maxPiece || offset > r.size || size > r.size-offset {
		return nil
	}
	data, err := r.read(int64(offset), int64(size))
	if err != nil {
		r.err = err
		return nil
	}
	if uint64(len(data)) != size {
		return nil
	}
	return data
}

// upTo reads at most size bytes, fewer at the end of the file.
func (r *detailReader) upTo(offset, size uint64) []byte {
	if offset >= r.size {
		return nil
	}
	return r.piece(offset, min(size, maxPiece, r.size-offset))
}

func (r *detailReader) loadSegments(head []byte) {
	table, err := r.header.segmentTable(head, int64(r.size), func(offset, length int64) ([]byte, error) {
		return r.piece(uint64(offset), uint64(length)), nil
	})
	if err != nil {
		return // readELF reports it
	}
	for size := r.header.entrySize(); len(table) >= size; table = table[size:] {
		r.segments = append(r.segments, r.header.segment(table))
	}
}

// first returns the first segment of a kind.
func (r *detailReader) first(kind uint32) (segment, bool) {
	for _, s := range r.segments {
		if s.kind == kind {
			return s, true
		}
	}
	return segment{}, false
}

// offsetOf finds where in the file an address of memory is.
func (r *detailReader) offsetOf(address uint64) (offset uint64, ok bool) {
	for _, s := range r.segments {
		if s.kind == ptLoad && address >= s.address && address-s.address < s.size {
			return s.offset + (address - s.address), true
		}
	}
	return 0, false
}

// dynamic reads the dynamic section by its program header, as loaders do: files without section headers have it too.
func (r *detailReader) dynamic(d *details) {
	s, ok := r.first(ptDynamic)
	if !ok {
		return
	}
	values := map[uint64]uint64{}
	var needed []uint64
	table := r.upTo(s.offset, s.size)
	for size := r.wordSize() * 2; len(table) >= size; table = table[size:] {
		tag, value := r.word(table), r.word(table[r.wordSize():])
		if tag == 0 {
			break
		}
		if tag == dtNeeded && len(needed) < maxLibraries {
			needed = append(needed, value)
		}
		values[tag] = value
	}
	texts := r.textTable(values[dtStringTable], values[dtStringSize])
	for _, at := range needed {
		if name := texts(at); name != "" {
			d.needed = append(d.needed, name)
		}
	}
	d.soname = texts(values[dtSoname])
	d.rpath, d.runpath = folderList(texts(values[dtRpath])), folderList(texts(values[dtRunpath]))
	d.noDefault = values[dtFlags1]&df1NoDefaultFolders != 0
	d.versions = r.neededVersions(values[dtVersionNeeded], values[dtVersionNeededCount], texts)
	d.defined = r.definedVersions(values[dtVersionDefined], values[dtVersionDefinedCount], texts)
}

// textTable returns how to read texts of a string table: all at once if it is small.
func (r *detailReader) textTable(address, size uint64) func(at uint64) string {
	offset, ok := r.offsetOf(address)
	if !ok {
		return func(uint64) string { return "" }
	}
	whole := r.piece(offset, size)
	return func(at uint64) string {
		if at == 0 || at >= size {
			return ""
		}
		var text []byte
		if whole != nil {
			text = whole[at:min(uint64(len(whole)), at+maxName)]
		} else {
			text = r.upTo(offset+at, min(maxName, size-at))
		}
		name, _, ended := bytes.Cut(text, []byte{0})
		if !ended {
			return ""
		}
		return string(name)
	}
}

// folderList splits a search path, whose elements are separated by colons.
func folderList(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ":")
}

func (r *detailReader) wordSize() int {
	if r.header.wide {
		return 8
	}
	return 4
}

// word reads an address or offset at the beginning of data.
func (r *detailReader) word(data []byte) uint64 {
	if r.header.wide {
		return r.header.order.Uint64(data)
	}
	return uint64(r.header.order.Uint32(data))
}

// section is one section header.
type section struct {
	name         uint32 // place in the names
	kind         uint32
	offset, size uint64
}

// loadSections reads the section headers: what ARM and Go write about a program has no program header.
func (r *detailReader) loadSections(head []byte) {
	offsetAt, sizeAt, entry := 32, 46, uint64(40)
	if r.header.wide {
		offsetAt, sizeAt, entry = 40, 58, 64
	}
	count := uint64(r.header.order.Uint16(head[sizeAt+2:]))
	r.names = int(r.header.order.Uint16(head[sizeAt+4:]))
	if uint64(r.header.order.Uint16(head[sizeAt:])) != entry {
		return
	}
	table := r.piece(r.word(head[offsetAt:]), count*entry)
	for ; uint64(len(table)) >= entry; table = table[entry:] {
		s := section{name: r.header.order.Uint32(table), kind: r.header.order.Uint32(table[4:])}
		places := table[16:]
		if r.header.wide {
			places = table[24:]
		}
		s.offset, s.size = r.word(places), r.word(places[r.wordSize():])
		r.sections = append(r.sections, s)
	}
}
