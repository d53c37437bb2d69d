package verify

import "math/bits"

// A property of GNU programs in a note (the Linux extensions to gABI, and the x86-64 psABI, "Program property").
const (
	noteGNUProperty = 5
	x86ISANeeded    = 0xc0008002
	maxNotes        = 16 // segments; programs have two or three
)

// x86Level returns the micro-architecture level that the program was marked to need; 0 if it has no mark. glibc
// refuses to start what is above the processor. The mark is rare: -march alone does not set it.
func (r *detailReader) x86Level() int {
	notes := 0
	for _, s := range r.segments {
		if s.kind != ptGNUProperty && s.kind != ptNote || notes == maxNotes {
			continue
		}
		notes++
		if level := r.levelInNotes(r.upTo(s.offset, s.size), s.align); level > 0 {
			return level
		}
	}
	return 0
}

func (r *detailReader) levelInNotes(notes []byte, align uint64) int {
	if align != 8 {
		align = 4
	}
	for len(notes) >= 12 {
		nameSize, size := uint64(r.header.order.Uint32(notes)), uint64(r.header.order.Uint32(notes[4:]))
		kind := r.header.order.Uint32(notes[8:])
		begin := roundUp(12+nameSize, align)
		end := begin + size
		if end > uint64(len(notes)) {
			return 0
		}
		if kind == noteGNUProperty && string(notes[12:12+nameSize]) == "GNU\x00" {
			return r.levelInProperties(notes[begin:end])
		}
		notes = notes[min(roundUp(end, align), uint64(len(notes))):]
	}
	return 0
}

func (r *detailReader) levelInProperties(list []byte) int {
	for len(list) >= 8 {
		kind, size := r.header.order.Uint32(list), uint64(r.header.order.Uint32(list[4:]))
		if size > uint64(len(list)-8) {
			return 0
		}
		if kind == x86ISANeeded && size >= 4 {
			return min(bits.Len32(r.header.order.Uint32(list[8:])), 4)
		}
		list = list[min(8+roundUp(size, uint64(r.wordSize())), uint64(len(list))):]
	}
	return 0
}

func roundUp(n, to uint64) uint64 { return (n + to - 1) / to * to }
