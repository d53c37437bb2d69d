package corpus

import (
	"slices"
	"strconv"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Good returns images that look odd but run.
func Good() []Image {
	return slices.Concat(goodPrograms(), goodMachines(), goodStarts(), goodScripts(), goodUsers(), goodLibraries(), goodProcessors(), goodABIs(), goodShells(), goodFiles(), goodOdd())
}

func good(name, platform string, config ocispec.ImageConfig, files map[string]File) Image {
	return Image{Name: name, Platform: platform, Config: config, Files: files}
}

func goodPrograms() []Image {
	s := debians["amd64"]
	busybox := static("arm64")
	return []Image{
		good("nothing at all", "linux/amd64", ocispec.ImageConfig{}, nil),
		good("only data", "linux/s390x", ocispec.ImageConfig{}, map[string]File{"/data/model.bin": data("\x7fELF is not what this is")}),
		good("a base image without a command", "linux/arm64", ocispec.ImageConfig{}, debian("arm64")),
		app("a static program alone", "linux/amd64", ELF{Arch: "amd64"}, ""),
		app("a static program that may be anywhere in memory", "linux/amd64", ELF{Arch: "amd64", Kind: 3}, ""),
		app("a static glibc program with IFUNC", "linux/amd64", ELF{Arch: "amd64", OSABI: 3}, ""),
		good("Debian", "linux/amd64", cmd("sh"), debian("amd64")),
		good("Fedora", "linux/amd64", cmd("/bin/bash"), fedora()),
		good("Alpine", "linux/arm64", cmd("/bin/sh"), alpine("arm64")),
		good("distroless", "linux/arm64", as("65532:65532", entry("/app")), distroless()),
		good("busybox by links", "linux/arm64", cmd("httpd", "-f"), map[string]File{"/bin/busybox": busybox, "/bin/httpd": link("busybox")}),
		good("busybox by its own name", "linux/arm64", entry("/bin/busybox", "httpd", "-f"), map[string]File{"/bin/busybox": busybox}),
		good("busybox by copies of one file", "linux/arm64", cmd("sleep", "1"), map[string]File{"/bin/busybox": busybox, "/bin/sleep": busybox}),
		good("a coreutils in one program", "linux/amd64", cmd("ls"), debian("amd64", map[string]File{"/usr/bin/coreutils": program(s.app()), "/usr/bin/ls": link("coreutils")})),
		good("Java: a runtime and a jar", "linux/arm64", entry("java", "-jar", "/app.jar"), java()),
		good("Java: classes alone", "linux/arm64", ocispec.ImageConfig{}, map[string]File{"/app/Main.class": data("\xca\xfe\xba\xbe\x00\x00\x00\x41")}),
		good("Wine and a Windows program", "linux/amd64", ocispec.ImageConfig{Entrypoint: []string{"/usr/bin/wine"}, Cmd: []string{"/app.exe"}},
			debian("amd64", map[string]File{"/usr/bin/wine": program(s.app()), "/app.exe": script("MZ\x90\x00")})),
		good("an image of an emulator", "linux/amd64", entry("/usr/bin/qemu-aarch64-static"), map[string]File{"/usr/bin/qemu-aarch64-static": static("amd64")}),
		good("an emulator that was left in the image", "linux/arm64", entry("/app"), map[string]File{"/app": static("arm64"), "/usr/bin/qemu-aarch64-static": static("amd64")}),
		good("an image for Windows", "windows/amd64", entry(`C:\app.exe`), map[string]File{"/Files/app.exe": script("MZ")}),
	}
}

func distroless() map[string]File {
	s := debians["arm64"]
	files := debian("arm64", map[string]File{"/app": program(s.app("libssl.so.3")), s.folder() + "/libssl.so.3": s.lib("libssl.so.3")})
	for _, name := range []string{"/usr/bin/sh", "/usr/bin/dash", "/usr/bin/env", "/etc/ld.so.cache", "/etc/ld.so.conf"} {
		delete(files, name)
	}
	return files
}

// java is a runtime whose launcher finds its libraries beside itself.
func java() map[string]File {
	s := debians["arm64"]
	launcher := s.app("libjli.so")
	launcher.RunPath = "$ORIGIN/../lib"
	return debian("arm64", map[string]File{
		"/opt/java/bin/java": program(launcher), "/opt/java/lib/libjli.so": s.lib("libjli.so"), "/usr/bin/java": link("/etc/alternatives/java"),
		"/etc/alternatives/java": link("/opt/java/bin/java"), "/app.jar": data("PK\x03\x04"),
	})
}

func goodMachines() []Image {
	var list []Image
	for _, arch := range []string{"386", "amd64", "arm", "arm64", "loong64", "mips", "mipsle", "mips64", "mips64le", "ppc64", "ppc64le", "riscv64", "s390x"} {
		list = append(list, app("a Go cross build for "+arch, "linux/"+arch, ELF{Arch: arch, Go: []string{"GOARCH=" + arch, "GOOS=linux", "CGO_ENABLED=0"}}, ""))
	}
	for name, arch := range map[string]string{"386": "386", "ppc64le": "ppc64le", "s390x": "s390x", "riscv64": "riscv64"} {
		list = append(list, good("Debian for "+name, "linux/"+arch, cmd("sh"), debian(name)))
	}
	slices.SortFunc(list, func(a, b Image) int { return strings.Compare(a.Name, b.Name) })
	return append(list,
		good("a 386 system in amd64", "linux/amd64", cmd("sh"), debian("386")),
		app("a 386 program in amd64", "linux/amd64", ELF{Arch: "386"}, ""),
		app("a 32-bit program in ppc64", "linux/ppc64", ELF{Arch: "ppc"}, ""),
		app("an o32 program in mips64le", "linux/mips64le", ELF{Arch: "mipsle"}, ""),
		good("a soft-float system in arm/v7", "linux/arm/v7", cmd("sh"), debian("armel")),
		good("both ARM systems in one image", "linux/arm/v7", shell("/armel && /armhf"), debian("armhf", map[string]File{
			"/armhf": program(debians["armhf"].app()), "/armel": program(debians["armel"].app()),
			"/usr/lib/ld-linux.so.3":               program(debians["armel"].elf(ELF{Kind: 3, Text: "\x00/lib/arm-linux-gnueabi/\x00/usr/lib/arm-linux-gnueabi/\x00"})),
			"/usr/lib/arm-linux-gnueabi/libc.so.6": debians["armel"].lib("libc.so.6"),
		})),
	)
}

func goodStarts() []Image {
	app := map[string]File{"/app": static("arm64"), "/usr/local/bin/app": static("arm64")}
	wrapped := func(name string, words ...string) Image {
		return good("a start through "+name, "linux/arm64", entry(words...), alpine("arm64", app, map[string]File{"/bin/" + name: static("arm64")}))
	}
	links := map[string]File{"/l40": static("arm64")}
	for i := range 40 {
		links["/l"+strconv.Itoa(i)] = link("l" + strconv.Itoa(i+1))
	}
	return []Image{
		wrapped("tini", "tini", "-g", "--", "/app"), wrapped("dumb-init", "dumb-init", "/app"), wrapped("gosu", "gosu", "root", "/app"),
		wrapped("su-exec", "su-exec", "root:root", "/app"), wrapped("timeout", "timeout", "-k", "5", "10", "/app"),
		good("a shell text with conditions", "linux/arm64", shell(`test -f /x && exec /app; cd / && ./app "$@"`), alpine("arm64", app)),
		good("a command of options only", "linux/arm64", ocispec.ImageConfig{Entrypoint: []string{"/app"}, Cmd: []string{"--help"}}, app),
		good("a command that is a folder of data", "linux/arm64", ocispec.ImageConfig{Entrypoint: []string{"/app"}, Cmd: []string{"/data"}}, with(app, map[string]File{"/data": folder(0o755)})),
		good("a command that is a file of data", "linux/arm64", ocispec.ImageConfig{Entrypoint: []string{"/app"}, Cmd: []string{"/etc/app.conf"}}, with(app, map[string]File{"/etc/app.conf": data("a=b\n")})),
		good("a relative entrypoint", "linux/arm64", in("/usr/local", entry("bin/app")), app),
		good("a working directory that is not there", "linux/arm64", in("/not/there", entry("/app")), app),
		good("forty links in a row", "linux/arm64", entry("/l0"), links),
		good("links that leave the root", "linux/arm64", entry("/opt/app"), with(app, map[string]File{"/opt/app": link("../../../../app")})),
		good("a PATH with folders that are not there", "linux/arm64", env(cmd("app"), "PATH=/none:/usr/local/bin"), app),
		good("a name on PATH that is no program first", "linux/arm64", env(cmd("app"), "PATH=/a:/usr/local/bin"), with(app, map[string]File{"/a/app": data("text")})),
	}
}

func goodScripts() []Image {
	python := map[string]File{"/usr/bin/python3": link("python3.12"), "/usr/bin/python3.12": static("arm64")}
	run := func(name, text string, more ...map[string]File) Image {
		return good(name, "linux/arm64", entry("/run"), alpine("arm64", append(more, map[string]File{"/run": script(text)})...))
	}
	nested := map[string]File{}
	for i := range 4 {
		nested["/s"+strconv.Itoa(i)] = script("#!/s" + strconv.Itoa(i+1) + "\n")
	}
	nested["/s4"] = static("arm64")
	return []Image{
		run("a script", "#!/bin/sh\nexec sleep 1\n"),
		run("a script without an end of line", "#!/bin/sh"),
		run("a script with blanks", "#! \t/bin/sh -e \n"),
		run("a script by env", "#!/usr/bin/env python3\n", python),
		run("a script by env with more words", "#!/usr/bin/env -S python3 -u -X dev\n", python),
		run("five scripts in a row", "#!/s0\n", nested),
		run("a virtual environment of Python", "#!/venv/bin/python\n", python, map[string]File{"/venv/bin/python": link("/usr/bin/python3")}),
		good("an entrypoint script with a command", "linux/arm64", ocispec.ImageConfig{Entrypoint: []string{"/run"}, Cmd: []string{"python3", "-V"}},
			alpine("arm64", python, map[string]File{"/run": script("#!/bin/sh\nset -e\nif [ \"$1\" = x ]; then shift; fi\nexec \"$@\"\n")})),
	}
}

func goodUsers() []Image {
	mine := File{Mode: 0o500, Data: ELF{Arch: "amd64"}.Bytes(), UID: 1000, GID: 1000}
	ofGroup := File{Mode: 0o750, Data: ELF{Arch: "amd64"}.Bytes(), GID: 50}
	user := func(name, user string, config ocispec.ImageConfig, files map[string]File) Image {
		return good(name, "linux/amd64", as(user, config), debian("amd64", files))
	}
	return []Image{
		good("a number without a passwd file", "linux/amd64", as("65532", entry("/app")), map[string]File{"/app": static("amd64")}),
		user("a program of the user alone", "app", entry("/app"), map[string]File{"/app": mine}),
		user("a program of a group of the user", "app", entry("/app"), map[string]File{"/app": ofGroup}),
		user("a program of the group that is named", "1234:staff", entry("/app"), map[string]File{"/app": ofGroup}),
		user("root and a program that only others may execute", "", entry("/app"), map[string]File{"/app": {Mode: 0o001, Data: mine.Data, UID: 5}}),
		user("a user that sudo changes", "app", entry("/usr/bin/sudo", "/root/app"), map[string]File{
			"/usr/bin/sudo": program(debians["amd64"].app()), "/root": folder(0o700), "/root/app": static("amd64"),
		}),
		user("root in a closed folder", "0:0", in("/root", entry("/root/app")), map[string]File{"/root": folder(0o700), "/root/app": static("amd64")}),
	}
}

func goodLibraries() []Image {
	s := debians["amd64"]
	dir := s.folder()
	one := func(name string, e ELF, more map[string]File) Image {
		return good(name, "linux/amd64", entry("/app/bin/app"), debian("amd64", map[string]File{"/app/bin/app": program(e)}, more))
	}
	paths := func(e ELF, run, r string) ELF {
		e.RunPath, e.RPath = run, r
		return e
	}
	a, b := s.lib("liba.so.1"), s.lib("libb.so.1")
	nix := "/nix/store/abc-glibc-2.40/lib"
	nixApp := ELF{Arch: "amd64", Kind: 3, Interp: nix + "/ld-linux-x86-64.so.2", Needed: []string{"libc.so.6"}, RunPath: nix}
	return []Image{
		one("a RUNPATH beside the program", paths(s.app("liba.so.1"), "$ORIGIN/../lib", ""), map[string]File{"/app/lib/liba.so.1": a}),
		one("an RPATH that the libraries inherit", paths(s.app("liba.so.1"), "", "${ORIGIN}/../lib"), map[string]File{"/app/lib/liba.so.1": s.lib("liba.so.1", "libb.so.1"), "/app/lib/libb.so.1": b}),
		one("a library by its path", s.app("$ORIGIN/../lib/liba.so.1"), map[string]File{"/app/lib/liba.so.1": a}),
		one("a library that the cache names", s.app("liba.so.1"), map[string]File{
			"/usr/local/lib/liba.so.1": a, "/etc/ld.so.cache": {Mode: 0o644, Data: Cache("amd64", "/lib/"+s.triplet+"/libc.so.6", "/usr/local/lib/liba.so.1")},
		}),
		one("a cache that is out of date", s.app("liba.so.1"), map[string]File{dir + "/liba.so.1": a, "/etc/ld.so.cache": {Mode: 0o644, Data: Cache("amd64", "/gone/liba.so.1")}}),
		one("a cache in a format that nobody knows", s.app("liba.so.1"), map[string]File{"/usr/local/lib/liba.so.1": a, "/etc/ld.so.cache": data("new format")}),
		one("a library for newer processors beside one for all", s.app("liba.so.1"), map[string]File{dir + "/glibc-hwcaps/x86-64-v3/liba.so.1": a, dir + "/liba.so.1": a}),
		one("a library of another machine before the right one", paths(s.app("liba.so.1"), "/other:"+dir, ""), map[string]File{"/other/liba.so.1": debians["arm64"].lib("liba.so.1"), dir + "/liba.so.1": a}),
		one("a library under another name, loaded before", s.app("/app/lib/x.so", "liba.so.1"), map[string]File{"/app/lib/x.so": a}),
		one("a library of the GPU driver", s.app("libcuda.so.1"), nil),
		one("a program for the versions of the C library", versioned(s.app(), "libc.so.6", "GLIBC_2.17", "GLIBC_2.36"), nil),
		one("a library without versions", versioned(s.app("liba.so.1"), "liba.so.1", "A_1"), map[string]File{dir + "/liba.so.1": a}),
		one("two libraries that need each other", s.app("liba.so.1"), map[string]File{dir + "/liba.so.1": s.lib("liba.so.1", "libb.so.1"), dir + "/libb.so.1": s.lib("libb.so.1", "liba.so.1")}),
		good("LD_LIBRARY_PATH", "linux/amd64", env(entry("/app"), "LD_LIBRARY_PATH=/opt/lib"), debian("amd64", map[string]File{"/app": program(s.app("liba.so.1")), "/opt/lib/liba.so.1": a})),
		good("LD_PRELOAD of a library that is not there", "linux/amd64", env(entry("/app"), "LD_PRELOAD=/none.so"), debian("amd64", map[string]File{"/app": program(s.app())})),
		good("Nix", "linux/amd64", entry("/app"), map[string]File{
			"/app": program(nixApp), nix + "/libc.so.6": s.lib("libc.so.6"),
			nix + "/ld-linux-x86-64.so.2": program(ELF{Arch: "amd64", Kind: 3, Soname: "ld-linux-x86-64.so.2", Text: "\x00" + nix + "/\x00"}),
		}),
		good("glibc in a folder of its own on Alpine", "linux/amd64", entry("/app"), alpine("amd64", map[string]File{
			"/app": program(s.app("liba.so.1")), "/lib64/ld-linux-x86-64.so.2": link("/usr/glibc-compat/lib/ld-linux-x86-64.so.2"),
			"/usr/glibc-compat/lib/ld-linux-x86-64.so.2": program(ELF{Arch: "amd64", Kind: 3, Soname: "ld-linux-x86-64.so.2", Text: "\x00/usr/glibc-compat/lib/\x00"}),
			"/usr/glibc-compat/lib/libc.so.6":            s.lib("libc.so.6"), "/usr/lib/liba.so.1": a,
		})),
		good("a musl path file", "linux/amd64", entry("/app"), alpine("amd64", map[string]File{
			"/app": program(muslApp("amd64", "liba.so.1")), "/etc/ld-musl-x86_64.path": data("/lib\n/opt/lib\n"), "/opt/lib/liba.so.1": program(ELF{Arch: "amd64", Kind: 3, Soname: "liba.so.1"}),
		})),
		good("libraries that musl has itself", "linux/amd64", entry("/app"), alpine("amd64", map[string]File{"/app": program(muslApp("amd64", "libpthread.so.0", "libm.so.6", "libc.so.6"))})),
		good("a loader of uClibc", "linux/amd64", entry("/app"), map[string]File{
			"/app": program(ELF{Arch: "amd64", Interp: "/lib/ld64-uClibc.so.0", Needed: []string{"libc.so.0"}}), "/lib/ld64-uClibc.so.0": program(ELF{Arch: "amd64", Kind: 3}),
		}),
	}
}

func goodProcessors() []Image {
	arm := func(name, platform string, e ELF) Image {
		e.Arch = "arm"
		return app(name, platform, e, "")
	}
	raspi := debians["raspi"]
	codec := raspi
	codec.arm = armV7
	return []Image{
		arm("an ARMv6 program in arm/v7", "linux/arm/v7", ELF{ARM: armV6, Flags: 0x400}),
		arm("an ARMv5 program in arm/v6", "linux/arm/v6", ELF{ARM: armV5, Flags: 0x200}),
		arm("a program for arm/v8 in arm/v8", "linux/arm/v8", ELF{ARM: armV8, Flags: 0x400}),
		arm("an ARM program without attributes", "linux/arm/v6", ELF{}),
		arm("attributes that were cut", "linux/arm/v6", ELF{ARM: []byte{0x85}}),
		arm("GOARM=6 in arm/v7", "linux/arm/v7", ELF{Go: []string{"GOARM=6", "GOOS=linux"}}),
		arm("GOARM=5 in arm/v6", "linux/arm/v6", ELF{Go: []string{"GOARM=5", "GOOS=linux"}}),
		good("Raspberry Pi OS in arm/v6", "linux/arm/v6", cmd("sh"), debian("raspi")),
		good("a library for ARMv7 that chooses when it runs", "linux/arm/v6", entry("/app"), debian("raspi", map[string]File{
			"/app": program(raspi.app("libx264.so.164")), raspi.folder() + "/libx264.so.164": codec.lib("libx264.so.164"),
		})),
		arm("an ARMv6 program with assembler for ARMv7 that is chosen when it runs", "linux/arm/v6", ELF{ARM: armV7, Flags: 0x400, Code: armCode(0)}),
		app("a program marked for x86-64-v3 in amd64/v3", "linux/amd64/v3", ELF{Arch: "amd64", Level: 7}, ""),
		app("a program marked for the first level", "linux/amd64", ELF{Arch: "amd64", Level: 1}, ""),
		app("GOAMD64=v1 in amd64", "linux/amd64", ELF{Arch: "amd64", Go: []string{"GOAMD64=v1", "GOOS=linux"}}, ""),
		app("GOAMD64=v3 in amd64/v3", "linux/amd64/v3", ELF{Arch: "amd64", Go: []string{"GOAMD64=v3", "GOOS=linux"}}, ""),
		app("GOARM64=v8.0 in arm64", "linux/arm64", ELF{Arch: "arm64", Go: []string{"GOARM64=v8.0", "GOOS=linux"}}, ""),
		app("GOARM64=v8.5 in arm64/v9", "linux/arm64/v9", ELF{Arch: "arm64", Go: []string{"GOARM64=v8.5", "GOOS=linux"}}, ""),
		good("a C library for x86-64-v2", "linux/amd64", cmd("/bin/bash"), fedora(map[string]File{
			"/usr/lib64/libc.so.6": program(ELF{Arch: "amd64", Kind: 3, Soname: "libc.so.6", Level: 3}),
		})),
	}
}

// goodShells start although something that their text names is not there.
func goodShells() []Image {
	one := func(name, text string) Image {
		return good(name, "linux/amd64", shell(text), debian("amd64", map[string]File{"/app": static("amd64")}))
	}
	s := debians["amd64"]
	preloaded := entry("/app")
	preloaded.Env = []string{"LD_PRELOAD=/opt/liba.so"}
	return []Image{
		one("a hook that may be missing", "/opt/hook.sh || true; exec /app"),
		one("a hook that fails without harm", "/opt/hook.sh; exec /app"),
		one("a helper in the background that is not there", "/opt/agent & exec /app"),
		one("a group with a hook", "{ /opt/hook.sh || :; } && exec /app"),
		good("a busybox with its programs in itself", "linux/arm64", shell("httpd -f -p 8080"), map[string]File{"/bin/busybox": static("arm64"), "/bin/sh": link("busybox")}),
		good("LD_PRELOAD of a library of another machine", "linux/amd64", preloaded, debian("amd64", map[string]File{
			"/app": program(s.app()), "/opt/liba.so": debians["386"].lib("liba.so", "libnone.so.1"),
		})),
	}
}
