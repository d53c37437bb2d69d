package layers

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
)

// slabSize is how much is compressed at once. Files that lie next to each other in a layer are asked for one after the other.
const slabSize = 256 << 10

// cachedSlabs is how many slabs are kept as they are after they were read.
const cachedSlabs = 4

// store keeps parts of files in memory, compressed. Everything in a store is freed together.
type store struct {
	limit int64
	used  *atomic.Int64 // by all stores that share the limit
	mine  atomic.Int64

	encoder *zstd.Encoder
	decoder *zstd.Decoder

	mu    sync.Mutex
	slabs [][]byte
	cache []slab // newest last
}

type slab struct {
	index int
	data  []byte
}

// span is a part of a file that was kept: length bytes from offset are at a place in a slab.
type span struct {
	offset int64
	length int32
	place  int32
	slab   int32
}

// newStore makes a store that shares used with others.
func newStore(limit int64, used *atomic.Int64) (*store, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, fmt.Errorf("compression of what is kept: %w", err)
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, fmt.Errorf("compression of what is kept: %w", err)
	}
	return &store{limit: limit, used: used, encoder: encoder, decoder: decoder}, nil
}

// close frees what is kept.
func (s *store) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used.Add(-s.mine.Swap(0))
	s.slabs, s.cache = nil, nil
	s.decoder.Close()
}

// weight is how much it matters that something is kept.
type weight int

const (
	light weight = iota // may fill half of the store
	heavy               // may fill three quarters
	vital               // the beginning of what may be started: it is asked for in every image
)

// room reports whether there is room for more.
func (s *store) room(w weight) bool {
	return s.used.Load() < s.limit/4*int64(w+2)
}

// pen writes into a store, from one goroutine. Several pens do not mix what they write.
type pen struct {
	store *store
	index int
	data  []byte
}

// put keeps data, which begins at an offset of its file. ok is false if there is no room.
func (p *pen) put(offset int64, data []byte, w weight) (s span, ok bool) {
	if !p.store.room(w) {
		return span{}, false
	}
	if len(p.data)+len(data) > slabSize {
		p.flush()
	}
	if len(p.data) == 0 {
		p.index = p.store.reserve()
	}
	s = span{offset: offset, length: int32(len(data)), place: int32(len(p.data)), slab: int32(p.index)}
	p.data = append(p.data, data...)
	return s, true
}

// flush hands over what was written; it can be read from then on.
func (p *pen) flush() {
	if len(p.data) > 0 {
		p.store.fill(p.index, p.store.encoder.EncodeAll(p.data, nil))
		p.data = p.data[:0]
	}
}

func (s *store) reserve() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slabs = append(s.slabs, nil)
	return len(s.slabs) - 1
}

func (s *store) fill(index int, compressed []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slabs[index] = slices.Clip(compressed)
	s.mine.Add(int64(len(compressed)))
	s.used.Add(int64(len(compressed)))
}

// read returns length bytes from offset, if one span holds them all.
func (s *store) read(spans []span, offset, length int64) (data []byte, ok bool, err error) {
	for _, at := range spans {
		if offset < at.offset || offset+length > at.offset+int64(at.length) {
			continue
		}
		whole, err := s.slab(int(at.slab))
		if err != nil {
			return nil, false, err
		}
		return slices.Clone(whole[at.place:][offset-at.offset:][:length]), true, nil
	}
	return nil, false, nil
}

func (s *store) slab(index int) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, known := range s.cache {
		if known.index == index {
			return known.data, nil
		}
	}
	data, err := s.decoder.DecodeAll(s.slabs[index], nil)
	if err != nil {
		return nil, fmt.Errorf("what was kept of the image: %w", err)
	}
	if len(s.cache) == cachedSlabs {
		s.cache = slices.Delete(s.cache, 0, 1)
	}
	s.cache = append(s.cache, slab{index, data})
	return data, nil
}
