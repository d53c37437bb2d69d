package verify

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
)

// memory is an image's files in a map. It refuses what the interface forbids: paths that are not clean, paths with a
// link among their parents, and reads without a bound.
type memory struct {
	files map[string]node
	asked map[string]int
	fail  map[string]error
}

type node struct {
	mode fs.FileMode
	link string
	data string

	uid, gid int
}

func newMemory(files map[string]node) *memory {
	m := &memory{files: map[string]node{"/": {mode: fs.ModeDir | 0o755}}, asked: map[string]int{}, fail: map[string]error{}}
	for name, n := range files {
		m.files[name] = n
		for dir := path.Dir(name); m.files[dir].mode == 0; dir = path.Dir(dir) {
			m.files[dir] = node{mode: fs.ModeDir | 0o755}
		}
	}
	return m
}

func (m *memory) Stat(ctx context.Context, name string) (File, error) {
	if err := ctx.Err(); err != nil {
		return File{}, err
	}
	if name != path.Clean(name) || !path.IsAbs(name) {
		return File{}, fmt.Errorf("%q is not clean and absolute", name)
	}
	m.asked[name]++
	if m.asked[name] > 1 {
		return File{}, fmt.Errorf("%q was asked for twice", name)
	}
	if err := m.fail[name]; err != nil {
		return File{}, err
	}
	for dir := path.Dir(name); dir != "/"; dir = path.Dir(dir) {
		if parent, ok := m.files[dir]; ok && !parent.mode.IsDir() {
			return File{}, fmt.Errorf("%q: %q is no folder", name, dir)
		}
	}
	n, ok := m.files[name]
	if !ok {
		return File{}, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return File{Mode: n.mode, Size: int64(len(n.data)), Link: n.link, UID: n.uid, GID: n.gid}, nil
}

func (m *memory) ReadAt(ctx context.Context, name string, offset, length int64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n := m.files[name]
	if !n.mode.IsRegular() || offset < 0 || length < 0 || length > maxSegmentTable {
		return nil, fmt.Errorf("%q: reading %d bytes at %d is not allowed", name, length, offset)
	}
	if err := m.fail[name+"#"]; err != nil {
		return nil, err
	}
	rest := n.data[min(offset, int64(len(n.data))):]
	return []byte(rest[:min(length, int64(len(rest)))]), nil
}

// Walk lists files without counting them as asked for.
func (m *memory) Walk(ctx context.Context, root string, skip func(string, fs.FileMode) bool, visit func(string, File) error) error {
	prefix := strings.TrimSuffix(root, "/") + "/"
	skipped := "\x00"
	for _, name := range slices.Sorted(maps.Keys(m.files)) {
		if name == "/" || !strings.HasPrefix(name, prefix) || strings.HasPrefix(name, skipped) {
			continue
		}
		n := m.files[name]
		if skip(name, n.mode.Type()) {
			skipped = name + "/"
			continue
		}
		err := visit(name, File{Mode: n.mode, Size: int64(len(n.data)), Link: n.link, UID: n.uid, GID: n.gid})
		if errors.Is(err, fs.SkipDir) {
			skipped = name + "/"
		} else if err != nil {
			return err
		}
	}
	return ctx.Err()
}

func exe(data string) node    { return node{mode: 0o755, data: data} }
func plain(data string) node  { return node{mode: 0o644, data: data} }
func link(target string) node { return node{mode: fs.ModeSymlink | 0o777, link: target} }

// elfOption changes a hand-made program.
type elfOption func(*elfImage)

type elfImage struct {
	kind   uint16
	osabi  byte
	flags  uint32
	loader string
	behind uint64 // bytes that PT_LOAD names behind the end
}

func withLoader(name string) elfOption { return func(e *elfImage) { e.loader = name + "\x00" } }
func withKind(kind uint16) elfOption   { return func(e *elfImage) { e.kind = kind } }

// elf makes the smallest program that the kernel's checks of headers let pass.
func elf(goarch string, options ...elfOption) node {
	return exe(elfFor(platformMachines[goarch], options...))
}

func elfFor(m machine, options ...elfOption) string {
	e := elfImage{kind: etExec}
	for _, option := range options {
		option(&e)
	}
	var order binary.AppendByteOrder = binary.LittleEndian
	ident := []byte{0x7f, 'E', 'L', 'F', byte(m.bits / 32), 1, 1, e.osabi, 0, 0, 0, 0, 0, 0, 0, 0}
	if m.big {
		order = binary.BigEndian
		ident[5] = 2
	}
	if m.n32 {
		e.flags |= 0x20
	}
	word := func(b []byte, v uint64) []byte {
		if m.bits == 64 {
			return order.AppendUint64(b, v)
		}
		return order.AppendUint32(b, uint32(v))
	}
	head, entry := uint64(52), uint64(32)
	if m.bits == 64 {
		head, entry = 64, 56
	}
	count := uint64(1)
	if e.loader != "" {
		count = 2
	}
	total := head + count*entry + uint64(len(e.loader))
	b := order.AppendUint16(ident, e.kind)
	b = order.AppendUint16(b, m.number)
	b = order.AppendUint32(b, 1)
	b = word(word(word(b, 0x10000), head), 0)
	b = order.AppendUint32(b, e.flags)
	for _, v := range []uint64{head, entry, count, 0, 0, 0} {
		b = order.AppendUint16(b, uint16(v))
	}
	segment := func(kind uint32, offset, size uint64) {
		b = order.AppendUint32(b, kind)
		if m.bits == 64 {
			b = order.AppendUint32(b, 5)
		}
		b = word(word(word(word(word(b, offset), 0), 0), size), size)
		if m.bits == 32 {
			b = order.AppendUint32(b, 5)
		}
		b = word(b, 1)
	}
	segment(ptLoad, 0, total+e.behind)
	if e.loader != "" {
		segment(ptInterp, total-uint64(len(e.loader)), uint64(len(e.loader)))
	}
	return string(b) + e.loader
}

func platform(t testing.TB, text string) plan.Platform {
	t.Helper()
	p, err := plan.ParsePlatform(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// imageFor returns an image of a platform.
func imageFor(p plan.Platform, config ocispec.ImageConfig) ocispec.Image {
	return ocispec.Image{Platform: p.Spec(), Config: config}
}

func entrypoint(words ...string) ocispec.ImageConfig { return ocispec.ImageConfig{Entrypoint: words} }

func shellForm(text string) ocispec.ImageConfig {
	return ocispec.ImageConfig{Cmd: []string{"/bin/sh", "-c", text}}
}

// brief writes findings as one line each, for tests that are not about their texts.
func brief(findings []plan.Finding) []string {
	var lines []string
	for _, f := range findings {
		lines = append(lines, strings.Join([]string{string(f.Severity), f.Check, f.Path}, " "))
	}
	return lines
}

// checkImage looks at an image as a build does by default.
func checkImage(ctx context.Context, p plan.Platform, config ocispec.Image, files Files) ([]plan.Finding, error) {
	findings, _, err := Inspect(ctx, plan.VerifyStatic, p, config, files)
	return findings, err
}
