package corpus

import "maps"

// Set is an index with images for several platforms.
type Set struct {
	Name   string
	Images []Image // Finds is not used
	Finds  string  // the check that must find it; empty for a good one
	Path   string  // the file that it must name
}

// Sets are about files that are the same on two platforms, and should or should not be.
func Sets() []Set {
	return append(badSets(), goodSets()...)
}

// everywhere are images with the same files on top of what each platform starts.
func everywhere(files map[string]File) []Image {
	on := func(platform, arch string) Image {
		own := map[string]File{"/app": program(ELF{Arch: arch, Go: []string{"GOARCH=" + arch, "GOOS=linux"}})}
		maps.Copy(own, files)
		return image(platform, entry("/app"), own)
	}
	return []Image{on("linux/amd64", "amd64"), on("linux/arm64", "arm64")}
}

func badSets() []Set {
	library := program(ELF{Arch: "amd64", Kind: 3, Soname: "libfast.so"})
	plain := library
	plain.Mode = 0o644
	bad := func(name, path string, f File) Set {
		return Set{Name: name, Images: everywhere(map[string]File{path: f}), Finds: "cross/native-equal", Path: path}
	}
	started := image("linux/amd64", entry("/opt/tool"), map[string]File{"/opt/tool": static("amd64")})
	return []Set{
		bad("one program beside what is started", "/opt/tools/convert", static("amd64")),
		bad("one program in PATH", "/usr/local/bin/tini", static("arm64")),
		bad("one library", "/opt/app/lib/libfast.so", library),
		bad("one library that is not executable", "/opt/app/lib/libfast.so.1", plain),
		bad("one extension of Python", "/usr/lib/python3/site-packages/fast.abi3.so", plain),
		{Name: "a program that only one platform starts", Images: []Image{started, everywhere(map[string]File{"/opt/tool": static("amd64")})[1]}, Finds: "cross/native-equal", Path: "/opt/tool"},
		{Name: "one program in all of three platforms", Images: append(everywhere(map[string]File{"/opt/tools/convert": static("amd64")}),
			image("linux/riscv64", entry("/app"), map[string]File{"/app": static("riscv64"), "/opt/tools/convert": static("amd64")})), Finds: "cross/native-equal", Path: "/opt/tools/convert"},
	}
}

func goodSets() []Set {
	good := func(name string, files map[string]File) Set { return Set{Name: name, Images: everywhere(files)} }
	data := func(text string) File { return File{Mode: 0o755, Data: []byte(text)} }
	firmware, bpf := static("arm"), static("amd64")
	bpf.Data[18] = 247 // EM_BPF
	return []Set{
		good("scripts and data", map[string]File{"/usr/bin/run": script("#!/bin/sh\nexec /app\n"), "/usr/share/words": data("a b c"), "/empty.so": data("")}),
		good("Java", map[string]File{"/app.jar": data("PK\x03\x04jar"), "/App.class": data("\xca\xfe\xba\xbe\x00\x00\x00\x34")}),
		good("firmware", map[string]File{"/lib/firmware/modem.elf": firmware, "/lib/firmware/gpu/boot": firmware}),
		good("an emulator", map[string]File{"/usr/bin/qemu-aarch64-static": static("amd64")}),
		good("libraries for all platforms of a package", map[string]File{
			"/srv/prebuilds/linux-x64/node.node": static("amd64"), "/srv/prebuilds/linux-arm64/node.node": static("arm64"),
		}),
		good("data of Go's tests", map[string]File{"/usr/local/go/src/debug/elf/testdata/gcc-amd64-linux-exec": static("amd64")}),
		good("programs of BPF", map[string]File{"/usr/lib/bpf/filter.so": bpf}),
		good("objects that are not linked", map[string]File{"/usr/lib/crt1.o": program(ELF{Arch: "amd64", Kind: 1})}),
		good("a cross compiler's library", map[string]File{"/usr/aarch64-linux-gnu/lib/libc.so.6": static("arm64"), "/usr/x86_64-linux-gnu/lib/libc.so.6": static("amd64")}),
		good("own files with one name", nil),
		{Name: "a 386 program in amd64 and 386", Images: []Image{
			image("linux/amd64", entry("/app"), map[string]File{"/app": static("amd64"), "/opt/old": static("386")}),
			image("linux/386", entry("/app"), map[string]File{"/app": static("386"), "/opt/old": static("386")}),
		}},
		{Name: "one program for two variants", Images: []Image{
			image("linux/arm/v6", entry("/app"), map[string]File{"/app": static("arm"), "/opt/tool": static("arm")}),
			image("linux/arm/v7", entry("/app"), map[string]File{"/app": static("arm"), "/opt/tool": static("arm")}),
		}},
	}
}
