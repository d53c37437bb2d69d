package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// entry is one file, folder or link of a layer.
type entry struct {
	name string // without a leading slash
	kind byte   // one of tar.TypeReg, TypeDir, TypeSymlink, TypeLink
	mode int64  // permission bits with setuid, setgid and sticky
	uid  int
	gid  int
	link string // target
	body string // content
	path string // file on this machine that holds the content, instead of body
}

func dirEntry(name string, mode int64) entry { return entry{name: name, kind: tar.TypeDir, mode: mode} }

func textEntry(name, body string) entry {
	return entry{name: name, kind: tar.TypeReg, mode: 0o644, body: body}
}

func programEntry(name, path string) entry {
	return entry{name: name, kind: tar.TypeReg, mode: 0o755, path: path}
}

func linkEntry(name, target string) entry {
	return entry{name: name, kind: tar.TypeSymlink, mode: 0o777, link: target}
}

// epoch is the time of every file in a layer, so that the same files are the same bytes.
var epoch = time.Unix(0, 0).UTC()

// writeTree writes the entries as a tar stream that depends on nothing but them: sorted by name, one time for all,
// owners by number.
func writeTree(w io.Writer, entries []entry) error {
	sorted := slices.Clone(entries)
	// A hard link must come after its file. Walking a tree meets a folder's content right after the folder, so the
	// slash has to sort before everything else for the order to stay what it was.
	slices.SortFunc(sorted, func(a, b entry) int { return strings.Compare(walkOrder(a.name), walkOrder(b.name)) })
	stream := tar.NewWriter(w)
	for _, e := range sorted {
		if err := writeEntry(stream, e); err != nil {
			return fmt.Errorf("packing %s: %w", e.name, err)
		}
	}
	return stream.Close()
}

func walkOrder(name string) string { return strings.ReplaceAll(name, "/", "\x00") }

func writeEntry(stream *tar.Writer, e entry) error {
	header := &tar.Header{Name: e.name, Typeflag: e.kind, Mode: e.mode, Uid: e.uid, Gid: e.gid, Linkname: e.link, ModTime: epoch}
	if e.kind == tar.TypeDir {
		header.Name += "/"
	}
	var body io.Reader = strings.NewReader(e.body)
	header.Size = int64(len(e.body))
	if e.path != "" {
		file, err := os.Open(e.path)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }() // only read
		info, err := file.Stat()
		if err != nil {
			return err
		}
		header.Size, body = info.Size(), file
	}
	if err := stream.WriteHeader(header); err != nil {
		return err
	}
	_, err := io.Copy(stream, body)
	return err
}

// walkTree gives the entries of a folder on this machine, under a name in the layer. Skip says which to leave out, with
// everything below. Devices and sockets are left out always: a container gets its own.
func walkTree(root, under string, skip func(name string) bool) ([]entry, error) {
	var entries []entry
	links := map[[2]uint64]string{} // first name of each file that has several
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(root, path)
		if err != nil || below == "." {
			return err
		}
		if skip(below) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		e, ok, err := readEntry(path, filepath.Join(under, below), links)
		if ok {
			entries = append(entries, e)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the tree %s: %w", root, err)
	}
	return entries, nil
}

// readEntry describes one file of this machine. It is false for what a layer doesn't hold.
func readEntry(path, name string, links map[[2]uint64]string) (entry, bool, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return entry{}, false, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return entry{}, false, errors.New("this system tells no owners of files")
	}
	e := entry{name: name, mode: int64(stat.Mode & 0o7777), uid: int(stat.Uid), gid: int(stat.Gid)}
	switch {
	case info.IsDir():
		e.kind = tar.TypeDir
	case info.Mode()&fs.ModeSymlink != 0:
		e.kind = tar.TypeSymlink
		e.link, err = os.Readlink(path)
	case info.Mode().IsRegular():
		id := [2]uint64{stat.Dev, stat.Ino}
		if first, seen := links[id]; seen {
			e.kind, e.link = tar.TypeLink, first
			break
		}
		e.kind, e.path = tar.TypeReg, path
		if stat.Nlink > 1 {
			links[id] = name
		}
	default:
		return entry{}, false, nil
	}
	return e, true, err
}

// packLayer writes entries as a compressed layer file.
func packLayer(path string, level int, entries []entry) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("making a layer: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	packed, err := gzip.NewWriterLevel(file, level)
	if err != nil {
		return fmt.Errorf("making a layer: %w", err)
	}
	if err := writeTree(packed, entries); err != nil {
		return fmt.Errorf("making a layer: %w", err)
	}
	return packed.Close()
}
