package layers

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"
)

// attempts is how often a layer is begun. Long transfers break.
const attempts = 3

// entryCost is about what a path costs in memory besides its text.
const entryCost = 250

// scan reads a layer once, and returns what it changes. Parts of the files are kept in the store.
func (im *image) scan(ctx context.Context, i int) ([]entry, error) {
	if im.layers[i].foreign() {
		im.collect.add(Note{Kind: NoteForeign, Layer: i, Text: "the layer may not be distributed, and was not read"})
		return nil, nil
	}
	if err := im.reader.slots.Acquire(ctx, 1); err != nil {
		return nil, context.Cause(ctx)
	}
	defer im.reader.slots.Release(1)
	var broken *sourceError
	for attempt := 1; ; attempt++ {
		s := &scanner{image: im, layer: i, keeper: newKeeper(im)}
		err := im.stream(ctx, i, s.visit)
		s.keeper.close()
		if errors.As(err, &broken) && ctx.Err() == nil && attempt < attempts {
			s.forget()
			continue
		}
		if err != nil {
			return nil, im.wrap(i, err)
		}
		return s.entries, nil
	}
}

// scanner turns the tar file of one layer into entries.
type scanner struct {
	image   *image
	layer   int
	keeper  *keeper
	entries []entry
	number  int
	charged int64 // bytes of the path table
}

// forget takes back what an attempt that failed has counted.
func (s *scanner) forget() {
	s.image.entries.Add(-int64(s.number))
	s.image.pathTable.Add(-s.charged)
}

func (s *scanner) visit(h *tar.Header, content io.Reader) error {
	number := s.number
	s.number++
	name, err := s.clean(h.Name)
	if err != nil {
		return err
	}
	if err := s.charge(len(name) + len(h.Linkname)); err != nil {
		return err
	}
	if dir, base := split(name); strings.HasPrefix(base, whiteoutPrefix) {
		s.whiteout(dir, base)
		return nil
	}
	if h.Typeflag == tar.TypeLink {
		target, err := s.clean(h.Linkname)
		if err == nil && target != name {
			s.entries = append(s.entries, entry{kind: addHardLink, path: name, link: target})
		}
		return err
	}
	mode, known := modeOf(h)
	if !known || isIndexOfLazyPulling(name) || strings.Contains("/"+name, "/"+aufsPrefix) {
		return nil
	}
	n := &node{mode: mode, uid: h.Uid, gid: h.Gid, layer: int32(s.layer), number: int32(number)}
	switch {
	case mode.IsDir():
		n.children = map[string]child{}
	case mode&fs.ModeSymlink != 0:
		if limit := s.image.reader.limits.PathLength; len(h.Linkname) > limit {
			return &LimitError{Limit: LimitPathLength, Max: int64(limit)}
		}
		n.link = h.Linkname
	case mode.IsRegular():
		n.size = h.Size
		n.kept, err = s.keeper.keep(name, n, content)
	}
	s.entries = append(s.entries, entry{kind: addFile, path: name, node: n})
	return err
}

// charge counts an entry against the limits.
func (s *scanner) charge(text int) error {
	limits := s.image.reader.limits
	cost := int64(text + entryCost)
	s.charged += cost
	if s.image.entries.Add(1) > int64(limits.Entries) {
		return &LimitError{Limit: LimitEntries, Max: int64(limits.Entries)}
	}
	if s.image.pathTable.Add(cost) > limits.PathTable {
		return &LimitError{Limit: LimitPathTable, Max: limits.PathTable}
	}
	return nil
}

// clean returns a path without a slash in front, within the root.
func (s *scanner) clean(name string) (string, error) {
	limits := s.image.reader.limits
	if len(name) > limits.PathLength {
		return "", &LimitError{Limit: LimitPathLength, Max: int64(limits.PathLength)}
	}
	if relative := path.Clean(strings.TrimLeft(name, "/")); relative == ".." || strings.HasPrefix(relative, "../") {
		s.image.collect.add(Note{Kind: NoteUnsafePath, Layer: s.layer, Path: name, Text: "the path leads out of the image; it was kept inside"})
	}
	cleaned := path.Clean("/" + name)[1:]
	if strings.Count(cleaned, "/") >= limits.PathDepth {
		return "", &LimitError{Limit: LimitPathDepth, Max: int64(limits.PathDepth)}
	}
	return cleaned, nil
}

// whiteout adds what hides files of lower layers.
func (s *scanner) whiteout(dir, base string) {
	hidden := strings.TrimPrefix(base, whiteoutPrefix)
	switch {
	case base == opaqueName:
		s.entries = append(s.entries, entry{kind: opaque, path: dir})
	case strings.HasPrefix(base, aufsPrefix), hidden == "", hidden == ".", hidden == "..":
	default:
		s.entries = append(s.entries, entry{kind: whiteout, path: strings.TrimPrefix(dir+"/"+hidden, "/")})
	}
}

// modeOf returns a file's type and permissions. Types that make no file, as the global header of git archive, are not known.
func modeOf(h *tar.Header) (mode fs.FileMode, known bool) {
	kinds := map[byte]fs.FileMode{
		tar.TypeReg: 0, tar.TypeRegA: 0, tar.TypeCont: 0, tar.TypeGNUSparse: 0, //nolint:staticcheck // old tar files have TypeRegA
		tar.TypeDir: fs.ModeDir, tar.TypeSymlink: fs.ModeSymlink, tar.TypeFifo: fs.ModeNamedPipe,
		tar.TypeChar: fs.ModeDevice | fs.ModeCharDevice, tar.TypeBlock: fs.ModeDevice,
	}
	mode, known = kinds[h.Typeflag]
	mode |= fs.FileMode(h.Mode) & fs.ModePerm
	for bit, flag := range map[int64]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if h.Mode&bit != 0 {
			mode |= flag
		}
	}
	return mode, known
}

// isIndexOfLazyPulling knows what eStargz adds to layers (containerd/stargz-snapshotter docs/estargz.md).
func isIndexOfLazyPulling(name string) bool {
	return name == "stargz.index.json" || name == ".prefetch.landmark" || name == ".no.prefetch.landmark"
}
