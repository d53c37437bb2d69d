package verify

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
)

// search is the search for one library that one object needs.
type search struct {
	linker  *linker
	who     *object
	name    string
	found   *place
	foundAs string
	misfit  string // what a file of that name was, that could not be used
	above   int    // the x86-64 level of a folder that held one, if it is above the platform's
	folders []string

	otherFloat bool // only the way of floating-point calls did not fit
}

// find tries all folders in the loader's order. Nothing found is no error.
func (s *search) find(ctx context.Context) error {
	if strings.Contains(s.name, "/") {
		for _, name := range s.expandFor(s.name, s.who) {
			if done, err := s.try(ctx, name); done || err != nil {
				return err
			}
		}
		return nil
	}
	s.folders = s.order()
	for _, folder := range s.folders {
		if done, err := s.folder(ctx, folder); done || err != nil {
			return err
		}
	}
	return nil
}

// order lists where the loader looks. A cache is a list of files, so its folders stand where it would be asked.
func (s *search) order() []string {
	var list []string
	add := func(folders []string, owner *object) {
		for _, folder := range folders[:min(len(folders), max(0, maxFolders-len(list)))] {
			list = append(list, s.expandFor(folder, owner)...)
		}
	}
	environment := folderList(strings.ReplaceAll(s.linker.command.env["LD_LIBRARY_PATH"], ";", ":"))
	if s.linker.libc == musl {
		add(environment, s.who)
		for o := s.who; o != nil; o = o.parent {
			add(slices.Concat(o.says.rpath, o.says.runpath), o)
		}
		add(s.linker.folders, s.who)
		return unique(list)
	}
	if len(s.who.says.runpath) == 0 {
		for o := s.who; o != nil; o = o.parent {
			if len(o.says.runpath) == 0 {
				add(o.says.rpath, o)
			}
		}
	}
	add(environment, s.who)
	add(s.who.says.runpath, s.who)
	for _, file := range s.linker.cache[s.name] {
		list = append(list, path.Dir(file))
	}
	if !s.who.says.noDefault {
		add(s.linker.folders, s.who)
	}
	return unique(list)
}

func unique(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// expandFor replaces what loaders replace in folders ("Dynamic string tokens" in ld.so(8)). Where distributions differ
// there is more than one result. An empty or relative element is the working directory.
func (s *search) expandFor(text string, owner *object) []string {
	results := []string{text}
	replace := func(token string, values ...string) {
		var next []string
		for _, r := range results {
			if !strings.Contains(r, "$"+token) && !strings.Contains(r, "${"+token+"}") {
				next = append(next, r)
				continue
			}
			for _, v := range values {
				next = append(next, strings.ReplaceAll(strings.ReplaceAll(r, "${"+token+"}", v), "$"+token, v))
			}
		}
		results = next
	}
	replace("ORIGIN", unique([]string{path.Dir(owner.at.path), path.Dir(owner.name)})...)
	if s.linker.libc == glibc && strings.Contains(text, "$") {
		libs := []string{"lib64", "lib"}
		for _, triplet := range triplets[s.linker.program.machine.name()] {
			libs = append(libs, "lib/"+triplet)
		}
		replace("LIB", libs...)
		replace("PLATFORM", platformWords[s.linker.program.machine.name()]...)
	}
	for i, r := range results {
		if !strings.HasPrefix(r, "/") && s.linker.command.dir != "" {
			results[i] = below(s.linker.command.dir, r)
		}
	}
	return results
}

// platformWords are what $PLATFORM can be, AT_PLATFORM of the kernel.
var platformWords = map[string][]string{
	"amd64": {"x86_64", "haswell", "xeon_phi"}, "386": {"i686", "i586", "i386"}, "arm64": {"aarch64"},
	"arm": {"v7l", "v6l", "v5l", "v8l"}, "ppc64le": {"power8", "power9", "power10"}, "s390x": {"z13", "z14", "z15", "z16"},
}

// folder tries one folder, and the folders for better processors in it.
func (s *search) folder(ctx context.Context, folder string) (done bool, err error) {
	if s.linker.libc == glibc && s.linker.program.machine.name() == "amd64" {
		if done, err := s.levels(ctx, folder); done || err != nil {
			return done, err
		}
	}
	return s.try(ctx, below(folder, s.name))
}

// levels tries the folders for x86-64 levels, the highest first. What is above the platform's is only remembered.
func (s *search) levels(ctx context.Context, folder string) (done bool, err error) {
	for level := 4; level >= 2; level-- {
		name := below(folder, fmt.Sprintf("glibc-hwcaps/x86-64-v%d/%s", level, s.name))
		if level <= s.linker.run.x86Level() {
			if done, err := s.try(ctx, name); done || err != nil {
				return done, err
			}
			continue
		}
		at, err := s.linker.run.tree.resolve(ctx, name)
		if err != nil && unlessAbsent(err) != nil {
			return false, err
		}
		if err == nil && at.file.Mode.IsRegular() {
			s.above = level
		}
	}
	return false, nil
}

// try looks at one file of the right name. The search ends with it if the loader would take it, or give up.
func (s *search) try(ctx context.Context, name string) (done bool, err error) {
	at, err := s.linker.run.tree.resolve(ctx, name)
	if err != nil {
		return false, unlessAbsent(err)
	}
	if !at.file.Mode.IsRegular() {
		return false, nil
	}
	file, err := s.linker.run.read(ctx, at)
	if err != nil {
		return false, err
	}
	want := s.linker.program
	switch {
	case !file.isELF:
		s.misfit = fmt.Sprintf("%s, which is %s", shown(at.path), describeData(file.head))
		return true, nil
	case file.damage != nil:
		s.misfit = fmt.Sprintf("%s, which is %s", shown(at.path), file.damage.Error())
		return true, nil
	case file.program.machine != want.machine:
		s.misfit = fmt.Sprintf("%s, which is %s", shown(at.path), file.program.machine)
		return s.linker.libc == musl, nil // musl takes the first and fails; glibc goes on
	case otherFloat(file.program, want):
		s.misfit = fmt.Sprintf("%s, which is for %s", shown(at.path), floatName(file.program))
		s.otherFloat = true
		return s.linker.libc == musl, nil
	}
	if s.linker.libc == glibc && file.program.machine.number != emMIPS && otherABI(file.program, want) {
		s.misfit = fmt.Sprintf("%s, which is for %s", shown(at.path), file.program.abi())
		return false, nil // elf_machine_matches_host in sysdeps of glibc; musl does not look
	}
	s.found, s.foundAs = &at, name
	return true, nil
}

func describeData(head []byte) string {
	if foreign := foreignFormat(head); foreign != "" {
		return foreign
	}
	if len(head) == 0 {
		return "an empty file"
	}
	if bytes.IndexByte(head, 0) < 0 {
		return "text"
	}
	return "no ELF file"
}
