package layers

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/org/multiarch-action/internal/fingerprint"
)

// What is kept of files that are not ELF. The first bytes of every file are as many as the kernel reads to tell a program
// (BINPRM_BUF_SIZE).
const (
	keptHead   = 256
	keptScript = 64 << 10 // of scripts and of files with an execute bit
	keptConfig = 8 << 20  // of files below /etc: ld.so.cache is the largest that is read
	keptLoader = 4 << 20  // of dynamic loaders, whose search paths are among their strings
)

// windowSize is how much of a file is in memory at once while it passes by. Where things are in an ELF file is written at both
// of its ends; within the window everything is found, behind it what the header names.
const windowSize = 4 << 20

// longestContent is how much of one file is read. Sparse files can be of any size.
const longestContent = 16 << 30

var windows = sync.Pool{New: func() any { return new([windowSize]byte) }}

// keeper decides what is kept of the files of one layer.
type keeper struct {
	image  *image
	pen    pen
	window *[windowSize]byte
}

func newKeeper(im *image) *keeper {
	return &keeper{image: im, pen: pen{store: im.store}, window: windows.Get().(*[windowSize]byte)}
}

func (k *keeper) close() {
	k.pen.flush()
	windows.Put(k.window)
}

// keep reads what is needed of a file and keeps it. Where there is no room it keeps nothing, and what is asked for later is
// read again.
func (k *keeper) keep(name string, n *node, content io.Reader) ([]span, error) {
	r := &charged{image: k.image, r: io.LimitReader(content, longestContent)}
	head, err := r.fill(k.window[:min(n.size, keptHead)])
	if err != nil {
		return nil, err
	}
	if isELF(head) && len(head) >= 52 {
		return k.elf(name, n, r, len(head))
	}
	want := k.wanted(name, n, head)
	whole, err := r.fill(k.window[len(head):max(int64(len(head)), min(want, windowSize))])
	if err != nil {
		return nil, err
	}
	p := pieces{{0, k.window[:len(head)+len(whole)]}}
	if want > windowSize {
		rest, err := r.fill(make([]byte, want-windowSize))
		if err != nil {
			return nil, err
		}
		p = pieces{{0, slices.Concat(k.window[:], rest)}}
	}
	w := light
	if want > keptHead {
		w = heavy
	}
	return k.put(p, w, n.mode&0o111 != 0 || isLibrary(name)), nil
}

// wanted is how much to keep of a file that is not ELF.
func (k *keeper) wanted(name string, n *node, head []byte) int64 {
	want := int64(keptHead)
	switch {
	case strings.HasPrefix(name, "etc/") && n.size <= keptConfig:
		want = n.size
	case n.mode&0o111 != 0 || bytes.HasPrefix(head, []byte("#!")):
		want = keptScript
	}
	return min(want, n.size)
}

// elf keeps the parts of an ELF file that say what it is and needs.
func (k *keeper) elf(name string, n *node, r *charged, have int) ([]span, error) {
	more, err := r.fill(k.window[have:min(n.size, windowSize)])
	if err != nil {
		return nil, err
	}
	window := k.window[:have+len(more)]
	file := parseELF(window, n.size)
	if isLoader(name) && n.size <= keptLoader {
		file.want(0, n.size)
	}
	end := tail{size: n.size}
	end.add(0, window)
	if n.size > int64(len(window)) {
		file.want(n.size-fingerprint.Edge, fingerprint.Edge)
	}
	parts := pieces{}
	for _, want := range file.wanted() {
		if end := want.offset + want.length; end <= int64(len(window)) {
			parts = append(parts, piece{want.offset, window[want.offset:end]})
		}
	}
	spans := k.put(parts, heavy, true)
	behind, err := k.behind(file, r, int64(len(window)), &end)
	n.print = fingerprint.Of(window[:min(len(window), fingerprint.Edge)], end.data, n.size)
	return append(spans, behind...), err
}

// behind keeps what is wanted of a file's part behind the window, as it passes by.
func (k *keeper) behind(file *elfFile, r *charged, at int64, end *tail) ([]span, error) {
	var spans []span
	for _, want := range file.wanted() {
		if want.offset+want.length <= windowSize {
			continue
		}
		start := max(want.offset, at) // what begins in the window and ends behind it is read again if it is asked for
		if err := r.skip(start - at); err != nil {
			return spans, err
		}
		data, err := r.fill(make([]byte, max(0, want.offset+want.length-start)))
		if err != nil {
			return spans, err
		}
		end.add(start, data)
		at = start + int64(len(data))
		if len(data) > 0 {
			spans = append(spans, k.put(pieces{{start, data}}, heavy, false)...)
		}
	}
	return spans, nil
}

// tail collects the end of a file.
type tail struct {
	size int64 // of the file
	data []byte
}

// add takes what of data, which begins at an offset of the file, belongs to its end.
func (t *tail) add(offset int64, data []byte) {
	begin := max(0, t.size-fingerprint.Edge) - offset
	if begin < int64(len(data)) {
		t.data = append(t.data, data[max(0, begin):]...)
	}
}

// pieces are parts of one file.
type pieces []piece

type piece struct {
	offset int64
	data   []byte
}

// put keeps parts of a file for as long as there is room, and where there is none any more at least the head of what may be started.
func (k *keeper) put(parts pieces, w weight, starts bool) []span {
	var spans []span
	for _, part := range parts {
		s, ok := k.pen.put(part.offset, part.data, w)
		if !ok && starts && part.offset == 0 {
			s, ok = k.pen.put(0, part.data[:min(len(part.data), keptHead)], vital)
		}
		if ok && len(part.data) > 0 {
			spans = append(spans, s)
		}
	}
	return slices.Clip(spans)
}

// isLoader knows dynamic loaders by their names: ld-linux-x86-64.so.2, ld-2.31.so, ld64.so.1, ld-musl-aarch64.so.1, and musl's
// library that is its loader.
func isLoader(name string) bool {
	base := path.Base(name)
	return strings.HasPrefix(base, "ld") && strings.Contains(base, ".so") || base == "libc.so"
}

// isLibrary knows what may be loaded as a library by its name; scripts of linkers have such names, too.
func isLibrary(name string) bool {
	base := path.Base(name)
	return strings.HasSuffix(base, ".so") || strings.Contains(base, ".so.") || strings.HasSuffix(base, ".node")
}

// charged is the content of one file. What is read of it counts, since holes of sparse files cost nothing to store.
type charged struct {
	image *image
	r     io.Reader
}

// fill reads as much as there is, and fits.
func (c *charged) fill(buffer []byte) ([]byte, error) {
	n, err := io.ReadFull(c.r, buffer)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil // a tar file that ends here is found out at its next entry
	}
	return buffer[:n], cmp.Or(c.image.charge(int64(n)), err)
}

func (c *charged) skip(n int64) error {
	const step = 64 << 20 // so that limits are looked at on the way
	for n > 0 {
		skipped, err := io.CopyN(io.Discard, c.r, min(n, step))
		if limit := c.image.charge(skipped); limit != nil {
			return limit
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		n -= skipped
	}
	return nil
}
