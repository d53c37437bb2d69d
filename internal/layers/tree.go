package layers

import (
	"io/fs"
	"strings"
)

// maxLinks is how many links the kernel follows in one lookup (path_resolution(7)).
const maxLinks = 40

// Names that layers use for something else than files (image-spec layer.md, "Whiteouts").
const (
	whiteoutPrefix = ".wh."
	opaqueName     = ".wh..wh..opq"
	aufsPrefix     = ".wh..wh." // of aufs itself, without meaning here
)

// node is a file. Hard links are names of one node.
type node struct {
	mode     fs.FileMode
	layer    int32 // where the content is
	number   int32 // of the entry in that layer's tar file
	uid, gid int
	size     int64
	print    uint64 // the fingerprint of an ELF file; 0: not known
	link     string
	kept     []span
	children map[string]child // of folders
}

// child is a name in a folder, and the layer that put it there.
type child struct {
	node  *node
	layer int
}

func folderNode() *node { return &node{mode: fs.ModeDir | 0o755, children: map[string]child{}} }

// entry is one entry of a layer's tar file, in the terms of the specification.
type entry struct {
	kind entryKind
	path string // clean, without a slash in front; empty: the root
	link string // of hard links: the path of the other name, clean
	node *node  // of files
}

type entryKind int

const (
	addFile entryKind = iota
	addHardLink
	whiteout
	opaque
)

// tree is the file system that layers make when they are applied in their order. Links are followed through what is there at
// that moment: a layer may write through a link of a lower layer, and a later layer may replace the link.
type tree struct {
	root   *node
	limits Limits
	layer  int
	notes  *collector

	cleared map[*node]bool // folders from which lower layers' files have been removed in this layer
	near    string         // the folder that was looked for last
	nearest *node          // that folder; nil if links or folders have changed since
}

func newTree(limits Limits, notes *collector) *tree {
	return &tree{root: folderNode(), limits: limits, notes: notes}
}

// apply adds a layer.
func (t *tree) apply(layer int, entries []entry) error {
	t.layer, t.cleared, t.nearest = layer, map[*node]bool{}, nil
	for _, e := range entries {
		var err error
		switch e.kind {
		case addFile:
			err = t.add(e.path, e.node)
		case addHardLink:
			err = t.hardLink(e)
		case whiteout:
			err = t.remove(e.path)
		case opaque:
			err = t.clear(e.path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// add puts a file where the path leads. It replaces what was there, except that a folder keeps its files if it becomes a folder.
func (t *tree) add(path string, n *node) error {
	if path == "" {
		if n.mode.IsDir() {
			t.root.takeAttributes(n)
		}
		return nil
	}
	dir, base := split(path)
	parent, err := t.folder(dir, true)
	if err != nil {
		return err
	}
	old, exists := parent.children[base]
	folders := exists && old.node.mode.IsDir() && n.mode.IsDir()
	if exists && old.layer == t.layer && !folders {
		t.notes.add(Note{Kind: NoteDuplicate, Layer: t.layer, Path: "/" + path, Text: "the same path twice in one layer; the last counts"})
	}
	if folders {
		old.node.takeAttributes(n)
		n = old.node
	} else if exists {
		t.nearest = nil
	}
	parent.children[base] = child{n, t.layer}
	return nil
}

func (n *node) takeAttributes(from *node) { n.mode, n.uid, n.gid = from.mode, from.uid, from.gid }

// hardLink gives a file a second name. What happens to the first name later does not concern the second.
func (t *tree) hardLink(e entry) error {
	dir, base := split(e.link)
	parent, err := t.folder(dir, false)
	if err != nil {
		return err
	}
	if parent == nil || parent.children[base].node == nil || parent.children[base].node.mode.IsDir() {
		return &BadLayerError{Defect: BadHardLink, Expected: "a file behind the hard link " + shown("/"+e.path), Found: "none at " + shown("/"+e.link)}
	}
	return t.add(e.path, parent.children[base].node)
}

// remove takes away what lower layers have at a path.
func (t *tree) remove(path string) error {
	dir, base := split(path)
	parent, err := t.folder(dir, false)
	if err != nil || parent == nil {
		return err
	}
	if c, ok := parent.children[base]; ok && !t.survives(c) {
		delete(parent.children, base)
	}
	t.nearest = nil
	return nil
}

// clear takes away what lower layers have in a folder.
func (t *tree) clear(path string) error {
	n, err := t.folder(path, false)
	if err != nil || n == nil {
		return err
	}
	t.clearFolder(n)
	t.nearest = nil
	return nil
}

// clearFolder visits each folder once in a layer: what is added afterwards is of this layer.
func (t *tree) clearFolder(n *node) {
	if t.cleared[n] {
		return
	}
	t.cleared[n] = true
	for name, c := range n.children {
		if !t.survives(c) {
			delete(n.children, name)
		}
	}
}

// survives reports whether a file stays that a whiteout of this layer hides: what this layer adds does, and the folders around it.
func (t *tree) survives(c child) bool {
	if c.node.mode.IsDir() {
		t.clearFolder(c.node)
	}
	return c.layer == t.layer || len(c.node.children) > 0
}

// folder finds the folder at a path, through links. If create is false it returns nil where there is none; otherwise it makes
// what is missing, as tools do for layers that leave folders out.
func (t *tree) folder(path string, create bool) (*node, error) {
	if t.nearest != nil && path == t.near {
		return t.nearest, nil
	}
	w := walk{tree: t, way: []*node{t.root}, rest: path, create: create}
	for w.rest != "" {
		if err := w.step(); err != nil || len(w.way) == 0 {
			return nil, err
		}
	}
	t.near, t.nearest = path, w.way[len(w.way)-1]
	return t.nearest, nil
}

// walk is the search for a folder.
type walk struct {
	tree   *tree
	way    []*node // from the root to where it is; empty: there is nothing
	rest   string
	links  int
	create bool
}

func (w *walk) step() error {
	name, rest, _ := strings.Cut(w.rest, "/")
	w.rest = rest
	here := w.way[len(w.way)-1]
	switch name {
	case "", ".":
		return nil
	case "..":
		w.way = w.way[:max(1, len(w.way)-1)]
		return nil
	}
	c, ok := here.children[name]
	switch {
	case ok && c.node.mode.IsDir():
		return w.enter(c.node)
	case ok && c.node.mode&fs.ModeSymlink != 0:
		return w.follow(c.node.link)
	case !w.create:
		w.way = nil
		return nil
	}
	made := folderNode()
	here.children[name] = child{made, w.tree.layer}
	return w.enter(made)
}

func (w *walk) enter(n *node) error {
	if limit := w.tree.limits.PathDepth; len(w.way) >= limit { // links may lead deeper than any path that was written
		return &LimitError{Limit: LimitPathDepth, Max: int64(limit)}
	}
	w.way = append(w.way, n)
	return nil
}

func (w *walk) follow(target string) error {
	if w.links++; w.links > maxLinks {
		return &BadLayerError{Defect: BadPath, Expected: "a path through at most 40 links", Found: "a loop of links, or more"}
	}
	if strings.HasPrefix(target, "/") {
		w.way = w.way[:1]
	}
	w.rest = target + "/" + w.rest
	return nil
}

// split parts a clean path into folder and name.
func split(path string) (dir, base string) {
	i := strings.LastIndexByte(path, '/')
	return path[:max(i, 0)], path[i+1:]
}
