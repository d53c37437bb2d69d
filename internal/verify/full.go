package verify

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/org/multiarch-action/internal/plan"
)

// Bounds of what is said about all files. Each finding is about one folder; the rest is counted.
const (
	maxGroups  = 20     // findings of one check
	maxTracked = 300    // folders that are told apart
	maxForeign = 1000   // files for other machines that are compared with other platforms
	maxOwn     = 50_000 // files that other platforms' are compared with; they are 400 kB
)

// Machines whose ELF files are never programs for a processor: BPF, and the code of GPUs.
const (
	emBPF    = 247
	emCUDA   = 190
	emAMDGPU = 224
)

// fileGroup is what one folder holds of one kind.
type fileGroup struct {
	check   string
	folder  string
	first   string // path of the first file
	what    string // what it is
	machine machine
	files   int
	foreign []Program // those of the files that are compared with other platforms
}

// survey looks at every file of an image.
type survey struct {
	run    *run
	groups []*fileGroup
	index  map[string]*fileGroup
	rest   map[string]int // files that are only counted, by check
	path   []string       // folders of PATH

	own     []uint64 // fingerprints of what runs
	foreign int      // files in all groups that are compared
}

// all looks at the first bytes of every executable file and shared library. It returns the fingerprints of those that run, in order, and
// those for other machines.
func (r *run) all(ctx context.Context, w Walker) (own []uint64, foreign []Program, err error) {
	if _, known := platformMachines[r.platform.Architecture()]; r.platform.OS() != "linux" || !known {
		return nil, nil, nil
	}
	s := &survey{run: r, index: map[string]*fileGroup{}, rest: map[string]int{}, path: strings.Split(environment(r.config.Env)["PATH"], ":")}
	if err := w.Walk(ctx, "/", isNever, func(name string, file File) error { return s.visit(ctx, w, name, file) }); err != nil {
		return nil, nil, fmt.Errorf("looking at all files: %w", err)
	}
	if err := s.report(ctx); err != nil {
		return nil, nil, err
	}
	for _, g := range s.groups {
		if g.check != checkFilesBeside {
			foreign = append(foreign, g.foreign...)
		}
	}
	slices.Sort(s.own)
	return slices.Compact(s.own), foreign, nil
}

func (s *survey) visit(ctx context.Context, files Files, name string, file File) error {
	if !file.Mode.IsRegular() || file.Size < 4 || file.Mode&0o111 == 0 && !isLibrary(name) {
		return nil
	}
	head, err := files.ReadAt(ctx, name, 0, min(headBytes, file.Size))
	if err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	if bytes.HasPrefix(head, []byte("\x7fELF")) {
		return s.elf(ctx, name, file, head)
	}
	if s.run.started[name] {
		return nil
	}
	if format := foreignFormat(head); format != "" {
		s.add(fileGroup{check: checkFilesFormat, first: name, what: format})
	}
	return nil
}

// isLibrary recognises shared libraries by their names: they need no x bit.
func isLibrary(name string) bool {
	base := path.Base(name)
	return strings.HasSuffix(base, ".so") || strings.Contains(base, ".so.") || strings.HasSuffix(base, ".node")
}

// elf judges an ELF file that nobody is known to start.
func (s *survey) elf(ctx context.Context, name string, file File, head []byte) error {
	h, err := parseHeader(head)
	m := h.program.machine
	kind := h.program.kind
	if m == (machine{}) || err == nil && kind != etExec && kind != etDyn {
		return nil // too short to be one, an object file, or a core dump
	}
	runs := accepts(s.run.platform.Architecture(), m) != refused
	if runs && len(s.own) >= maxOwn || !runs && (s.run.started[name] || s.isData(name, m)) {
		return nil
	}
	print, err := s.run.fingerprint(ctx, place{path: name, file: file})
	if err != nil {
		return err
	}
	if runs {
		s.own = append(s.own, print)
		return nil
	}
	g := fileGroup{check: checkFilesForeign, first: name, what: m.String(), machine: m}
	mostlyRuns := s.run.platform.Architecture() == "arm64" && m == platformMachines["arm"]
	reached := s.isReached(name) && !mostlyRuns
	if reached {
		g.check = checkFilesArch
	}
	known := s.add(g)
	if known != nil && s.foreign < maxForeign {
		known.foreign = append(known.foreign, Program{Path: name, Fingerprint: print, machine: m, reached: reached})
		s.foreign++
	}
	return nil
}

// qemuName is that of an emulator, which is for the machine that builds.
var qemuName = regexp.MustCompile(`^qemu-[a-z0-9_]+(-static)?$`)

// triplet is a folder of a cross compiler or of Debian's multiarch, such as aarch64-linux-gnu.
var triplet = regexp.MustCompile(`^([a-z0-9_]+)-([a-z0-9]+-)?(linux|none|elf|w64)(-|$)`)

// isData reports whether a foreign ELF file is meant to be foreign: it is no program, an emulator, or in a folder for
// another machine, for tests, or for devices.
func (s *survey) isData(name string, m machine) bool {
	switch m.number {
	case emBPF, emCUDA, emAMDGPU:
		return true
	}
	if qemuName.MatchString(path.Base(name)) || strings.HasSuffix(name, ".ko") {
		return true
	}
	return slices.ContainsFunc(strings.Split(path.Dir(name), "/"), func(element string) bool {
		switch element {
		case "libx32", "sysroot", "firmware", "testdata":
			return true
		}
		match := triplet.FindStringSubmatch(element)
		return match != nil && !slices.Contains(archWords[s.run.platform.Architecture()], match[1])
	})
}

// Folders in which programs and libraries of the platform are looked for.
var (
	programFolders = []string{"/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"}
	libraryFolders = []string{"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib"}
)

// isReached reports whether a file lies where it would be found by its name.
func (s *survey) isReached(name string) bool {
	folder := path.Dir(name)
	if isLibrary(name) {
		return slices.Contains(libraryFolders, folder) || slices.Contains(triplets[s.run.platform.Architecture()], path.Base(folder)) &&
			slices.Contains(libraryFolders, path.Dir(folder))
	}
	return slices.Contains(programFolders, folder) || slices.Contains(s.path, folder)
}

// add counts a file in the group of its folder, and returns that; nil: there are too many.
func (s *survey) add(g fileGroup) *fileGroup {
	g.folder, g.files = path.Dir(g.first), 1
	key := g.check + "\x00" + g.folder + "\x00" + g.what
	if known := s.index[key]; known != nil {
		known.files++
		return known
	}
	if len(s.groups) == maxTracked {
		s.rest[g.check]++
		return nil
	}
	s.index[key] = &g
	s.groups = append(s.groups, &g)
	return &g
}

// report makes a finding of each folder, and one of what is over the limit.
func (s *survey) report(ctx context.Context) error {
	count := map[string]int{}
	for _, g := range s.groups {
		if g.check == checkFilesForeign {
			beside, err := s.hasSibling(ctx, g)
			if err != nil {
				return err
			}
			if beside {
				g.check = checkFilesBeside
			}
		}
		count[g.check]++
		if count[g.check] > maxGroups {
			s.rest[g.check] += g.files
			continue
		}
		s.run.report(command{}, s.finding(g))
	}
	for _, check := range []string{checkFilesArch, checkFilesForeign, checkFilesBeside, checkFilesFormat} {
		if s.rest[check] > 0 {
			s.run.report(command{}, plan.Finding{
				Check: check, Found: fmt.Sprintf("%d more files in other folders", s.rest[check]),
				Why: "only the first folders are listed", Fix: "correct those, or ignore folders that are meant to be so",
			})
		}
	}
	return nil
}

func (s *survey) finding(g *fileGroup) plan.Finding {
	f := plan.Finding{Check: g.check, Path: shown(g.first), Expected: s.run.wantedProgram(), Found: g.what, Fix: fixArch}
	if g.files > 1 {
		f.Found += fmt.Sprintf("; %d files in %s are such", g.files, shown(g.folder))
	}
	switch g.check {
	case checkFilesArch:
		f.Why = "it lies where programs and libraries are looked for, and " + refusal(s.run.platform, g.machine)
	case checkFilesForeign:
		f.Why = "if something starts or loads it, " + refusal(s.run.platform, g.machine)
	case checkFilesBeside:
		f.Why = "a folder for the platform lies beside it, so that it is only not used"
		f.Fix = "delete it in the build, if the size matters"
	case checkFilesFormat:
		f.Expected, f.Why, f.Fix = "files for Linux", "Linux cannot start it without Wine, .NET or the like", "delete it in the build, if nothing uses it"
	}
	return f
}

// archWords is what packages call an architecture in names of folders.
var archWords = map[string][]string{
	"amd64": {"x64", "amd64", "x86_64", "x86-64"}, "386": {"ia32", "386", "i386", "i486", "i586", "i686", "x86"}, "arm64": {"arm64", "aarch64"},
	"arm": {"arm", "armv7", "armv7l", "armhf", "armv6", "armv6l"}, "ppc64le": {"ppc64le", "ppc64", "powerpc64le"}, "ppc64": {"ppc64"},
	"s390x": {"s390x"}, "riscv64": {"riscv64"}, "loong64": {"loong64", "loongarch64"}, "mips64le": {"mips64el"}, "mipsle": {"mipsel"}, "mips": {"mips"}, "mips64": {"mips64"},
}

// hasSibling reports whether a folder for the platform lies beside the folder of a foreign file: packages for npm, NuGet
// and others hold libraries for all platforms, in folders whose names differ by a word only (linux-x64, linux-arm64).
func (s *survey) hasSibling(ctx context.Context, g *fileGroup) (bool, error) {
	elements := strings.Split(g.first, "/")
	for i, element := range elements {
		for _, word := range archWords[g.machine.name()] {
			if !hasWord(element, word) {
				continue
			}
			for _, own := range archWords[s.run.platform.Architecture()] {
				other := strings.Join(elements[:i], "/") + "/" + strings.Replace(element, word, own, 1)
				if _, err := s.run.tree.resolve(ctx, other); err == nil {
					return true, nil
				} else if err := unlessAbsent(err); err != nil {
					return false, err
				}
			}
		}
	}
	return false, nil
}

// hasWord reports whether a word stands in a text by itself.
func hasWord(text, word string) bool {
	i := strings.Index(text, word)
	if i < 0 {
		return false
	}
	end := i + len(word)
	return (i == 0 || !isLetter(text[i-1])) && (end == len(text) || !isLetter(text[end]))
}

func isLetter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
