package verify

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// maxGoInfo bounds the build information that is read; it names every module of a program.
const maxGoInfo = 1 << 20

// What cmd/link writes in front of the build information (debug/buildinfo in Go's standard library), since Go 1.18.
const (
	goInfoMagic    = "\xff Go buildinf:"
	goInfoSize     = 32
	goInfoInline   = 2
	goInfoSentinel = 16 // bytes in front of the module text and behind it
)

// goInfo returns the settings that a Go program was built with; nil if it is none, or does not tell. The package
// debug/buildinfo is not used because it reads the whole file through debug/elf, which is not made for hostile input.
func (r *detailReader) goInfo() map[string]string {
	offset, size, ok := r.goInfoSection()
	if !ok {
		return nil
	}
	var data []byte
	for end := min(size, maxGoInfo); uint64(len(data)) < end; {
		next := r.upTo(offset+uint64(len(data)), end-uint64(len(data)))
		if len(next) == 0 {
			break
		}
		data = append(data, next...)
	}
	return parseGoInfo(data)
}

// goInfoSection finds the section by its name.
func (r *detailReader) goInfoSection() (offset, size uint64, ok bool) {
	if r.names >= len(r.sections) {
		return 0, 0, false
	}
	text := r.piece(r.sections[r.names].offset, r.sections[r.names].size)
	at := bytes.Index(text, []byte("\x00.go.buildinfo\x00"))
	for _, s := range r.sections {
		if at >= 0 && uint64(s.name) == uint64(at)+1 {
			return s.offset, s.size, true
		}
	}
	return 0, 0, false
}

// parseGoInfo reads the settings of a section of build information.
func parseGoInfo(data []byte) map[string]string {
	if len(data) < goInfoSize || !bytes.HasPrefix(data, []byte(goInfoMagic)) || data[15]&goInfoInline == 0 {
		return nil
	}
	_, rest := lengthAndText(data[goInfoSize:]) // the version of Go
	modules, _ := lengthAndText(rest)
	if len(modules) < 2*goInfoSentinel {
		return nil
	}
	settings := map[string]string{}
	for line := range strings.Lines(string(modules[goInfoSentinel : len(modules)-goInfoSentinel])) {
		setting, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "build\t")
		if name, value, found := strings.Cut(setting, "="); ok && found {
			settings[name] = value
		}
	}
	return settings
}

// lengthAndText takes a text behind its length.
func lengthAndText(data []byte) (text, rest []byte) {
	length, n := binary.Uvarint(data)
	if n <= 0 || length > uint64(len(data)-n) {
		return nil, nil
	}
	return data[n:][:length], data[n:][length:]
}
