package verify

import (
	"context"
	"encoding/binary"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/org/multiarch-action/internal/plan"
)

// Bounds of what is followed for one program. LibreOffice has about 200 libraries; nothing is known to preload ten.
const (
	maxObjects  = 1024
	maxPreloads = 64
)

// linker looks for the libraries of one program as its loader would (ld.so(8); for musl, ldso/dynlink.c).
type linker struct {
	run     *run
	command command
	program program
	libc    libc
	folders []string            // where the loader looks last
	cache   map[string][]string // by name; nil if there is none
	loaded  map[string]bool     // by the names under which they were asked for, and by their own
	objects []object            // in the order in which they are loaded
}

// object is a program or a library that is loaded.
type object struct {
	name   string // the path by which it was found
	at     place
	file   content
	says   details
	parent *object // who needed it first
}

// link checks that every library that a program needs, and that these need, would be found.
func (r *run) link(ctx context.Context, c command, program place, loader place) error {
	if r.linked[program.path] {
		return nil
	}
	r.linked[program.path] = true
	file, err := r.read(ctx, program)
	if err != nil {
		return err
	}
	l := &linker{run: r, command: c, program: file.program, libc: libcOf(file.program.loader), loaded: map[string]bool{}}
	if l.libc == otherLibc {
		return nil
	}
	if l.libc == glibc {
		gcompat, err := r.isGcompat(ctx, loader, l.program.machine)
		if err != nil {
			return err
		}
		if gcompat || libcOf(loader.path) == musl {
			l.reportOtherLibc(loader)
			return nil
		}
	}
	if err := l.prepare(ctx, loader); err != nil {
		return err
	}
	if err := l.add(ctx, program.path, program, nil); err != nil {
		return err
	}
	for i := 0; i < len(l.objects) && len(l.objects) < maxObjects; i++ {
		if err := l.needs(ctx, &l.objects[i]); err != nil {
			return err
		}
	}
	l.versions()
	l.fits()
	return nil
}

// prepare reads what belongs to the loader and not to the program.
func (l *linker) prepare(ctx context.Context, loader place) error {
	file, err := l.run.read(ctx, loader)
	if err != nil {
		return err
	}
	says, err := l.run.details(ctx, loader, file)
	if err != nil {
		return err
	}
	for _, name := range []string{path.Base(l.program.loader), path.Base(loader.path), says.soname} {
		l.loaded[name] = true
	}
	if l.libc == musl {
		l.folders, err = l.run.muslFolders(ctx, l.program.loader)
		return err
	}
	told := false
	if l.folders, told, err = l.run.defaultFolders(ctx, loader, l.program.machine); err != nil {
		return err
	}
	if !told && !isUsual(loader.path) {
		l.command.sure = max(l.command.sure, likely) // it has folders and a cache of its own, and where is not known
	}
	if err := l.loadCache(ctx); err != nil {
		return err
	}
	return l.preload(ctx)
}

func (l *linker) loadCache(ctx context.Context) error {
	data, ok, err := l.run.bytes(ctx, "/etc/ld.so.cache", maxCache)
	if err != nil || !ok {
		return err
	}
	cache, understood := parseCache(data, l.order())
	if understood {
		l.cache = cache
		return nil
	}
	l.command.sure = max(l.command.sure, likely) // not understood: what it was made from is a guess
	folders, err := l.run.configured(ctx)
	l.folders = append(l.folders, folders...)
	return err
}

func (l *linker) order() binary.ByteOrder {
	if l.program.machine.big {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// preload adds libraries that are loaded unasked. One that is missing is only a warning of the loader.
func (l *linker) preload(ctx context.Context) error {
	text, _, err := l.run.text(ctx, "/etc/ld.so.preload")
	if err != nil {
		return err
	}
	names := strings.FieldsFunc(text+" "+l.command.env["LD_PRELOAD"], func(c rune) bool { return strings.ContainsRune(" :\n\t", c) })
	for _, name := range names[:min(len(names), maxPreloads)] {
		at, err := l.run.tree.resolve(ctx, below("/", name))
		if err != nil {
			if err := unlessAbsent(err); err != nil {
				return err
			}
			continue
		}
		if !at.file.Mode.IsRegular() {
			continue
		}
		file, err := l.run.read(ctx, at)
		if err != nil {
			return err
		}
		if file.isELF && file.damage == nil && file.program.machine == l.program.machine { // others are ignored with a warning
			if err := l.add(ctx, name, at, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// add takes a file as loaded.
func (l *linker) add(ctx context.Context, name string, at place, parent *object) error {
	file, err := l.run.read(ctx, at)
	if err != nil {
		return err
	}
	says, err := l.run.details(ctx, at, file)
	if err != nil {
		return err
	}
	l.loaded[path.Base(name)], l.loaded[says.soname] = true, true
	l.objects = append(l.objects, object{name: name, at: at, file: file, says: says, parent: parent})
	return nil
}

// needs finds the libraries that one object asks for.
func (l *linker) needs(ctx context.Context, o *object) error {
	who := *o // the list of objects may move while it grows
	for _, name := range who.says.needed {
		if l.loaded[name] || l.libc == musl && isMuslItself(name) {
			continue
		}
		l.loaded[name] = true // each name is asked for, and reported, once
		s := search{linker: l, who: &who, name: name}
		if err := s.find(ctx); err != nil {
			return err
		}
		if s.found == nil {
			l.reportMissing(ctx, &s)
			continue
		}
		if err := l.add(ctx, s.foundAs, *s.found, &who); err != nil {
			return err
		}
	}
	return nil
}

// isMuslItself reports whether a name is the loader's own (ldso/dynlink.c, load_library).
func isMuslItself(name string) bool {
	if name == "libc.so" || strings.HasPrefix(name, "libc.musl-") {
		return true
	}
	for _, word := range []string{"c", "pthread", "rt", "m", "dl", "util", "xnet"} {
		if strings.HasPrefix(name, "lib"+word+".") {
			return true
		}
	}
	return false
}

// chain is how an object came to be loaded, beginning with the program.
func (o *object) chain() []string {
	if o == nil {
		return nil
	}
	return append(o.parent.chain(), o.at.path)
}

// report adds a finding, as a warning where a script may have changed the environment in which libraries are found.
func (l *linker) report(f plan.Finding) {
	c := l.command
	if c.sure == likely {
		c.sure = guessed
	}
	l.run.report(c, f)
}

func (l *linker) reportOtherLibc(loader place) {
	l.report(plan.Finding{
		Check: checkInterpLibc, Path: l.command.where(l.program.loader, loader.path),
		Expected: "the loader of glibc", Found: "one that gives way to musl",
		Why: "programs for glibc work under musl only in part: many end with \"Error relocating\" or crash",
		Fix: "use the program's release for musl, or a base image with glibc",
	})
}

// reportMissing reports a library that would not be found, or only one that does not fit.
func (l *linker) reportMissing(ctx context.Context, s *search) {
	f := plan.Finding{
		Check: checkLibMissing, Path: l.command.where(append(s.who.chain(), s.name)...),
		Expected: "the library in a folder where its loader looks: " + shown(strings.Join(s.folders, ", ")),
		Found:    "none in any of them",
		Why:      `starting the program ends with "error while loading shared libraries", exit code 127`,
		Fix:      "install the package with the library in the last stage, or COPY it to one of these folders",
	}
	if l.libc == musl {
		f.Why = `starting the program ends with "Error loading shared library", exit code 127`
	}
	switch {
	case s.misfit != "":
		f.Check = checkLibArch
		f.Expected, f.Found = "a library that is "+l.program.machine.String(), s.misfit
		if s.otherFloat {
			f.Expected = "a library for " + floatName(l.program)
		}
		f.Fix = "take program and libraries from images of one platform: look for FROM --platform and COPY --from in the Dockerfile"
	case s.above > 0:
		f.Found = fmt.Sprintf("only one in glibc-hwcaps that needs x86-64-v%d", s.above)
	default:
		if folder := l.forgotten(ctx, s.name); folder != "" {
			f.Found = fmt.Sprintf("one in %s, which /etc/ld.so.conf names, but ldconfig was not run after it came there", shown(folder))
			f.Fix = "RUN ldconfig after the library is installed: loaders read its cache, not the configuration"
		}
	}
	if isMountedAtRun(s.name) {
		f.Check = checkLibRuntime
		f.Why = "the container runtime mounts it where there is a GPU; elsewhere the program does not start"
		f.Fix = "nothing, if the image is for machines with that driver"
	}
	l.report(f)
}

// forgotten looks for a library in the folders that ldconfig would have put into the cache.
func (l *linker) forgotten(ctx context.Context, name string) string {
	folders, err := l.run.configured(ctx)
	if err != nil || l.libc != glibc {
		return ""
	}
	for _, folder := range folders {
		if at, err := l.run.tree.resolve(ctx, below(folder, name)); err == nil && at.file.Mode.IsRegular() {
			return folder
		}
	}
	return ""
}

// isMountedAtRun reports whether a library belongs to a driver of the machine (the lists of libnvidia-container, and of its runtime for
// Jetson, /etc/nvidia-container-runtime/host-files-for-container.d).
func isMountedAtRun(name string) bool {
	return slices.ContainsFunc([]string{"libcuda.so", "libnvidia-", "libnvcuvid.so", "libnvoptix.so", "libnvrm", "libnvos.so", "libnvbuf", "libnvmedia", "libnvdla_", "libnvddk", "libnvcucompat.so"}, func(prefix string) bool {
		return strings.HasPrefix(name, prefix)
	})
}
