package layers

import (
	"fmt"
	"strconv"
	"sync"
)

// Defect is one way in which a layer is bad.
type Defect string

// The defects of a layer.
const (
	BadSize     Defect = "size"     // there are more or fewer bytes than the manifest says
	BadDigest   Defect = "digest"   // the bytes are not those that the manifest names
	BadDiffID   Defect = "diffid"   // the tar file is not the one that the config names
	BadContent  Defect = "content"  // it cannot be decompressed, or is no tar file
	BadHardLink Defect = "hardlink" // a hard link to a file that is not there
	BadPath     Defect = "path"     // a path that leads through a loop of links, or out of the image
)

// BadLayerError says what is wrong with a layer: no container engine can unpack it, or each unpacks something else.
type BadLayerError struct {
	Defect          Defect
	Layer           string // which layer, for people
	Index           int    // of the layer
	Expected, Found string // what should be there, and what is
}

// Error names the layer and what is wrong with it.
func (e *BadLayerError) Error() string {
	text := e.Layer + ": found " + e.Found
	if e.Expected != "" {
		text += ", expected " + e.Expected
	}
	return text
}

// Note is something odd about a layer that does not keep its files from being read.
type Note struct {
	Kind  NoteKind
	Layer int // index
	Path  string
	Text  string
}

// NoteKind is the kind of a Note.
type NoteKind string

// The kinds of notes.
const (
	NoteForeign    NoteKind = "foreign"     // the layer was not read, because it is not for registries to have
	NoteDuplicate  NoteKind = "duplicate"   // one path twice in one layer; the last counts, as for most tools
	NoteUnsafePath NoteKind = "unsafe-path" // a path that would leave the image's root; it was kept inside
	NoteTrailing   NoteKind = "trailing"    // bytes behind the end of the compressed data
	NoteMediaType  NoteKind = "media-type"  // the compression is not the one that the media type names
)

// maxNotes bounds how many notes are kept of each kind. A layer could cause millions.
const maxNotes = 20

// collector collects notes from several goroutines.
type collector struct {
	mu    sync.Mutex
	count map[NoteKind]int
	list  []Note
}

func (c *collector) add(n Note) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count == nil {
		c.count = map[NoteKind]int{}
	}
	if c.count[n.Kind]++; c.count[n.Kind] <= maxNotes {
		c.list = append(c.list, n)
	}
}

// shown makes a name from an image safe to print.
func shown(name string) string {
	const longest = 200
	if len(name) > longest {
		name = name[:longest] + "…"
	}
	return strconv.Quote(name)
}

func badContent(format string, args ...any) error {
	return &BadLayerError{Defect: BadContent, Found: fmt.Sprintf(format, args...)}
}
