package corpus

// badFiles are images that start a right program and hold a wrong one.
func badFiles() []Image {
	one := func(name, finds string, files map[string]File) Image {
		return Image{Name: name, Platform: "linux/arm64", Config: env(entry("/app"), "PATH=/usr/bin:/opt/app/bin"), Finds: finds, Full: true, Files: debian("arm64", map[string]File{"/app": static("arm64")}, files)}
	}
	amd64, dir := static("amd64"), debians["arm64"].folder()
	base := one("a base image of another machine", "files/arch", nil)
	base.Files = debian("amd64", map[string]File{"/app": static("arm64")})
	return []Image{
		base,
		one("a wrong helper", "files/arch", map[string]File{"/usr/bin/helper": amd64}),
		one("a wrong helper in a folder of PATH", "files/arch", map[string]File{"/opt/app/bin/helper": amd64}),
		one("a wrong library of the system", "files/arch", map[string]File{dir + "/libz.so.1": {Mode: 0o644, Data: amd64.Data}}),
		one("a wrong library of its own", "files/arch", map[string]File{"/usr/local/lib/libapp.so": {Mode: 0o644, Data: amd64.Data}}),
		one("a wrong program somewhere", "files/foreign", map[string]File{"/opt/tool/run": amd64}),
		one("a wrong plugin", "files/foreign", map[string]File{"/opt/plugins/a.so": amd64}),
		one("packages that were installed on another machine", "files/foreign", map[string]File{"/srv/node_modules/@esbuild/linux-x64/bin/esbuild": amd64}),
		one("a wrong 32-bit ARM program", "files/foreign", map[string]File{"/usr/bin/helper": static("arm")}),
	}
}

// goodFiles are images with foreign programs that are meant to be there.
func goodFiles() []Image {
	one := func(name, platform string, files map[string]File) Image {
		return good(name, platform, entry("/usr/bin/sh"), debian(platform[len("linux/"):], files))
	}
	foreign := func(arch string, names ...string) map[string]File {
		files := map[string]File{}
		for _, name := range names {
			files[name] = static(arch)
		}
		return files
	}
	return []Image{
		one("packages for all platforms", "linux/arm64", with(foreign("amd64", "/srv/node_modules/argon2/prebuilds/linux-x64/argon2.node"), foreign("arm", "/srv/node_modules/argon2/prebuilds/linux-arm/argon2.node"),
			foreign("arm64", "/srv/node_modules/argon2/prebuilds/linux-arm64/argon2.node"), map[string]File{"/srv/node_modules/argon2/prebuilds/win32-x64/argon2.node": script("MZ\x90\x00")})),
		one(".NET runtimes for all platforms", "linux/amd64", with(foreign("arm64", "/app/runtimes/linux-arm64/native/libsqlite.so"), foreign("amd64", "/app/runtimes/linux-x64/native/libsqlite.so"))),
		one("emulators", "linux/amd64", foreign("arm64", "/usr/bin/qemu-x86_64-static", "/usr/bin/qemu-arm")),
		one("a cross compiler", "linux/amd64", foreign("arm64", "/usr/aarch64-linux-gnu/lib/libc.so.6", "/usr/lib/gcc-cross/aarch64-linux-gnu/12/libgcc_s.so", "/opt/cross/aarch64-linux-musl/bin/x")),
		one("libraries of another architecture beside the own", "linux/amd64", foreign("arm64", "/usr/lib/aarch64-linux-gnu/libc.so.6")),
		one("a 386 system beside the own", "linux/amd64", foreign("386", "/usr/lib/i386-linux-gnu/libc.so.6", "/usr/lib32/libc.so.6", "/usr/bin/helper")),
		one("firmware and kernel modules", "linux/arm64", foreign("ppc", "/usr/lib/firmware/a.so", "/usr/lib/modules/a.ko")),
		one("test data of Go", "linux/arm64", foreign("amd64", "/usr/local/go/src/debug/elf/testdata/a.so")),
		one("Windows programs as data", "linux/amd64", map[string]File{"/usr/lib/wine/a.exe": script("MZ\x90\x00"), "/app/b.dll": script("MZ\x90\x00")}),
	}
}
