package verify

import (
	"context"
	"encoding/binary"
)

// How much of a program's code is looked at, from where it starts: the start-up code, then what was linked behind it.
const (
	armCodeSize    = 64 << 10 // bytes
	leastARMCode   = 512      // instructions that tell something
	leastConstants = 8        // of those, loads of constants from beside the code
	mostWide       = 1000     // of so many instructions at most one is a movw or movt
)

// partlyNewer is what is said of such a program.
const partlyNewer = "the program dies in a part of it on older processors, unless that part is chosen when it runs, as those for cryptography are: the code with which it begins is for older ones"

// startsOlder reports whether a statically linked program surely was built for an ARM before ARMv7, whatever its attributes say. A linker
// makes the attributes of a program from those of all its parts, the newest of each: one file of assembler that chooses its code when it
// runs, as those for cryptography do, makes all of the program an ARMv7 one. The code itself tells: Debian's and others' for ARMv7 begins
// in Thumb, and compilers for ARMv7 make constants with movw and movt (ARMv6T2 and newer), where those for older ones load them.
func (r *run) startsOlder(ctx context.Context, at place, file content) (bool, error) {
	d := detailReader{size: uint64(at.file.Size), read: r.reader(ctx, at)}
	var err error
	if d.header, err = parseHeader(file.head); err != nil || d.header.wide {
		return false, nil //nolint:nilerr // readELF reports it
	}
	d.loadSegments(file.head)
	start := uint64(d.header.order.Uint32(file.head[24:])) // e_entry, whose lowest bit says Thumb
	offset, loaded := d.offsetOf(start)
	if _, isDynamic := d.first(ptInterp); isDynamic || !loaded || start&1 != 0 {
		return false, d.err
	}
	return isOlderCode(d.upTo(offset, armCodeSize), d.header.order), d.err
}

// isOlderCode judges instructions in ARM's own encoding (ARM Architecture Reference Manual, A5.1).
func isOlderCode(code []byte, order binary.ByteOrder) bool {
	count, wide, constants := len(code)/4, 0, 0
	for ; len(code) >= 4; code = code[4:] {
		switch word := order.Uint32(code); {
		case word&0xffb00000 == 0xe3000000: // movw, movt; always executed, so that data is not taken for it
			wide++
		case word&0xff7f0000 == 0xe51f0000: // ldr of a constant near the code
			constants++
		}
	}
	return count >= leastARMCode && constants >= leastConstants && wide <= count/mostWide
}
