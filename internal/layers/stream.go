package layers

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	_ "crypto/sha256" // digests that images may have
	_ "crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
)

// bufferSize is how much is read, unpacked and hashed at once.
const bufferSize = 128 << 10

// visitor is called for each entry of a layer's tar file, in its order. What it leaves of the content is skipped.
type visitor func(h *tar.Header, content io.Reader) error

// stream reads a layer to its very end: every compressed byte is hashed, and so is every byte of the tar file with what
// follows its end. A *sourceError is about the way here, every other error about the layer.
func (im *image) stream(ctx context.Context, i int, visit visitor) error {
	layer := im.layers[i]
	raw, err := layer.Open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = raw.Close() }() // only read
	packed, err := newPacked(ctx, layer, raw, im.reader.progress)
	if err != nil {
		return err
	}
	unpacked := &unpacked{image: im, packed: packed}
	err = im.unpack(i, unpacked, visit)
	if err := packed.finish(layer, err); err != nil {
		return err
	}
	if found := sum(layer.DiffID, unpacked.hash); found != layer.DiffID {
		return &BadLayerError{Defect: BadDiffID, Expected: "a tar file with the digest " + string(layer.DiffID), Found: string(found)}
	}
	return nil
}

// unpack decompresses and walks the tar file.
func (im *image) unpack(i int, u *unpacked, visit visitor) error {
	buffer := bufio.NewReaderSize(u.packed, bufferSize)
	plain, closePlain, err := im.decompress(i, buffer)
	if err != nil {
		return err
	}
	defer closePlain()
	if u.hash, err = hasher(im.layers[i].DiffID); err != nil {
		return err
	}
	u.r = plain
	whole := bufio.NewReaderSize(u, bufferSize)
	if err := walkTar(whole, visit); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, whole)
	if errors.Is(err, gzip.ErrHeader) {
		im.collect.add(Note{Kind: NoteTrailing, Layer: i, Text: "bytes that are not gzip follow the end of the compressed data"})
		err = nil
	}
	return asContent("its end", err)
}

func walkTar(r io.Reader, visit visitor) error {
	entries := tar.NewReader(r)
	for {
		h, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		insecure := h != nil && errors.Is(err, tar.ErrInsecurePath) // paths are made safe here
		if err != nil && !insecure {
			return asContent("its tar file", err)
		}
		if err := visit(h, entries); err != nil {
			return asContent("a file in it", err)
		}
	}
}

// asContent makes an error of unpacking one about the layer, unless it is about something else already.
func asContent(what string, err error) error {
	var bad *BadLayerError
	var limit *LimitError
	if err == nil || errors.As(err, &bad) || errors.As(err, &limit) {
		return err
	}
	return badContent("data that cannot be unpacked (%s: %v)", what, err)
}

// packed is a layer as it was stored: hashed, counted, and no longer than it should be.
type packed struct {
	ctx      context.Context // a Reader has no other way to be cancelled
	r        io.Reader
	progress func(int)
	hash     hash.Hash // nil: the digest is not known
	size     int64     // negative: not known
	n        int64
	err      error // of the source
	over     bool  // there is more than there should be
}

func newPacked(ctx context.Context, layer Layer, r io.Reader, progress func(int)) (*packed, error) {
	sum, err := hasher(layer.Digest)
	if err != nil {
		return nil, err
	}
	return &packed{ctx: ctx, r: r, progress: progress, hash: sum, size: layer.Size}, nil
}

// hasher returns what computes a digest; nil for none.
func hasher(d digest.Digest) (hash.Hash, error) {
	if d == "" {
		return nil, nil
	}
	if err := d.Validate(); err != nil {
		return nil, &BadLayerError{Defect: BadDigest, Expected: "a digest such as sha256:…", Found: shown(string(d))}
	}
	return d.Algorithm().Hash(), nil
}

// sum is the digest of what was hashed, in the algorithm of the one that is expected.
func sum(expected digest.Digest, h hash.Hash) digest.Digest {
	if h == nil {
		return expected
	}
	return digest.NewDigest(expected.Algorithm(), h)
}

var errTooLong = errors.New("more bytes than the manifest says")

// Read gives bytes that were hashed.
func (p *packed) Read(buffer []byte) (int, error) {
	if p.err = p.cause(); p.err != nil {
		return 0, p.err
	}
	if p.over {
		return 0, errTooLong
	}
	n, err := p.r.Read(buffer)
	if p.size >= 0 && int64(n) > p.size-p.n {
		n, p.over, err = int(p.size-p.n), true, nil
	}
	p.n += int64(n)
	p.progress(n)
	if p.hash != nil {
		_, _ = p.hash.Write(buffer[:n]) // never fails
	}
	if err != nil && !errors.Is(err, io.EOF) {
		p.err = err
	}
	return n, err
}

func (p *packed) cause() error {
	if p.err == nil && p.ctx.Err() != nil {
		return context.Cause(p.ctx)
	}
	return p.err
}

// finish reads what is left and says what is wrong with the layer, the deepest cause first: a layer whose bytes are others
// than those that were pushed cannot be expected to be unpacked. unpacking is what went wrong until here.
func (p *packed) finish(layer Layer, unpacking error) error {
	var limit *LimitError
	if p.err == nil && errors.As(unpacking, &limit) {
		return unpacking // whatever it is, it is not read further
	}
	if p.err == nil {
		_, _ = io.Copy(io.Discard, p) // its error is in p
	}
	found := sum(layer.Digest, p.hash)
	switch {
	case p.err != nil:
		return &sourceError{p.err}
	case p.over:
		return &BadLayerError{Defect: BadSize, Expected: fmt.Sprintf("%d bytes", p.size), Found: "more"}
	case p.size >= 0 && p.n < p.size:
		return &BadLayerError{Defect: BadSize, Expected: fmt.Sprintf("%d bytes", p.size), Found: fmt.Sprintf("%d bytes", p.n)}
	case found != layer.Digest:
		return &BadLayerError{Defect: BadDigest, Expected: string(layer.Digest), Found: string(found)}
	}
	return unpacking
}

// sourceError is an error of the place that layers are read from, while they are.
type sourceError struct{ err error }

// Error gives the cause.
func (e *sourceError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *sourceError) Unwrap() error { return e.err }

// unpacked is a layer's tar file: hashed, counted and within limits.
type unpacked struct {
	image  *image
	packed *packed
	r      io.Reader
	hash   hash.Hash
	n      int64
}

// Read gives bytes that were hashed, and stops at the limits.
func (u *unpacked) Read(buffer []byte) (int, error) {
	n, err := u.r.Read(buffer)
	u.n += int64(n)
	if u.hash != nil {
		_, _ = u.hash.Write(buffer[:n]) // never fails
	}
	if limit := u.image.charge(int64(n)); limit != nil {
		return n, limit
	}
	limits := u.image.reader.limits
	if u.n > limits.RatioAfter && u.n/limits.Ratio > u.packed.n {
		return n, &LimitError{Limit: LimitRatio, Max: limits.Ratio}
	}
	return n, err
}

// charge counts bytes that had to be produced.
func (im *image) charge(n int64) error {
	if limit := im.reader.limits.Uncompressed; im.unpacked.Add(n) > limit {
		return &LimitError{Limit: LimitUncompressed, Max: limit}
	}
	return nil
}

// decompress goes by the first bytes: clients do so too, and media types are often wrong.
func (im *image) decompress(i int, r *bufio.Reader) (plain io.Reader, closePlain func(), err error) {
	head, _ := r.Peek(4) // an error comes again when it is read
	nothing := func() {}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		im.noteCompression(i, "gzip")
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, nothing, badContent("a damaged gzip header (%v)", err)
		}
		return z, nothing, nil
	case isZstd(head):
		im.noteCompression(i, "zstd")
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(im.reader.limits.Window))
		if err != nil {
			return nil, nothing, badContent("a damaged zstd header (%v)", err)
		}
		return windowReader{z, im.reader.limits.Window}, z.Close, nil
	}
	if len(head) > 0 {
		im.noteCompression(i, "")
	}
	return r, nothing, nil
}

// isZstd knows a frame and a skippable frame (RFC 8878, 3.1).
func isZstd(head []byte) bool {
	return bytes.Equal(head, []byte{0x28, 0xb5, 0x2f, 0xfd}) || len(head) == 4 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:], []byte{0x2a, 0x4d, 0x18})
}

// noteCompression compares the compression that is there with the one that the media type names.
func (im *image) noteCompression(i int, found string) {
	media := im.layers[i].MediaType
	var named string
	switch {
	case media == "":
		return
	case strings.HasSuffix(media, "gzip"):
		named = "gzip"
	case strings.HasSuffix(media, "zstd"):
		named = "zstd"
	}
	if named != found {
		text := func(name string) string { return strings.TrimSpace(name + " tar") }
		im.collect.add(Note{Kind: NoteMediaType, Layer: i, Text: fmt.Sprintf("the media type %s is for a %s file, and it is a %s file", shown(media), text(named), text(found))})
	}
}

// windowReader tells a window that is too large from damaged data.
type windowReader struct {
	*zstd.Decoder
	max uint64
}

// Read reads uncompressed bytes.
func (w windowReader) Read(buffer []byte) (int, error) {
	n, err := w.Decoder.Read(buffer)
	if errors.Is(err, zstd.ErrWindowSizeExceeded) || errors.Is(err, zstd.ErrDecoderSizeExceeded) {
		err = &LimitError{Limit: LimitWindow, Max: int64(w.max)}
	}
	return n, err
}
