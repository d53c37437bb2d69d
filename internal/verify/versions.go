package verify

import (
	"path"
	"slices"
	"strings"

	"github.com/org/multiarch-action/internal/plan"
)

// Tags, a flag and a bound of symbol versions ("Symbol Versioning" in the Linux Standard Base, section 10.7).
const (
	dtVersionNeeded, dtVersionNeededCount   = 0x6ffffffe, 0x6fffffff
	dtVersionDefined, dtVersionDefinedCount = 0x6ffffffc, 0x6ffffffd

	versionWeak = 2
	maxVersions = 4096

	maxVersionTable = 16 << 10 // bytes; those of glibc and libstdc++ have less than three thousand
)

// neededVersions reads which versions of symbols a file needs of each library. Weak ones may be missing.
func (r *detailReader) neededVersions(address, count uint64, texts func(uint64) string) map[string][]string {
	table := r.tableAt(address)
	order := r.header.order
	var needed map[string][]string
	for left := maxVersions; count > 0 && len(table) >= 16; count-- {
		file := texts(uint64(order.Uint32(table[4:])))
		aux := skip(table, order.Uint32(table[8:]))
		for n := order.Uint16(table[2:]); n > 0 && left > 0 && len(aux) >= 16; n-- {
			left--
			name := texts(uint64(order.Uint32(aux[8:])))
			if order.Uint16(aux[4:])&versionWeak == 0 && name != "" && file != "" {
				if needed == nil {
					needed = map[string][]string{}
				}
				needed[file] = append(needed[file], name)
			}
			if aux = next(aux, order.Uint32(aux[12:])); aux == nil {
				break
			}
		}
		if table = next(table, order.Uint32(table[12:])); table == nil {
			break
		}
	}
	return needed
}

// definedVersions reads which versions of symbols a library has; none if not all of them can be read, so that none is missed.
func (r *detailReader) definedVersions(address, count uint64, texts func(uint64) string) []string {
	table := r.tableAt(address)
	order := r.header.order
	var defined []string
	for ; count > 0; count-- {
		if len(table) < 20 || len(defined) == maxVersions {
			return nil
		}
		aux := skip(table, order.Uint32(table[12:]))
		if len(aux) < 8 {
			return nil
		}
		defined = append(defined, texts(uint64(order.Uint32(aux))))
		if table = next(table, order.Uint32(table[16:])); table == nil {
			break
		}
	}
	return defined
}

// tableAt reads what begins at an address of memory; nothing if there is none.
func (r *detailReader) tableAt(address uint64) []byte {
	offset, ok := r.offsetOf(address)
	if address == 0 || !ok {
		return nil
	}
	return r.upTo(offset, maxVersionTable)
}

// skip returns what is some bytes further on.
func skip(data []byte, bytes uint32) []byte { return data[min(uint64(bytes), uint64(len(data))):] }

// next is skip, but nothing behind the last entry, which gives no distance.
func next(data []byte, bytes uint32) []byte {
	if bytes == 0 {
		return nil
	}
	return skip(data, bytes)
}

// versions checks that the libraries that were found have the versions of symbols that are asked for. Loaders of musl
// do not look at versions, and a library without any gives only a warning of glibc's.
func (l *linker) versions() {
	if l.libc != glibc {
		return
	}
	for i := range l.objects {
		o := &l.objects[i]
		for _, name := range o.says.needed {
			library := l.loadedAs(name)
			if library == nil || len(library.says.defined) == 0 {
				continue
			}
			missing := slices.DeleteFunc(slices.Clone(o.says.versions[name]), func(v string) bool { return slices.Contains(library.says.defined, v) })
			if len(missing) > 0 {
				l.reportVersion(o, library, missing)
			}
		}
	}
}

// loadedAs finds the library that a name stands for.
func (l *linker) loadedAs(name string) *object {
	i := slices.IndexFunc(l.objects, func(o object) bool { return o.says.soname == name || path.Base(o.name) == path.Base(name) })
	if i < 0 {
		return nil
	}
	return &l.objects[i]
}

// newest returns the last version of the same family: GLIBC_2.36 for GLIBC_2.38. Libraries list them in their order.
func newest(defined []string, like string) string {
	family, _, _ := strings.Cut(like, "_")
	best := defined[0]
	for _, version := range defined {
		if strings.HasPrefix(version, family+"_") && !strings.HasSuffix(version, "_PRIVATE") {
			best = version
		}
	}
	return best
}

func (l *linker) reportVersion(o, library *object, missing []string) {
	l.report(plan.Finding{
		Check: checkSymbolVersion, Path: l.command.where(append(o.chain(), library.at.path)...),
		Expected: "a library with " + shown(strings.Join(missing, ", ")), Found: "one with versions up to " + shown(newest(library.says.defined, missing[0])),
		Why: `starting the program ends with "version not found", exit code 1`,
		Fix: "build the program on the distribution that the image is made of, or on an older one; or use a newer base image",
	})
}
