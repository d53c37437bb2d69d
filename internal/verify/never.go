package verify

import (
	"io/fs"
	"strings"
)

// isNever reports whether a file is surely nothing that a processor runs, by its path and type, and a folder, whether nothing in it is.
// Nine of ten files of large images are found out so, and need not even be described: with a union file system that is most of what it
// costs to look at all files. What the image starts is looked at in any case, whatever its name.
func isNever(name string, kind fs.FileMode) bool {
	switch {
	case kind.IsDir():
		return isHidden(name)
	case kind.IsRegular():
		dot := strings.LastIndexByte(name, '.')
		return dot > strings.LastIndexByte(name, '/')+1 && neverNative[name[dot+1:]]
	}
	return true
}

// isHidden reports whether something is mounted over a folder in every container (runtime-spec, config-linux.md, "Default Filesystems"),
// so that what an image has there cannot be started.
func isHidden(name string) bool { return name == "/dev" || name == "/proc" || name == "/sys" }

// neverNative are the endings of names of texts, sources, scripts, settings, pictures, fonts, archives and lists of packages. Endings that
// native programs or libraries have are left out: bin, dat, exe, dll, o, ko, node, numbers, and words that
// a name of several words could end with, such as service.
var neverNative = wordSet(`
	txt md rst html htm css scss json json5 xml yml yaml toml ini cfg conf properties csv tsv sql xsd xsl dtd sgml tex pdf ps
	c cc cpp cxx h hh hpp java class kt scala go rs py pyi pyc pyo pyx rb gemspec pl pm pod php lua tcl jl
	js mjs cjs jsx ts mts cts tsx map vue coffee sh bash zsh el elc vim m4 cmake mk diff
	png jpg jpeg gif svg ico webp bmp woff woff2 ttf otf eot afm pfb wav mp3 ogg mp4
	gz bz2 xz zst zip tgz jar war whl mo po pot
	md5sums shlibs conffiles preinst postinst prerm postrm crt pem pub asc sig log
`)

func wordSet(text string) map[string]bool {
	set := map[string]bool{}
	for _, word := range strings.Fields(text) {
		set[word] = true
	}
	return set
}
