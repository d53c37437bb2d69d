package corpus

import (
	"path"
	"strings"
)

// system describes how a distribution with glibc looks for one architecture.
type system struct {
	arch    string
	loader  string // PT_INTERP of its programs
	triplet string // folder of libraries below lib
	flags   uint32
	arm     []byte
}

// The systems of Debian. Loaders and triplets are those of its packages.
var debians = map[string]system{
	"amd64":   {arch: "amd64", loader: "/lib64/ld-linux-x86-64.so.2", triplet: "x86_64-linux-gnu"},
	"arm64":   {arch: "arm64", loader: "/lib/ld-linux-aarch64.so.1", triplet: "aarch64-linux-gnu"},
	"386":     {arch: "386", loader: "/lib/ld-linux.so.2", triplet: "i386-linux-gnu"},
	"armhf":   {arch: "arm", loader: "/lib/ld-linux-armhf.so.3", triplet: "arm-linux-gnueabihf", flags: 0x400, arm: armV7},
	"raspi":   {arch: "arm", loader: "/lib/ld-linux-armhf.so.3", triplet: "arm-linux-gnueabihf", flags: 0x400, arm: armV6},
	"armel":   {arch: "arm", loader: "/lib/ld-linux.so.3", triplet: "arm-linux-gnueabi", flags: 0x200, arm: armV5},
	"ppc64le": {arch: "ppc64le", loader: "/lib64/ld64.so.2", triplet: "powerpc64le-linux-gnu"},
	"s390x":   {arch: "s390x", loader: "/lib/ld64.so.1", triplet: "s390x-linux-gnu"},
	"riscv64": {arch: "riscv64", loader: "/lib/ld-linux-riscv64-lp64d.so.1", triplet: "riscv64-linux-gnu"},
	"ppc64":   {arch: "ppc64", loader: "/lib64/ld64.so.1", triplet: "powerpc64-linux-gnu"},
	"loong64": {arch: "loong64", loader: "/lib64/ld-linux-loongarch-lp64d.so.1", triplet: "loongarch64-linux-gnu"},
	"mipsle":  {arch: "mipsle", loader: "/lib/ld.so.1", triplet: "mipsel-linux-gnu"},
}

// Pairs of .ARM.attributes: architecture, use of Thumb, floating point, how arguments are passed.
var (
	armV5 = []byte{6, 4, 9, 1}
	armV6 = []byte{5, 'A', 'R', 'M', '1', '1', '7', '6', 0, 6, 7, 9, 1, 10, 2, 28, 1}
	armV7 = []byte{6, 10, 7, 'A', 9, 2, 10, 3, 12, 1, 28, 1}
	armV8 = []byte{6, 14, 7, 'A', 9, 2, 10, 7, 28, 1}
)

// elf is a program or library of the system.
func (s system) elf(e ELF) ELF {
	e.Arch, e.Flags = s.arch, e.Flags|s.flags
	if e.ARM == nil {
		e.ARM = s.arm
	}
	return e
}

// glibcVersions are those of Debian 12.
var glibcVersions = []string{"libc.so.6", "GLIBC_2.17", "GLIBC_2.34", "GLIBC_2.36"}

// app is a dynamically linked program of the system.
func (s system) app(needed ...string) ELF {
	return s.elf(ELF{Kind: 3, Interp: s.loader, Needed: append(needed, "libc.so.6")})
}

// lib is a library of the system.
func (s system) lib(name string, needed ...string) File {
	e := s.elf(ELF{Kind: 3, Soname: name, Needed: append(needed, "libc.so.6")})
	return File{Mode: 0o644, Data: e.Bytes()}
}

// folder is where its libraries are.
func (s system) folder() string { return "/usr/lib/" + s.triplet }

// files are a system with loader, C library and shell, in the merged layout of Debian 12.
func (s system) files() map[string]File {
	loader := path.Base(s.loader)
	folders := strings.Join([]string{"/lib/" + s.triplet, "/usr/lib/" + s.triplet, "/lib", "/usr/lib"}, "/\x00") + "/\x00"
	files := map[string]File{
		"/bin": link("usr/bin"), "/lib": link("usr/lib"), "/lib64": link("usr/lib64"),
		s.folder() + "/" + loader:     program(s.elf(ELF{Kind: 3, Soname: loader, Text: "\x00" + folders})),
		s.folder() + "/libc.so.6":     {Mode: 0o755, Data: s.elf(ELF{Kind: 3, Soname: "libc.so.6", Needed: []string{loader}, Interp: s.loader, Defines: glibcVersions}).Bytes()},
		"/usr" + s.loader:             link(s.folder() + "/" + loader),
		"/usr/bin/sh":                 link("dash"),
		"/usr/bin/dash":               program(s.app()),
		"/usr/bin/env":                program(s.app()),
		"/etc/passwd":                 data("root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n"),
		"/etc/group":                  data("root:x:0:\napp:x:1000:\nstaff:x:50:app\n"),
		"/etc/ld.so.conf":             data("include /etc/ld.so.conf.d/*.conf\n"),
		"/etc/ld.so.conf.d/libc.conf": data("# libc default configuration\n/usr/local/lib\n"),
		"/etc/ld.so.cache":            {Mode: 0o644, Data: Cache(s.arch, "/lib/"+s.triplet+"/libc.so.6")},
	}
	return files
}

func debian(name string, more ...map[string]File) map[string]File {
	return with(debians[name].files(), more...)
}

// muslName is how musl calls an architecture.
var muslName = map[string]string{"amd64": "x86_64", "arm64": "aarch64", "386": "i386", "arm": "armhf", "ppc64le": "powerpc64le", "s390x": "s390x", "riscv64": "riscv64"}

func muslLoader(arch string) string { return "/lib/ld-musl-" + muslName[arch] + ".so.1" }

// muslApp is a dynamically linked program for musl.
func muslApp(arch string, needed ...string) ELF {
	return ELF{Arch: arch, Kind: 3, Interp: muslLoader(arch), Needed: append(needed, "libc.musl-"+muslName[arch]+".so.1")}
}

// alpine is a system with musl and busybox.
func alpine(arch string, more ...map[string]File) map[string]File {
	return with(map[string]File{
		muslLoader(arch): program(ELF{Arch: arch, Kind: 3, Soname: "libc.musl-" + muslName[arch] + ".so.1"}),
		"/lib/libc.musl-" + muslName[arch] + ".so.1": link(path.Base(muslLoader(arch))),
		"/bin/busybox": program(muslApp(arch)), "/bin/sh": link("/bin/busybox"), "/bin/ash": link("/bin/busybox"), "/usr/bin/env": link("/bin/busybox"),
		"/etc/passwd": data("root:x:0:0:root:/root:/bin/sh\n"), "/etc/group": data("root:x:0:root\n"),
	}, more...)
}

// fedora is a system with libraries in lib64.
func fedora(more ...map[string]File) map[string]File {
	const loader = "/lib64/ld-linux-x86-64.so.2"
	app := ELF{Arch: "amd64", Kind: 3, Interp: loader, Needed: []string{"libc.so.6"}}
	return with(map[string]File{
		"/bin": link("usr/bin"), "/lib64": link("usr/lib64"), "/lib": link("usr/lib"),
		"/usr/lib64/ld-linux-x86-64.so.2": program(ELF{Arch: "amd64", Kind: 3, Soname: "ld-linux-x86-64.so.2", Text: "\x00/lib64/\x00/usr/lib64/\x00"}),
		"/usr/lib64/libc.so.6":            program(ELF{Arch: "amd64", Kind: 3, Soname: "libc.so.6", Needed: []string{"ld-linux-x86-64.so.2"}}),
		"/usr/bin/bash":                   program(app), "/usr/bin/sh": link("bash"),
	}, more...)
}
