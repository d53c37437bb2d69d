package verify

import (
	"bytes"
	"context"
	"encoding/binary"
	"io/fs"
	"path"
	"strings"
)

// Bounds of the loader's files. The cache of a large Debian has 100 KiB.
const (
	maxTextFile = 1 << 20
	maxCache    = 8 << 20
	maxConfigs  = 256
)

// The format of /etc/ld.so.cache since glibc 2.2 (sysdeps/generic/dl-cache.h): a header, and entries with the places
// of name and path, counted from the header's beginning. An older format may stand in front of it.
const (
	cacheMagic  = "glibc-ld.so.cache1.1"
	cacheHeader = 48
	cacheEntry  = 24
)

// parseCache returns the paths of each library name. ok is false if it is not understood.
func parseCache(data []byte, order binary.ByteOrder) (paths map[string][]string, ok bool) {
	at := bytes.Index(data, []byte(cacheMagic))
	if at < 0 {
		return nil, false
	}
	data = data[at:]
	if len(data) < cacheHeader {
		return nil, false
	}
	count := uint64(order.Uint32(data[20:]))
	if count > uint64(len(data)-cacheHeader)/cacheEntry {
		return nil, false
	}
	paths = map[string][]string{}
	for i := range count {
		entry := data[cacheHeader+i*cacheEntry:]
		name, file := textAt(data, order.Uint32(entry[4:])), textAt(data, order.Uint32(entry[8:]))
		if name != "" && path.IsAbs(file) {
			paths[name] = append(paths[name], file)
		}
	}
	return paths, true
}

func textAt(data []byte, at uint32) string {
	if uint64(at) >= uint64(len(data)) {
		return ""
	}
	text, _, ended := bytes.Cut(data[at:min(uint64(len(data)), uint64(at)+maxName)], []byte{0})
	if !ended {
		return ""
	}
	return string(text)
}

// parseLoaderConfig reads /etc/ld.so.conf: folders, and other files to read, as patterns. Its reader is ldconfig
// (elf/ldconfig.c, parse_conf): "#" begins a comment, "include" takes patterns, "hwcap" is of the past.
func parseLoaderConfig(text string) (folders, includes []string) {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		switch {
		case len(words) == 0, words[0] == "hwcap":
		case words[0] == "include":
			includes = append(includes, words[1:]...)
		default:
			for _, folder := range strings.FieldsFunc(line, func(c rune) bool { return strings.ContainsRune(" \t\r\n:,", c) }) {
				folder, _, _ = strings.Cut(folder, "=") // folder=libc6 was a type
				if path.IsAbs(folder) {
					folders = append(folders, path.Clean(folder))
				}
			}
		}
	}
	return folders, includes
}

// configured returns the folders of /etc/ld.so.conf. A loader does not read that file, but ldconfig makes its cache
// from it: a library there that is not in the cache is one that ldconfig was not run for.
func (r *run) configured(ctx context.Context) ([]string, error) {
	if r.loaderConfig != nil {
		return *r.loaderConfig, nil
	}
	var folders []string
	files := []string{"/etc/ld.so.conf"}
	for done := 0; done < len(files) && done < maxConfigs; done++ {
		text, ok, err := r.text(ctx, files[done])
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		more, includes := parseLoaderConfig(text)
		folders = append(folders, more...)
		for _, pattern := range includes {
			found, err := r.included(ctx, below("/etc", pattern))
			if err != nil {
				return nil, err
			}
			files = append(files, found...)
		}
	}
	r.loaderConfig = &folders
	return folders, nil
}

// included finds the files of a pattern. Where nothing can list a folder, patterns are left out: all that is lost is a
// better hint.
func (r *run) included(ctx context.Context, pattern string) ([]string, error) {
	if !strings.ContainsAny(pattern, "*?[") {
		return []string{pattern}, nil
	}
	w, ok := r.tree.files.(Walker)
	if !ok {
		return nil, nil
	}
	dir, err := r.tree.resolve(ctx, path.Dir(pattern))
	if err != nil {
		return nil, unlessAbsent(err)
	}
	var found []string
	below := func(_ string, kind fs.FileMode) bool { return kind.IsDir() }
	err = w.Walk(ctx, dir.path, below, func(name string, _ File) error {
		if fits, err := path.Match(path.Base(pattern), path.Base(name)); err == nil && fits && len(found) < maxConfigs {
			found = append(found, name)
		}
		return nil
	})
	return found, err
}
