package verify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// maxLinks and maxPath are the kernel's limits for one lookup (path_resolution(7); MAXSYMLINKS, PATH_MAX).
const (
	maxLinks = 40
	maxPath  = 4096
)

// maxLookups bounds how many paths of one image are asked for. Ordinary images need fewer than a hundred; a hostile
// PATH could name millions.
const maxLookups = 20_000

// tree looks up paths in an image as the kernel does after chroot: no link and no ".." leaves the root. It asks Files
// about each path once.
type tree struct {
	files Files
	known map[string]statResult
	made  string // a folder that the container runtime makes where there is nothing: the working directory
}

type statResult struct {
	file   File
	exists bool
}

func newTree(files Files, made string) *tree {
	return &tree{files: files, known: map[string]statResult{}, made: made}
}

// place is where a lookup ended.
type place struct {
	path  string // without links
	file  File
	names []string // base names of the last element and of every link it led through
}

// lookupError is a property of the image: the path leads to no file. Every other error of a lookup means that the
// image could not be read.
type lookupError struct {
	dangling string // where the file should be, if the path itself is a link and not only a folder on the way
	loop     bool   // more links than the kernel follows
}

func (e *lookupError) Error() string {
	if e.loop {
		return "too many links"
	}
	return "no such file"
}

// stat describes one path, asking Files only the first time.
func (t *tree) stat(ctx context.Context, name string) (statResult, error) {
	if known, ok := t.known[name]; ok {
		return known, nil
	}
	if len(t.known) >= maxLookups {
		return statResult{}, fmt.Errorf("%q: looking it up in the image: more than %d paths have to be looked up", shown(name), maxLookups)
	}
	file, err := t.files.Stat(ctx, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return statResult{}, fmt.Errorf("%q: looking it up in the image: %w", name, err)
	}
	result := statResult{file: file, exists: err == nil}
	if !result.exists && strings.HasPrefix(t.made+"/", name+"/") {
		result = statResult{file: File{Mode: fs.ModeDir | 0o755}, exists: true}
	}
	t.known[name] = result
	return result, nil
}

// lookup is the state of one resolution.
type lookup struct {
	at    string   // what was resolved so far, without links
	rest  []string // elements still to go
	links int
	final bool // the last element was a link
	names []string
}

// resolve follows a path from the root to the file it names.
func (t *tree) resolve(ctx context.Context, name string) (place, error) {
	if len(name) > maxPath {
		return place{}, &lookupError{}
	}
	l := &lookup{at: "/", rest: elements(name)}
	file := File{Mode: fs.ModeDir | 0o755}
	for len(l.rest) > 0 {
		element := l.rest[0]
		l.rest = l.rest[1:]
		if element == ".." {
			l.at = path.Dir(l.at)
			continue
		}
		found, err := t.stat(ctx, path.Join(l.at, element))
		if err != nil {
			return place{}, err
		}
		if err := l.step(element, found); err != nil {
			return place{}, err
		}
		file = found.file
	}
	if strings.HasSuffix(name, "/") && !file.Mode.IsDir() {
		return place{}, &lookupError{}
	}
	return l.end(ctx, t)
}

// end describes where the lookup stopped; it asks again because the last element may have been "..".
func (l *lookup) end(ctx context.Context, t *tree) (place, error) {
	if l.at == "/" {
		return place{path: "/", file: File{Mode: fs.ModeDir | 0o755}}, nil
	}
	found, err := t.stat(ctx, l.at)
	return place{path: l.at, file: found.file, names: l.names}, err
}

// step moves a lookup over one element.
func (l *lookup) step(element string, found statResult) error {
	here := path.Join(l.at, element)
	if !found.exists {
		return l.absent(here)
	}
	last := len(l.rest) == 0
	if last {
		l.names = append(l.names, element)
	}
	switch {
	case found.file.Mode&fs.ModeSymlink != 0:
		l.final = l.final || last
		return l.link(found.file.Link)
	case !last && !found.file.Mode.IsDir():
		return l.absent(here)
	}
	l.at = here
	return nil
}

// link replaces the element at hand by the target of the link that it is.
func (l *lookup) link(target string) error {
	l.links++
	if l.links > maxLinks {
		return &lookupError{loop: true}
	}
	if target == "" || len(target) > maxPath {
		return l.absent(l.at)
	}
	if strings.HasPrefix(target, "/") {
		l.at = "/"
	}
	l.rest = append(elements(target), l.rest...)
	return nil
}

func (l *lookup) absent(here string) error {
	if !l.final {
		return &lookupError{}
	}
	return &lookupError{dangling: path.Join(here, path.Join(l.rest...))}
}

// elements splits a path; "." and empty elements change nothing.
func elements(name string) []string {
	return slices.DeleteFunc(strings.Split(name, "/"), func(e string) bool { return e == "" || e == "." })
}
