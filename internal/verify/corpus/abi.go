package corpus

// badABIs are programs of the right machine that call functions in another way, or are linked for other machines of the kind.
func badABIs() []Image {
	one := func(name, system, check string, change func(*ELF)) Image {
		s := debians[system]
		e := s.app()
		change(&e)
		return Image{Name: name, Platform: "linux/" + system, Config: entry("/app"), Files: debian(system, map[string]File{"/app": program(e)}), Finds: check}
	}
	return []Image{
		app("a program for o64 in mipsle", "linux/mipsle", ELF{Arch: "mipsle", Clear: 0x1000, Flags: 0x2000}, "program/mips-abi"),
		one("a program for MIPS release 6 on an older system", "mipsle", "program/mips-abi", func(e *ELF) { e.Clear, e.Flags = 0xf0000000, 0x90000000 }),
		app("ELFv1 in ppc64le", "linux/ppc64le", ELF{Arch: "ppc64le", Clear: 3, Flags: 1}, "program/ppc-abi"),
		one("ELFv2 on a system with ELFv1", "ppc64", "program/ppc-abi", func(e *ELF) { e.Clear, e.Flags = 3, 2 }),
		one("soft-float RISC-V on a double-float system", "riscv64", "program/riscv-abi", func(e *ELF) { e.Clear = 6 }),
		app("RV64E", "linux/riscv64", ELF{Arch: "riscv64", Flags: 8}, "program/riscv-abi"),
		app("an old-world program in loong64", "linux/loong64", ELF{Arch: "loong64", Clear: 0x40}, "program/loong-abi"),
		one("soft-float LoongArch on a double-float system", "loong64", "program/loong-abi", func(e *ELF) { e.Clear, e.Flags = 7, 1 }),
		{
			Name: "a soft-float library of RISC-V", Platform: "linux/riscv64", Config: entry("/app"), Finds: "program/lib-arch",
			Files: debian("riscv64", map[string]File{
				"/app": program(debians["riscv64"].app("liba.so.1")), "/usr/lib/liba.so.1": program(ELF{Arch: "riscv64", Kind: 3, Soname: "liba.so.1", Clear: 6}),
			}),
		},
		app("arm64 for pages of 4 KiB", "linux/arm64", ELF{Arch: "arm64", Pages: 0x1000}, "program/page-size"),
		app("loong64 for pages of 4 KiB", "linux/loong64", ELF{Arch: "loong64", Pages: 0x1000}, "program/page-size"),
		{
			Name: "a library for pages of 4 KiB", Platform: "linux/ppc64le", Config: entry("/app"), Finds: "program/page-size",
			Files: debian("ppc64le", map[string]File{
				"/app": program(debians["ppc64le"].app("liba.so.1")), "/usr/lib/liba.so.1": program(ELF{Arch: "ppc64le", Kind: 3, Soname: "liba.so.1", Pages: 0x1000}),
			}),
		},
	}
}

// goodABIs look like those, and run.
func goodABIs() []Image {
	one := func(name, system string, change func(*ELF), more map[string]File) Image {
		e := debians[system].app("liba.so.1")
		change(&e)
		return good(name, "linux/"+system, entry("/app"), debian(system, map[string]File{"/app": program(e)}, more))
	}
	same := func(*ELF) {}
	soft := program(ELF{Arch: "riscv64", Kind: 3, Soname: "liba.so.1", Clear: 6})
	libraryOf := func(system string) map[string]File {
		return map[string]File{debians[system].folder() + "/liba.so.1": debians[system].lib("liba.so.1")}
	}
	return []Image{
		one("MIPS of 2002 on MIPS32 release 2", "mipsle", func(e *ELF) { e.Clear, e.Flags = 0xf0000000, 0x50000000 }, libraryOf("mipsle")),
		one("MIPS without a word about its ABI", "mipsle", func(e *ELF) { e.Clear = 0xf000 }, libraryOf("mipsle")),
		one("ELFv1 in ppc64", "ppc64", same, libraryOf("ppc64")),
		one("a program of ppc64le that does not say its ABI", "ppc64le", func(e *ELF) { e.Clear = 3 }, libraryOf("ppc64le")),
		one("RISC-V without compressed instructions", "riscv64", func(e *ELF) { e.Clear = 1 }, libraryOf("riscv64")),
		one("a soft-float library of RISC-V before the right one", "riscv64", func(e *ELF) { e.RunPath = "/lp64:" + debians["riscv64"].folder() },
			with(libraryOf("riscv64"), map[string]File{"/lp64/liba.so.1": soft})),
		one("loong64 with its libraries", "loong64", same, libraryOf("loong64")),
		app("a static soft-float program of RISC-V", "linux/riscv64", ELF{Arch: "riscv64", Clear: 6}, ""),
		app("a Go program in loong64", "linux/loong64", ELF{Arch: "loong64", Go: []string{"GOARCH=loong64", "GOOS=linux"}}, ""),
		app("ELFv2 in ppc64, as of musl", "linux/ppc64", ELF{Arch: "ppc64", Clear: 3, Flags: 2}, ""),
		app("amd64 for pages of 4 KiB", "linux/amd64", ELF{Arch: "amd64", Pages: 0x1000}, ""),
		app("arm64 for pages of 64 KiB, at another address", "linux/arm64", ELF{Arch: "arm64", Pages: 0x10000}, ""),
	}
}
