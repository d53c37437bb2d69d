package verify

import (
	"bytes"
	"context"
	"path"
	"slices"
	"strings"
)

// libc is the C library whose loader starts a program; each looks for libraries in its own way.
type libc int

const (
	otherLibc libc = iota // uClibc, Android and the like: what they need is not judged
	glibc
	musl
)

// libcOf tells the C library by the name of its loader.
func libcOf(loader string) libc {
	name := path.Base(loader)
	switch {
	case strings.HasPrefix(name, "ld-musl-"), strings.HasPrefix(name, "libc.musl-"):
		return musl
	case strings.HasPrefix(name, "ld-linux"), strings.HasPrefix(name, "ld64.so"), strings.HasPrefix(name, "ld-lsb"),
		strings.HasPrefix(name, "ld-2."), name == "ld.so.1", name == "ld.so.2", name == "ld.so":
		return glibc
	}
	return otherLibc
}

// maxLoaderFile bounds how much of a loader is searched for its folders. glibc's have up to 300 KiB.
const maxLoaderFile = 4 << 20

// usualFolders are those of all distributions, for loaders that do not tell theirs. %s is the triplet of Debian.
var usualFolders = []string{"/lib/%s", "/usr/lib/%s", "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/libx32", "/lib32", "/usr/lib32"}

// triplets name the folders of libraries in Debian and what is made from it (wiki.debian.org/Multiarch/Tuples).
var triplets = map[string][]string{
	"386":      {"i386-linux-gnu"},
	"amd64":    {"x86_64-linux-gnu"},
	"arm":      {"arm-linux-gnueabihf", "arm-linux-gnueabi"},
	"arm64":    {"aarch64-linux-gnu"},
	"loong64":  {"loongarch64-linux-gnu"},
	"mips":     {"mips-linux-gnu"},
	"mipsle":   {"mipsel-linux-gnu"},
	"mips64":   {"mips64-linux-gnuabi64"},
	"mips64le": {"mips64el-linux-gnuabi64"},
	"ppc":      {"powerpc-linux-gnu"},
	"ppc64":    {"powerpc64-linux-gnu"},
	"ppc64le":  {"powerpc64le-linux-gnu"},
	"riscv64":  {"riscv64-linux-gnu"},
	"s390x":    {"s390x-linux-gnu"},
	"x32":      {"x86_64-linux-gnux32"},
}

// defaultFolders returns where a glibc loader looks last. Distributions differ in it, and it is written in the loader:
// texts behind each other that are folders with a slash at the end.
func (r *run) defaultFolders(ctx context.Context, loader place, m machine) (folders []string, told bool, err error) {
	var carry []byte
	for at := int64(0); at < min(loader.file.Size, maxLoaderFile); at += maxPiece {
		data, err := r.readAt(ctx, loader, at, maxPiece)
		if err != nil {
			return nil, false, err
		}
		data = append(carry, data...)
		if folders := foldersIn(data); folders != nil {
			return folders, true, nil
		}
		carry = slices.Clone(data[max(0, len(data)-maxName):])
	}
	for _, folder := range usualFolders {
		if !strings.Contains(folder, "%s") {
			folders = append(folders, folder)
			continue
		}
		for _, triplet := range triplets[m.name()] {
			folders = append(folders, strings.ReplaceAll(folder, "%s", triplet))
		}
	}
	return append(folders, path.Dir(loader.path)), false, nil
}

// isUsual reports whether a loader lies where distributions have it. Others, such as a glibc beside musl, have a prefix
// of their own.
func isUsual(loader string) bool {
	return strings.HasPrefix(loader, "/lib") || strings.HasPrefix(loader, "/usr/lib")
}

// muslArchs are musl's names of architectures (cmd/link of Go, and the packages of Alpine).
var muslArchs = map[string][]string{
	"386": {"i386"}, "amd64": {"x86_64"}, "arm": {"armhf", "arm"}, "arm64": {"aarch64"}, "loong64": {"loongarch64"}, "mips": {"mips"},
	"mipsle": {"mipsel"}, "mips64": {"mips64"}, "mips64le": {"mips64el"}, "ppc64": {"powerpc64"}, "ppc64le": {"powerpc64le"},
	"riscv64": {"riscv64"}, "s390x": {"s390x"},
}

// isGcompat reports whether a file with the name of glibc's loader is a program that hands over to musl's, which the
// package gcompat of Alpine has: glibc's own is a library with a name.
func (r *run) isGcompat(ctx context.Context, loader place, m machine) (bool, error) {
	file, err := r.read(ctx, loader)
	if err != nil {
		return false, err
	}
	says, err := r.details(ctx, loader, file)
	if err != nil || says.soname != "" {
		return false, err
	}
	for _, arch := range muslArchs[m.name()] {
		_, err := r.tree.resolve(ctx, "/lib/ld-musl-"+arch+".so.1")
		if err == nil || unlessAbsent(err) != nil {
			return err == nil, err
		}
	}
	return false, nil
}

// foldersIn finds the list of folders in the bytes of a loader: the longest row of them, two at least.
func foldersIn(data []byte) []string {
	var best []string
	for {
		at := bytes.Index(data, []byte("/\x00/"))
		if at < 0 {
			return best
		}
		begin := bytes.LastIndexByte(data[:at], 0) + 1
		row, length := folderRow(data[begin:])
		if len(row) > 1 && len(row) > len(best) {
			best = row
		}
		data = data[max(at+2, begin+length):]
	}
}

// folderRow reads folders as long as they follow each other, and says how many bytes they take.
func folderRow(data []byte) (row []string, length int) {
	for {
		text, _, ended := bytes.Cut(data[length:min(len(data), length+maxName)], []byte{0})
		if !ended || len(text) < 2 || len(text) > 256 || text[0] != '/' || text[len(text)-1] != '/' {
			return row, length
		}
		row = append(row, path.Clean(string(text)))
		length += len(text) + 1
	}
}

// muslFolders returns where musl looks last: a file beside its loader replaces its own list (ldso/dynlink.c).
func (r *run) muslFolders(ctx context.Context, loader string) ([]string, error) {
	arch := strings.TrimSuffix(strings.TrimPrefix(path.Base(loader), "ld-musl-"), ".so.1")
	prefix := path.Dir(path.Dir(loader))
	text, ok, err := r.text(ctx, path.Join(prefix, "etc", "ld-musl-"+arch+".path"))
	if err != nil {
		return nil, err
	}
	if ok {
		return strings.FieldsFunc(text, func(c rune) bool { return c == '\n' || c == ':' }), nil
	}
	return []string{"/lib", "/usr/local/lib", "/usr/lib"}, nil
}
