package layers

import "fmt"

// Limits bound what one image may cost. The zero value of a field stands for its default.
type Limits struct {
	Uncompressed int64  // bytes of all layers of an image together, holes of sparse files that are read included
	Ratio        int64  // uncompressed bytes for each compressed byte of one layer
	RatioAfter   int64  // uncompressed bytes of a layer from which on Ratio counts
	Entries      int    // entries in the tar files of all layers together
	PathLength   int    // bytes
	PathDepth    int    // elements
	PathTable    int64  // bytes of memory for paths and metadata, roughly
	Kept         int64  // bytes of memory for parts of files, compressed, of all images that one Reader reads
	Window       uint64 // bytes of history that a zstd layer may ask for
	Rereads      int    // how often layers are streamed again for what was not kept
}

// The defaults. Real images have compression ratios of 2 to 10, at most about 1.5 million entries, and zstd windows of 8 MiB;
// paths longer than 4096 bytes cannot be opened on Linux (PATH_MAX), and zstd --long asks for up to 128 MiB.
func (l Limits) withDefaults() Limits {
	setDefault(&l.Uncompressed, 64<<30)
	setDefault(&l.Ratio, 200)
	setDefault(&l.RatioAfter, 256<<20)
	setDefault(&l.Entries, 5_000_000)
	setDefault(&l.PathLength, 4096)
	setDefault(&l.PathDepth, 256)
	setDefault(&l.PathTable, 256<<20)
	setDefault(&l.Kept, 24<<20)
	setDefault(&l.Window, 128<<20)
	setDefault(&l.Rereads, 64)
	return l
}

func setDefault[N int | int64 | uint64](field *N, value N) {
	if *field == 0 {
		*field = value
	}
}

// Limit names one of the Limits.
type Limit string

// The limits, as they are named to people.
const (
	LimitUncompressed Limit = "uncompressed size"
	LimitRatio        Limit = "compression ratio"
	LimitEntries      Limit = "number of files"
	LimitPathLength   Limit = "length of a path"
	LimitPathDepth    Limit = "depth of a path"
	LimitPathTable    Limit = "memory for the table of paths"
	LimitWindow       Limit = "zstd window"
	LimitRereads      Limit = "number of times that layers are read again"
)

// meanings say what it means that an image is over a limit.
var meanings = map[Limit]string{
	LimitUncompressed: "no real image is that large, and unpacking it would fill a disk",
	LimitRatio:        "a few bytes that become gigabytes are a decompression bomb, or a file full of zeros that should not be in an image",
	LimitEntries:      "no real image has that many files, and the disks of most machines have not that many inodes",
	LimitPathLength:   "Linux cannot open a path that long",
	LimitPathDepth:    "no real image nests folders that deep",
	LimitPathTable:    "looking at all its files would need more memory than is set aside for it",
	LimitWindow:       "most container engines cannot unpack a layer that needs that much memory",
	LimitRereads:      "the image makes it read its layers over and over",
}

// LimitError says that an image is over a limit.
type LimitError struct {
	Limit Limit
	Max   int64
	Layer string // which layer, for people
	Index int    // of the layer
}

// Error names the layer, the limit and what it means.
func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: over the limit for the %s (%s): %s", e.Layer, e.Limit, e.max(), e.Meaning())
}

// Allowed says what would be within the limit.
func (e *LimitError) Allowed() string { return fmt.Sprintf("a %s of at most %s", e.Limit, e.max()) }

// Meaning says what it means to be over the limit.
func (e *LimitError) Meaning() string { return meanings[e.Limit] }

func (e *LimitError) max() string {
	switch e.Limit {
	case LimitUncompressed, LimitPathTable, LimitWindow, LimitPathLength:
		return bytesText(e.Max)
	case LimitRatio:
		return fmt.Sprintf("%d to 1", e.Max)
	}
	return fmt.Sprint(e.Max)
}

// bytesText writes a number of bytes in the largest unit that leaves it whole.
func bytesText(n int64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	unit := 0
	for n >= 1024 && n%1024 == 0 && unit < len(units)-1 {
		n /= 1024
		unit++
	}
	return fmt.Sprintf("%d %s", n, units[unit])
}
