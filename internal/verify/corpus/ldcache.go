package corpus

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// Cache is /etc/ld.so.cache with these paths, in the byte order of the architecture.
func Cache(arch string, paths ...string) []byte {
	var order binary.AppendByteOrder = binary.LittleEndian
	if Archs[arch].Big {
		order = binary.BigEndian
	}
	var texts, entries []byte
	base := uint32(48 + 24*len(paths))
	for _, p := range paths {
		value := base + uint32(len(texts))
		texts = append(texts, p+"\x00"...)
		key := value + uint32(strings.LastIndexByte(p, '/')) + 1
		entries = order.AppendUint32(entries, 0x303)
		entries = order.AppendUint32(entries, key)
		entries = order.AppendUint32(entries, value)
		entries = append(entries, make([]byte, 12)...)
	}
	out := []byte("glibc-ld.so.cache1.1")
	out = order.AppendUint32(out, uint32(len(paths)))
	out = order.AppendUint32(out, uint32(len(texts)))
	out = append(out, make([]byte, 48-len(out))...)
	return bytes.Join([][]byte{out, entries, texts}, nil)
}
