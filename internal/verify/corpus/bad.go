package corpus

import (
	"io/fs"
	"slices"
	"strconv"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Bad returns images that are wrong in one way each.
func Bad() []Image {
	return slices.Concat(badMachines(), badStarts(), badFormats(), badScripts(), badUsers(), badConfigs(), badLoaders(), badLibraries(), badProcessors(), badABIs(), badFiles(), badOdd())
}

// app is an image whose only file is its program.
func app(name, platform string, e ELF, finds string) Image {
	return Image{Name: name, Platform: platform, Config: entry("/app"), Files: map[string]File{"/app": program(e)}, Finds: finds}
}

func badMachines() []Image {
	arch := func(name, platform, arch string) Image { return app(name, platform, ELF{Arch: arch}, "program/arch") }
	arm64 := "linux/arm64"
	one := func(name string, config ocispec.ImageConfig, files map[string]File) Image {
		return Image{Name: name, Platform: arm64, Config: config, Files: files, Finds: "program/arch"}
	}
	return []Image{
		arch("amd64 in arm64", arm64, "amd64"),
		arch("arm64 in amd64", "linux/amd64", "arm64"),
		arch("32-bit ARM in arm64", arm64, "arm"),
		arch("amd64 in 386", "linux/386", "amd64"),
		arch("arm64 in arm/v7", "linux/arm/v7", "arm64"),
		arch("amd64 in s390x", "linux/s390x", "amd64"),
		arch("31-bit in s390x", "linux/s390x", "s390"),
		arch("big-endian in ppc64le", "linux/ppc64le", "ppc64"),
		arch("32-bit in riscv64", "linux/riscv64", "riscv32"),
		arch("big-endian in mips64le", "linux/mips64le", "mips64"),
		arch("n32 in mipsle", "linux/mipsle", "n32"),
		arch("x32 in amd64", "linux/amd64", "x32"),
		arch("big-endian in arm64", arm64, "arm64be"),
		arch("amd64 in loong64", "linux/loong64", "amd64"),
		arch("a machine nobody knows", arm64, "unknown"),
		one("a right tini before a wrong program", entry("/tini", "--", "/app"), map[string]File{"/tini": static("arm64"), "/app": static("amd64")}),
		one("a wrong tini before a right program", entry("/tini", "--", "/app"), map[string]File{"/tini": static("amd64"), "/app": static("arm64")}),
		one("a wrong program behind sh -c exec", shell("exec /app --flag"), alpine("arm64", map[string]File{"/app": static("amd64")})),
		one("a wrong program behind gosu", entry("/gosu", "app", "/app"), map[string]File{"/gosu": static("arm64"), "/app": static("amd64")}),
		one("a wrong program behind env", entry("/usr/bin/env", "A=b", "/app"), alpine("arm64", map[string]File{"/app": static("amd64")})),
		one("a wrong command behind an entrypoint script", ocispec.ImageConfig{Entrypoint: []string{"/run.sh"}, Cmd: []string{"/app"}},
			alpine("arm64", map[string]File{"/run.sh": script("#!/bin/sh\nset -e\nexec \"$@\"\n"), "/app": static("amd64")})),
		one("a shell that is a link to a wrong busybox", cmd("sh"), map[string]File{"/bin/sh": link("busybox"), "/bin/busybox": static("amd64")}),
		one("a program that is run by an emulator in the image", entry("/usr/bin/qemu-x86_64-static", "/app"),
			map[string]File{"/usr/bin/qemu-x86_64-static": static("arm64"), "/app": static("amd64")}),
		one("a whole system of another machine", entry("/usr/bin/sh"), debian("amd64")),
		{Name: "a wrong program on PATH before a right one", Platform: arm64, Config: env(cmd("app"), "PATH=/a:/b"), Files: map[string]File{"/a/app": static("amd64"), "/b/app": static("arm64")}, Finds: "program/arch"},
	}
}

func badStarts() []Image {
	amd64 := func(name string, config ocispec.ImageConfig, finds string, files map[string]File) Image {
		return Image{Name: name, Platform: "linux/amd64", Config: config, Files: files, Finds: finds}
	}
	return []Image{
		amd64("an entrypoint that is not there", entry("/app"), "program/missing", nil),
		amd64("a name that is not on PATH", cmd("app"), "program/missing", map[string]File{"/opt/app": static("amd64")}),
		amd64("a relative path below another folder", in("/srv", entry("bin/app")), "program/missing", map[string]File{"/bin/app": static("amd64")}),
		amd64("an interpreter of env that is not there", entry("/run.py"), "program/missing", alpine("amd64", map[string]File{"/run.py": script("#!/usr/bin/env python3\n")})),
		amd64("a shell form without a shell", shell("/app"), "program/missing", map[string]File{"/app": static("amd64")}),
		amd64("a command of a strict shell", cmd("/bin/sh", "-ec", "/opt/hook.sh; exec /bin/sh"), "program/missing", alpine("amd64")),
		amd64("a command of a shell that was made strict", shell("set -eu; /opt/hook.sh; exec /bin/sh"), "program/missing", alpine("amd64")),
		amd64("a name that is no program of busybox", shell("server --port 80"), "program/missing", alpine("amd64")),
		amd64("a folder", entry("/app"), "program/not-regular", map[string]File{"/app": folder(0o755)}),
		amd64("a link to nothing", entry("/app"), "program/not-regular", map[string]File{"/app": link("/opt/app")}),
		amd64("a link to itself", entry("/app"), "program/not-regular", map[string]File{"/app": link("app")}),
		amd64("a device", entry("/app"), "program/not-regular", map[string]File{"/app": {Mode: fs.ModeDevice | 0o755}}),
		amd64("a program that nobody may execute", entry("/app"), "program/not-executable", map[string]File{"/app": {Mode: 0o644, Data: ELF{Arch: "amd64"}.Bytes()}}),
		amd64("a script that nobody may execute", entry("/run.sh"), "program/not-executable", alpine("amd64", map[string]File{"/run.sh": data("#!/bin/sh\n")})),
		amd64("a loader that nobody may execute", entry("/usr/bin/sh"), "program/not-executable",
			debian("amd64", map[string]File{debians["amd64"].folder() + "/ld-linux-x86-64.so.2": {Mode: 0o644, Data: ELF{Arch: "amd64", Kind: 3}.Bytes()}})),
	}
}

func badFormats() []Image {
	file := func(name, text, finds string) Image {
		return Image{Name: name, Platform: "linux/arm64", Config: entry("/app"), Files: map[string]File{"/app": script(text)}, Finds: finds}
	}
	whole := string(ELF{Arch: "arm64"}.Bytes())
	return []Image{
		file("a Windows program", "MZ\x90\x00\x03", "program/format"),
		file("a macOS program", "\xcf\xfa\xed\xfe\x0c\x00\x00\x01", "program/format"),
		file("a universal macOS program", "\xca\xfe\xba\xbe\x00\x00\x00\x02", "program/format"),
		file("a WebAssembly module", "\x00asm\x01\x00\x00\x00", "program/format"),
		file("an empty file", "", "program/no-format"),
		file("text without a first line", "echo hello\n", "program/no-format"),
		file("a byte order mark before the script", "\xef\xbb\xbf#!/bin/sh\n", "program/no-format"),
		file("a first line without an interpreter", "#!\necho\n", "program/no-format"),
		file("a page of an error instead of a download", "Not Found\n", "program/no-format"),
		file("a header that was cut", whole[:48], "program/truncated"),
		app("a program whose end was cut", "linux/arm64", ELF{Arch: "arm64", Behind: 4096}, "program/truncated"),
		app("a program for FreeBSD", "linux/arm64", ELF{Arch: "arm64", OSABI: 9}, "program/osabi"),
		app("a program for OpenBSD", "linux/amd64", ELF{Arch: "amd64", OSABI: 12}, "program/osabi"),
		app("an object file", "linux/arm64", ELF{Arch: "arm64", Kind: 1}, "program/osabi"),
		app("a core dump", "linux/arm64", ELF{Arch: "arm64", Kind: 4}, "program/osabi"),
		app("a Go program for Android", "linux/arm64", ELF{Arch: "arm64", Go: []string{"GOARCH=arm64", "GOOS=android"}}, "program/buildinfo"),
	}
}

func badScripts() []Image {
	run := func(name, text, finds string, more map[string]File) Image {
		return Image{Name: name, Platform: "linux/arm64", Config: entry("/run.sh"), Files: alpine("arm64", map[string]File{"/run.sh": script(text)}, more), Finds: finds}
	}
	nested := map[string]File{}
	for i := range 6 {
		nested["/s"+strconv.Itoa(i)] = script("#!/s" + strconv.Itoa(i+1) + "\n")
	}
	return []Image{
		run("an interpreter that is not there", "#!/bin/bash\n", "program/script-interp", nil),
		run("the line ends of Windows", "#!/bin/sh\r\necho\r\n", "program/script-interp", nil),
		run("an interpreter of another machine", "#!/usr/bin/python3\n", "program/script-interp", map[string]File{"/usr/bin/python3": static("amd64")}),
		run("an interpreter that nobody may execute", "#!/usr/bin/python3\n", "program/script-interp", map[string]File{"/usr/bin/python3": data("\x7fELF")}),
		run("an interpreter that is a folder", "#!/bin/tool\n", "program/script-interp", map[string]File{"/bin/tool": folder(0o755)}),
		run("a script that names itself", "#!/run.sh\n", "program/script-depth", nil),
		run("six scripts in a row", "#!/s0\n", "program/script-depth", nested),
		run("an interpreter whose path is too long", "#!"+strings.Repeat("/", 300)+"bin/sh\n", "program/no-format", nil),
	}
}

func badUsers() []Image {
	user := func(name, user, finds string, config ocispec.ImageConfig, files map[string]File) Image {
		return Image{Name: name, Platform: "linux/amd64", Config: as(user, config), Files: debian("amd64", files), Finds: finds}
	}
	secret := File{Mode: 0o700, Data: ELF{Arch: "amd64"}.Bytes()}
	ofGroup := secret
	ofGroup.Mode, ofGroup.GID = 0o750, 7
	closed := map[string]File{"/root": folder(0o700), "/root/app": static("amd64")}
	return []Image{
		user("a program of root alone, for a number", "1000", "program/not-executable-user", entry("/app"), map[string]File{"/app": secret}),
		user("a program of root alone, for a name", "app", "program/not-executable-user", entry("/app"), map[string]File{"/app": secret}),
		user("a program of root alone, on PATH", "app", "program/not-executable-user", entry("app"), map[string]File{"/usr/bin/app": secret}),
		user("a program of another group", "app", "program/not-executable-user", entry("/app"), map[string]File{"/app": ofGroup}),
		user("a program in the home of root", "app", "program/not-executable-user", entry("/root/app"), closed),
		user("a script that its interpreter may not read", "app", "program/not-executable-user", entry("/run.sh"), map[string]File{"/run.sh": {Mode: 0o711, Data: []byte("#!/bin/sh\n")}}),
		user("a user that is not there", "web", "config/user", entry("/bin/sh"), nil),
		user("a group that is not there", "app:web", "config/user", entry("/bin/sh"), nil),
		{Name: "a named user in an image without passwd", Platform: "linux/amd64", Config: as("nonroot", entry("/app")), Files: map[string]File{"/app": static("amd64")}, Finds: "config/user"},
		user("a working directory that the user may not enter", "app", "config/workdir", in("/root", entry("/bin/sh")), map[string]File{"/root": folder(0o700)}),
	}
}

func badConfigs() []Image {
	label := func(name, platform, finds string, p ocispec.Platform) Image {
		arch := strings.Split(platform, "/")[1]
		i := app(name, platform, ELF{Arch: arch}, finds)
		i.Label = &p
		return i
	}
	return []Image{
		label("a config that says amd64", "linux/arm64", "config/platform", ocispec.Platform{OS: "linux", Architecture: "amd64"}),
		label("a config that says Windows", "linux/amd64", "config/platform", ocispec.Platform{OS: "windows", Architecture: "amd64"}),
		label("a config with another version of Windows", "windows(10.0.17763.1)/amd64", "config/os-version", ocispec.Platform{OS: "windows", Architecture: "amd64", OSVersion: "10.0.20348.1"}),
		label("a config with another variant", "linux/arm/v6", "config/variant", ocispec.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}),
		label("a config with an older variant", "linux/arm/v7", "config/variant", ocispec.Platform{OS: "linux", Architecture: "arm", Variant: "v6"}),
		label("a config without an architecture", "linux/arm64", "config/missing-arch", ocispec.Platform{OS: "linux"}),
		label("a config without an operating system", "linux/arm64", "config/missing-arch", ocispec.Platform{Architecture: "arm64"}),
		{Name: "a working directory that is a file", Platform: "linux/amd64", Config: in("/app", entry("/app")), Files: map[string]File{"/app": static("amd64")}, Finds: "config/workdir"},
		{Name: "a variable without a value", Platform: "linux/amd64", Config: env(entry("/app"), "PATH=/bin", "DEBUG"), Files: map[string]File{"/app": static("amd64")}, Finds: "config/env"},
	}
}

func badLoaders() []Image {
	amd64, armhf, armel := debians["amd64"], debians["armhf"], debians["armel"]
	one := func(name, platform string, e ELF, finds string, system map[string]File) Image {
		return Image{Name: name, Platform: platform, Config: entry("/app"), Files: with(system, map[string]File{"/app": program(e)}), Finds: finds}
	}
	pie := ELF{Arch: "arm64", Kind: 3, Interp: "/lib/ld-linux-aarch64.so.1", Go: []string{"GOARCH=arm64", "GOOS=linux"}}
	return []Image{
		one("a program for glibc on Alpine", "linux/amd64", amd64.app(), "program/interp-missing", alpine("amd64")),
		one("a program for musl on Debian", "linux/amd64", muslApp("amd64"), "program/interp-missing", debian("amd64")),
		one("a Go program with PIE in an empty image", "linux/arm64", pie, "program/interp-missing", nil),
		one("a hard-float program on a soft-float system", "linux/arm/v7", armhf.app(), "program/interp-missing", debian("armel")),
		one("a soft-float program on a hard-float system", "linux/arm/v7", armel.app(), "program/interp-missing", debian("armhf")),
		one("a 386 program without its loader", "linux/amd64", debians["386"].app(), "program/interp-missing", debian("amd64")),
		one("a loader of another machine", "linux/arm64", debians["arm64"].app(), "program/interp-arch", map[string]File{"/lib/ld-linux-aarch64.so.1": static("amd64")}),
		one("a loader that is a script", "linux/arm64", debians["arm64"].app(), "program/interp-arch", map[string]File{"/lib/ld-linux-aarch64.so.1": script("#!/bin/sh\n")}),
		one("a loader that is a link to that of musl", "linux/amd64", amd64.app(), "program/interp-libc",
			alpine("amd64", map[string]File{"/lib64/ld-linux-x86-64.so.2": link("/lib/ld-musl-x86_64.so.1")})),
		one("a loader of gcompat", "linux/amd64", amd64.app(), "program/interp-libc", alpine("amd64", map[string]File{"/lib64/ld-linux-x86-64.so.2": static("amd64")})),
		one("a hard-float program with a soft-float loader", "linux/arm/v7", ELF{Arch: "arm", Interp: armel.loader, Flags: 0x400}, "program/arm-float", debian("armel")),
	}
}

func badLibraries() []Image {
	s, arm64 := debians["amd64"], debians["arm64"]
	dir := s.folder()
	one := func(name, finds string, e ELF, more map[string]File) Image {
		return Image{Name: name, Platform: "linux/amd64", Config: entry("/app/bin/app"), Files: debian("amd64", map[string]File{"/app/bin/app": program(e)}, more), Finds: finds}
	}
	muslOne := func(name, finds string, e ELF, more map[string]File) Image {
		return Image{Name: name, Platform: "linux/amd64", Config: entry("/app"), Files: alpine("amd64", map[string]File{"/app": program(e)}, more), Finds: finds}
	}
	needing := func(e ELF, run, r string) ELF {
		e.RunPath, e.RPath = run, r
		return e
	}
	muslLib := func(arch string) File { return program(ELF{Arch: arch, Kind: 3, Soname: "libssl.so.3"}) }
	armel := debians["armel"]
	return []Image{
		one("a library that is not there", "program/lib-missing", s.app("libssl.so.3"), nil),
		one("a library that another library needs", "program/lib-missing", s.app("liba.so.1"), map[string]File{dir + "/liba.so.1": s.lib("liba.so.1", "libssl.so.3")}),
		one("another version of a library", "program/lib-missing", s.app("libssl.so.1.1"), map[string]File{dir + "/libssl.so.3": s.lib("libssl.so.3")}),
		one("a library in a folder for which ldconfig was not run", "program/lib-missing", s.app("liba.so.1"), map[string]File{"/usr/local/lib/liba.so.1": s.lib("liba.so.1")}),
		one("a library beside the program", "program/lib-missing", s.app("liba.so.1"), map[string]File{"/app/bin/liba.so.1": s.lib("liba.so.1")}),
		one("a library in lib64 of Debian", "program/lib-missing", s.app("liba.so.1"), map[string]File{"/usr/lib64/liba.so.1": s.lib("liba.so.1")}),
		one("a RUNPATH that leads nowhere", "program/lib-missing", needing(s.app("liba.so.1"), "$ORIGIN/../lib", ""), map[string]File{"/app/liba.so.1": s.lib("liba.so.1")}),
		one("a RUNPATH that the libraries do not inherit", "program/lib-missing", needing(s.app("liba.so.1"), "$ORIGIN/../lib", ""),
			map[string]File{"/app/lib/liba.so.1": s.lib("liba.so.1", "libb.so.1"), "/app/lib/libb.so.1": s.lib("libb.so.1")}),
		one("a library only for newer processors", "program/lib-missing", s.app("liba.so.1"), map[string]File{dir + "/glibc-hwcaps/x86-64-v3/liba.so.1": s.lib("liba.so.1")}),
		one("a link to a library that is not there", "program/lib-missing", s.app("liba.so.1"), map[string]File{dir + "/liba.so.1": link("liba.so.1.2")}),
		one("a C++ program without its library", "program/lib-missing", s.app("libstdc++.so.6", "libgcc_s.so.1"), map[string]File{dir + "/libgcc_s.so.1": s.lib("libgcc_s.so.1")}),
		one("a program for a newer C library", "program/symbol-version", versioned(s.app(), "libc.so.6", "GLIBC_2.34", "GLIBC_2.38"), nil),
		one("a library for a newer C library", "program/symbol-version", s.app("liba.so.1"), map[string]File{
			dir + "/liba.so.1": program(versioned(s.elf(ELF{Kind: 3, Soname: "liba.so.1", Needed: []string{"libc.so.6"}}), "libc.so.6", "GLIBC_2.38")),
		}),
		muslOne("a library that is not there, with musl", "program/lib-missing", muslApp("amd64", "libssl.so.3"), nil),
		muslOne("a path file of musl that leaves out the folder", "program/lib-missing", muslApp("amd64", "libssl.so.3"),
			map[string]File{"/etc/ld-musl-x86_64.path": data("/opt/lib\n"), "/usr/lib/libssl.so.3": muslLib("amd64")}),
		muslOne("a library of another machine first, with musl", "program/lib-arch", muslApp("amd64", "libssl.so.3"),
			map[string]File{"/lib/libssl.so.3": muslLib("arm64"), "/usr/lib/libssl.so.3": muslLib("amd64")}),
		one("a library of another machine", "program/lib-arch", s.app("liba.so.1"), map[string]File{dir + "/liba.so.1": arm64.lib("liba.so.1")}),
		one("an empty library before a good one", "program/lib-arch", s.app("liba.so.1"), map[string]File{dir + "/liba.so.1": data(""), "/usr/lib/liba.so.1": s.lib("liba.so.1")}),
		one("a 32-bit library", "program/lib-arch", s.app("liba.so.1"), map[string]File{dir + "/liba.so.1": debians["386"].lib("liba.so.1")}),
		{
			Name: "a soft-float library under a hard-float program", Platform: "linux/arm/v7", Config: entry("/app"), Finds: "program/lib-arch",
			Files: debian("armhf", map[string]File{"/app": program(debians["armhf"].app("liba.so.1")), "/usr/lib/liba.so.1": armel.lib("liba.so.1")}),
		},
		{
			Name: "a system without its C library", Platform: "linux/arm64", Config: entry("/usr/bin/sh"), Finds: "program/lib-missing",
			Files: debian("arm64", map[string]File{arm64.folder() + "/libc.so.6": link("libc-2.36.so")}),
		},
	}
}

// versioned is a file that needs versions of symbols of a library.
func versioned(e ELF, library string, versions ...string) ELF {
	e.Versions = map[string][]string{library: versions}
	return e
}

func badProcessors() []Image {
	arm := func(name, variant string, pairs []byte) Image {
		return app(name, "linux/arm/"+variant, ELF{Arch: "arm", Flags: 0x200, ARM: pairs}, "program/arm-arch")
	}
	golang := func(name, platform, arch string, settings ...string) Image {
		return app(name, platform, ELF{Arch: arch, Go: append(settings, "GOARCH="+arch, "GOOS=linux")}, "program/go-variant")
	}
	newer := func(name, platform, arch, setting string) Image {
		i := golang(name, platform, arch, setting)
		i.Finds = "program/go-newer"
		return i
	}
	return []Image{
		arm("an ARMv7 program in arm/v6", "v6", armV7),
		app("a static ARMv7 program that begins in Thumb", "linux/arm/v6", ELF{Arch: "arm", Flags: 0x400, ARM: armV7, Code: armCode(0), Thumb: true}, "program/arm-arch"),
		app("a static program with code for ARMv7", "linux/arm/v6", ELF{Arch: "arm", Flags: 0x400, ARM: armV7, Code: armCode(20)}, "program/arm-arch"),
		app("a static program for ARMv7 with code for older ones in arm/v5", "linux/arm/v5", ELF{Arch: "arm", Flags: 0x200, ARM: armV7, Code: armCode(0)}, "program/arm-arch"),
		arm("an ARMv6 program in arm/v5", "v5", armV6),
		arm("an ARMv8 program in arm/v7", "v7", armV8),
		arm("a program for a microcontroller", "v7", []byte{6, 13, 7, 'M'}),
		arm("a program for a microcontroller that is an ARMv7", "v7", []byte{6, 10, 7, 'M'}),
		{
			Name: "an ARMv6 program with the C library of Debian's armhf", Platform: "linux/arm/v6", Config: entry("/app"), Finds: "program/arm-arch",
			Files: debian("armhf", map[string]File{"/app": program(debians["raspi"].app())}),
		},
		{Name: "the shell of Debian's armhf in arm/v6", Platform: "linux/arm/v6", Config: cmd("sh"), Files: debian("armhf"), Finds: "program/arm-arch"},
		app("a hard-float program in arm/v5", "linux/arm/v5", ELF{Arch: "arm", Flags: 0x400}, "program/arm-float"),
		golang("GOARM=7 in arm/v6", "linux/arm/v6", "arm", "GOARM=7"),
		golang("GOARM=7 with soft floating point in arm/v6", "linux/arm/v6", "arm", "GOARM=7,softfloat"),
		golang("GOARM=6 in arm/v5", "linux/arm/v5", "arm", "GOARM=6"),
		golang("GOAMD64=v3 in amd64", "linux/amd64", "amd64", "GOAMD64=v3"),
		golang("GOAMD64=v4 in amd64/v3", "linux/amd64/v3", "amd64", "GOAMD64=v4"),
		golang("GOARM64=v9.0 in arm64", "linux/arm64", "arm64", "GOARM64=v9.0"),
		golang("GOARM64=v8.2 in arm64", "linux/arm64", "arm64", "GOARM64=v8.2,lse"),
		newer("GOPPC64=power10", "linux/ppc64le", "ppc64le", "GOPPC64=power10"),
		newer("GORISCV64=rva23u64", "linux/riscv64", "riscv64", "GORISCV64=rva23u64"),
		app("a program marked for x86-64-v3 in amd64", "linux/amd64", ELF{Arch: "amd64", Level: 7}, "program/x86-level"),
		app("a program marked for x86-64-v4 in amd64/v3", "linux/amd64/v3", ELF{Arch: "amd64", Level: 9}, "program/x86-level"),
	}
}
