package verify

import (
	"bytes"
	"encoding/binary"
)

// Tags of ARM's build attributes, and the section that holds them ("Addenda to, and Errata in, the ABI for the Arm
// Architecture", IHI 0045).
const (
	sectionARMAttributes = 0x70000003

	tagFile, tagCPURawName, tagCPUName, tagCPUArch, tagProfile = 1, 4, 5, 6, 7
	tagThumbUse, tagFPArch, tagABIVFPArgs, tagCompatibility    = 9, 10, 28, 32
)

// armAttributes are what a 32-bit ARM program was built for.
type armAttributes struct {
	known     bool
	arch      uint64 // Tag_CPU_arch; the numbers are not in order of power
	profile   uint64 // 'A', 'R' or 'M'; 0 if unsaid
	thumb     uint64 // 2: Thumb-2
	fp        uint64 // Tag_FP_arch
	hardFloat bool   // arguments are passed in floating-point registers
}

func (r *detailReader) armAttributes() armAttributes {
	for _, s := range r.sections {
		if s.kind == sectionARMAttributes {
			return parseARMAttributes(r.upTo(s.offset, s.size), r.header.order)
		}
	}
	return armAttributes{}
}

// parseARMAttributes reads the attributes of the file as a whole. What is damaged ends the reading; what was read
// before counts.
func parseARMAttributes(data []byte, order binary.ByteOrder) armAttributes {
	var a armAttributes
	if len(data) == 0 || data[0] != 'A' {
		return a
	}
	for data = data[1:]; ; {
		part, rest, ok := sized(data, 0, order)
		if !ok {
			return a
		}
		if vendor, body, ok := bytes.Cut(part[4:], []byte{0}); ok && string(vendor) == "aeabi" {
			a.readScopes(body, order)
		}
		data = rest
	}
}

// sized takes a part that begins with its own length behind some bytes.
func sized(data []byte, behind int, order binary.ByteOrder) (part, rest []byte, ok bool) {
	if len(data) < behind+4 {
		return nil, nil, false
	}
	length := uint64(order.Uint32(data[behind:]))
	if length < uint64(behind+4) || length > uint64(len(data)) {
		return nil, nil, false
	}
	return data[:length], data[length:], true
}

// readScopes reads the attributes of the whole file; those of sections and symbols are skipped.
func (a *armAttributes) readScopes(data []byte, order binary.ByteOrder) {
	for {
		part, rest, ok := sized(data, 1, order)
		if !ok {
			return
		}
		if part[0] == tagFile {
			a.readPairs(part[5:])
		}
		data = rest
	}
}

func (a *armAttributes) readPairs(data []byte) {
	for len(data) > 0 {
		tag, n := binary.Uvarint(data)
		if n <= 0 {
			return
		}
		data = data[n:]
		var value uint64
		if tag == tagCompatibility || !isText(tag) {
			value, n = binary.Uvarint(data)
			if n <= 0 {
				return
			}
			data = data[n:]
			a.set(tag, value)
		}
		if tag == tagCompatibility || isText(tag) {
			_, rest, ok := bytes.Cut(data, []byte{0})
			if !ok {
				return
			}
			data = rest
		}
	}
}

// isText reports whether an attribute's value is a text: two of the old tags, and the odd ones above 32.
func isText(tag uint64) bool {
	return tag == tagCPURawName || tag == tagCPUName || tag > tagCompatibility && tag%2 == 1
}

func (a *armAttributes) set(tag, value uint64) {
	switch tag {
	case tagCPUArch:
		a.known, a.arch = true, value
	case tagProfile:
		a.profile = value
	case tagThumbUse:
		a.thumb = value
	case tagFPArch:
		a.fp = value
	case tagABIVFPArgs:
		a.hardFloat = value == 1
	}
}
