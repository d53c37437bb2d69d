package layers_test

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/org/multiarch-action/internal/layers"
)

// bomb is a layer of zeros: a file of that many MiB, packed.
func bomb(t testing.TB, mebibytes int, pack func([]byte) []byte) layers.Layer {
	t.Helper()
	plain := tarOf(t, file("zeros", strings.Repeat("\x00", mebibytes<<20)))
	return layerOf(pack(plain), plain)
}

func TestHostileLayersEndAtALimit(t *testing.T) {
	t.Parallel()
	inGzip := func(data []byte) []byte { return gzipped(t, data) }
	inZstd := func(data []byte) []byte { return zstandard(t, data) }
	wide := func(data []byte) []byte {
		var b bytes.Buffer // a stream, because a frame of known size asks for no more history than that
		w, err := zstd.NewWriter(&b, zstd.WithWindowSize(16<<20))
		if err != nil {
			t.Fatal(err)
		}
		for range 33 {
			if _, err := w.Write(data); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	many := make(entries, 0, 1001)
	for i := range 1001 {
		many = append(many, file(fmt.Sprintf("f%d", i), ""))
	}
	for name, test := range map[string]struct {
		layers []layers.Layer
		limits layers.Limits
		want   layers.LimitError
	}{
		"gzip bomb":           {[]layers.Layer{bomb(t, 8, inGzip)}, layers.Limits{RatioAfter: 1 << 20}, layers.LimitError{Limit: layers.LimitRatio, Max: 200}},
		"zstd bomb":           {[]layers.Layer{bomb(t, 8, inZstd)}, layers.Limits{RatioAfter: 1 << 20}, layers.LimitError{Limit: layers.LimitRatio, Max: 200}},
		"total of all layers": {[]layers.Layer{bomb(t, 1, inGzip), bomb(t, 1, inGzip), bomb(t, 1, inGzip)}, layers.Limits{Uncompressed: 2 << 20}, layers.LimitError{Limit: layers.LimitUncompressed, Max: 2 << 20}},
		"zstd window":         {[]layers.Layer{bomb(t, 1, wide)}, layers.Limits{Window: 8 << 20}, layers.LimitError{Limit: layers.LimitWindow, Max: 8 << 20}},
		"entries":             {stack(t, many), layers.Limits{Entries: 1000}, layers.LimitError{Limit: layers.LimitEntries, Max: 1000}},
		"entries of one name": {stack(t, entries{file("a", ""), file("a", ""), file("a", "")}), layers.Limits{Entries: 2}, layers.LimitError{Limit: layers.LimitEntries, Max: 2}},
		"path table":          {stack(t, many), layers.Limits{PathTable: 100 << 10}, layers.LimitError{Limit: layers.LimitPathTable, Max: 100 << 10}},
		"long path":           {stack(t, entries{file(strings.Repeat("a", 4097), "")}), layers.Limits{}, layers.LimitError{Limit: layers.LimitPathLength, Max: 4096}},
		"long link":           {stack(t, entries{link("a", strings.Repeat("a", 4097))}), layers.Limits{}, layers.LimitError{Limit: layers.LimitPathLength, Max: 4096}},
		"long hard link":      {stack(t, entries{hard("a", strings.Repeat("a", 4097))}), layers.Limits{}, layers.LimitError{Limit: layers.LimitPathLength, Max: 4096}},
		"deep path":           {stack(t, entries{file(strings.Repeat("a/", 256)+"a", "")}), layers.Limits{}, layers.LimitError{Limit: layers.LimitPathDepth, Max: 256}},
		"deep path by links":  {stack(t, entries{link("l", strings.Repeat("a/", 200)), file("l/"+strings.Repeat("b/", 100)+"c", "")}), layers.Limits{}, layers.LimitError{Limit: layers.LimitPathDepth, Max: 256}},
		"holes that are read": {[]layers.Layer{sparseELF(1 << 40)}, layers.Limits{Uncompressed: 1 << 30}, layers.LimitError{Limit: layers.LimitUncompressed, Max: 1 << 30}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := layers.NewReader(test.limits, nil).Read(t.Context(), test.layers)
			var got *layers.LimitError
			if !errors.As(err, &got) {
				t.Fatalf("got %v", err)
			}
			if !strings.HasPrefix(got.Layer, "layer ") {
				t.Errorf("the layer is %q", got.Layer)
			}
			got.Layer, got.Index = "", 0
			if diff := cmp.Diff(test.want, *got); diff != "" {
				t.Errorf("the error differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLimitTexts(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]layers.LimitError{
		"layer 2 of 3: over the limit for the uncompressed size (64 GiB): no real image is that large, and unpacking it would fill a disk":                                                      {Limit: layers.LimitUncompressed, Max: 64 << 30},
		"layer 2 of 3: over the limit for the compression ratio (200 to 1): a few bytes that become gigabytes are a decompression bomb, or a file full of zeros that should not be in an image": {Limit: layers.LimitRatio, Max: 200},
		"layer 2 of 3: over the limit for the number of files (5000000): no real image has that many files, and the disks of most machines have not that many inodes":                           {Limit: layers.LimitEntries, Max: 5000000},
		"layer 2 of 3: over the limit for the length of a path (4 KiB): Linux cannot open a path that long":                                                                                     {Limit: layers.LimitPathLength, Max: 4096},
		"layer 2 of 3: over the limit for the depth of a path (256): no real image nests folders that deep":                                                                                     {Limit: layers.LimitPathDepth, Max: 256},
		"layer 2 of 3: over the limit for the memory for the table of paths (256 MiB): looking at all its files would need more memory than is set aside for it":                                {Limit: layers.LimitPathTable, Max: 256 << 20},
		"layer 2 of 3: over the limit for the zstd window (128 MiB): most container engines cannot unpack a layer that needs that much memory":                                                  {Limit: layers.LimitWindow, Max: 128 << 20},
		"layer 2 of 3: over the limit for the number of times that layers are read again (64): the image makes it read its layers over and over":                                                {Limit: layers.LimitRereads, Max: 64},
	} {
		err.Layer = "layer 2 of 3"
		if got := err.Error(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// sparseELF is a layer with one file of a logical size, of which a tar file holds only the first block: an ELF file whose
// program header names what is at its end.
func sparseELF(size int64) layers.Layer {
	head := make([]byte, 512)
	copy(head, "\x7fELF\x02\x01\x01")
	binary.LittleEndian.PutUint64(head[32:], 64) // program headers
	binary.LittleEndian.PutUint16(head[54:], 56)
	binary.LittleEndian.PutUint16(head[56:], 1)
	binary.LittleEndian.PutUint32(head[64:], 4) // PT_NOTE
	binary.LittleEndian.PutUint64(head[72:], uint64(size-4096))
	binary.LittleEndian.PutUint64(head[96:], 4096)
	return sparse(head, size)
}

// sparse writes a sparse file in PAX format 1.0: a map in front of the data, and the logical size in a record. archive/tar reads
// this, and does not write it.
func sparse(data []byte, size int64) layers.Layer {
	record := func(name string, value any) string {
		text := fmt.Sprintf(" %s=%v\n", name, value)
		length := len(text) + 2
		if length > 99 || len(text)+2 > 99 {
			length++
		}
		return fmt.Sprintf("%d%s", length, text)
	}
	table := fmt.Appendf(nil, "1\n0\n%d\n", len(data))
	table = append(table, make([]byte, 512-len(table))...)
	records := record("GNU.sparse.major", 1) + record("GNU.sparse.minor", 0) + record("GNU.sparse.name", "sparse") + record("GNU.sparse.realsize", size)
	var b bytes.Buffer
	block(&b, 'x', "PaxHeaders/sparse", []byte(records))
	block(&b, '0', "GNUSparseFile/sparse", append(table, data...))
	b.Write(make([]byte, 1024))
	return layerOf(b.Bytes(), b.Bytes())
}

// block writes one entry by hand.
func block(b *bytes.Buffer, kind byte, name string, data []byte) {
	h := make([]byte, 512)
	copy(h, name)
	copy(h[100:], "0000755\x000000000\x000000000\x00")
	copy(h[124:], fmt.Sprintf("%011o\x0000000000000\x00        ", len(data)))
	h[156] = kind
	copy(h[257:], "ustar\x0000")
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	b.Write(h)
	b.Write(data)
	b.Write(make([]byte, (512-len(data)%512)%512))
}

func TestASparseFileIsAsLargeAsItSeems(t *testing.T) {
	t.Parallel()
	files := read(t, []layers.Layer{sparse([]byte(strings.Repeat("#!/bin/sh\n", 30)), 1<<40)})
	f, err := files.Stat(t.Context(), "/sparse")
	if err != nil || f.Size != 1<<40 {
		t.Errorf("got %+v, %v", f, err)
	}
	data, err := files.ReadAt(t.Context(), "/sparse", 0, 10)
	if err != nil || string(data) != "#!/bin/sh\n" {
		t.Errorf("got %q, %v", data, err)
	}
}

// Headers that announce megabytes of attributes are refused by archive/tar.
func TestOverlongHeadersAreRefused(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	block(&b, 'x', "PaxHeaders/a", bytes.Repeat([]byte("a"), 2<<20))
	_, err := layers.NewReader(layers.Limits{}, nil).Read(t.Context(), []layers.Layer{layerOf(b.Bytes(), b.Bytes())})
	var bad *layers.BadLayerError
	if !errors.As(err, &bad) || bad.Defect != layers.BadContent || !strings.Contains(bad.Found, tar.ErrHeader.Error()) && !strings.Contains(bad.Found, "too long") {
		t.Errorf("got %v", err)
	}
}

// A layer with a marker in each folder of a deep tree must not be looked through once for each marker.
func TestManyOpaqueMarkersOfOneLayer(t *testing.T) {
	t.Parallel()
	lower, upper := entries{}, entries{}
	for i := range 20_000 {
		lower = append(lower, file(fmt.Sprintf("d/%d", i), ""))
		upper = append(upper, file(fmt.Sprintf("d/e%d", i), ""), file("d/.wh..wh..opq", ""), file(".wh.d", ""))
	}
	files := read(t, stack(t, lower, upper))
	count := 0
	if err := files.Walk(t.Context(), "/d", nothing, func(string, layers.File) error { count++; return nil }); err != nil {
		t.Fatal(err)
	}
	if count != 20_000 {
		t.Errorf("%d files are left, want those of the upper layer", count)
	}
}

func TestProgressTellsOfEveryByte(t *testing.T) {
	t.Parallel()
	list := stack(t, entries{file("a", "1")}, entries{file("b", "2")})
	total := 0
	reader := layers.NewReader(layers.Limits{}, func(n int) { total += n })
	for _, l := range list { // one at a time, so that the test needs no lock
		if _, err := reader.Read(t.Context(), []layers.Layer{l}); err != nil {
			t.Fatal(err)
		}
	}
	if want := int(list[0].Size + list[1].Size); total != want {
		t.Errorf("got %d, want %d", total, want)
	}
}
