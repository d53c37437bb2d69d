package corpus

import (
	"maps"
	"slices"
)

// dynamic makes the dynamic section and its texts.
func (b *builder) dynamic() {
	texts := []byte{0}
	at := func(text string) uint64 {
		texts = append(texts, text+"\x00"...)
		return uint64(len(texts) - len(text) - 1)
	}
	var table []byte
	for _, name := range b.elf.Needed {
		table = b.word(table, 1, at(name))
	}
	for _, entry := range []struct {
		tag  uint64
		text string
	}{{14, b.elf.Soname}, {15, b.elf.RPath}, {29, b.elf.RunPath}} {
		if entry.text != "" {
			table = b.word(table, entry.tag, at(entry.text))
		}
	}
	needs, needCount := b.versionNeeds(at)
	defines := b.versionDefines(at)
	for _, versions := range []struct {
		data       []byte
		tag, count uint64
	}{{needs, 0x6ffffffe, needCount}, {defines, 0x6ffffffc, uint64(len(b.elf.Defines))}} {
		if len(versions.data) > 0 {
			p := b.place(versions.data, 8)
			table = b.word(table, versions.tag, p.offset+b.base(), versions.tag+1, versions.count)
		}
	}
	p := b.place(texts, 8)
	table = b.word(table, 5, p.offset+b.base(), 10, p.size, 0, 0)
	p = b.place(table, 8)
	p.kind = 2
	b.segments = append(b.segments, p)
}

// versionNeeds is the table of needed versions; at keeps texts.
func (b *builder) versionNeeds(at func(string) uint64) (table []byte, count uint64) {
	for i, file := range slices.Sorted(maps.Keys(b.elf.Versions)) {
		names := b.elf.Versions[file]
		next := uint32(16 + 16*len(names))
		if i == len(b.elf.Versions)-1 {
			next = 0
		}
		table = b.halves(table, 1, uint64(len(names)))
		for _, v := range []uint32{uint32(at(file)), 16, next} {
			table = b.order.AppendUint32(table, v)
		}
		for j, name := range names {
			next := uint32(16)
			if j == len(names)-1 {
				next = 0
			}
			table = b.order.AppendUint32(table, 0)
			table = b.halves(table, 0, uint64(j+2))
			table = b.order.AppendUint32(table, uint32(at(name)))
			table = b.order.AppendUint32(table, next)
		}
		count++
	}
	return table, count
}

// versionDefines is the table of defined versions, each with its name behind it.
func (b *builder) versionDefines(at func(string) uint64) (table []byte) {
	for i, name := range b.elf.Defines {
		next := uint32(28)
		if i == len(b.elf.Defines)-1 {
			next = 0
		}
		table = b.halves(table, 1, 0, uint64(i+1), 1)
		for _, v := range []uint32{0, 20, next, uint32(at(name)), 0} {
			table = b.order.AppendUint32(table, v)
		}
	}
	return table
}
