package explain

import "regexp"

// table is in the order in which messages are looked for: what is nearer to a cause comes before what follows from it.
var table = append(append(programRows, builderRows...), registryRows...)

// programRows are what emulators, shells and programs of a step say.
var programRows = []row{
	{
		id: "emulator-crash", pattern: regexp.MustCompile(`qemu: uncaught target signal (?P<signal>\d+) \((?P<name>[^)]*)\)`),
		cause: []string{"the emulator crashed with signal ${signal} (${name}): mostly that is QEMU's fault, not the command's"},
		next:  []string{"build on a machine for ${platform}, or let the step run on the build platform (FROM --platform=$$BUILDPLATFORM); another version of QEMU may help too", crossCompile},
	},
	{
		id: "emulator-internal", pattern: regexp.MustCompile(`(?i)qemu[^\n]{0,80}(?:internal SIG(?P<signal>[A-Z]+)|assertion failed|code_gen_buffer|unhandled trap)`),
		cause: []string{"QEMU itself failed while it ran a program of the step"},
		next:  []string{crossCompile},
	},
	{
		id: "loader-missing", pattern: regexp.MustCompile(`Could not open '(?P<loader>/lib[^']*)'`),
		cause: []string{"the program needs the dynamic loader ${loader}, and the image has none: it was linked for another libc or another image than this one"},
		next:  []string{"link it statically (CGO_ENABLED=0 for Go), or take a base image with that loader: Debian's and Ubuntu's is glibc, Alpine's is musl"},
	},
	{
		id: "emulator-wrong-program", pattern: regexp.MustCompile(`Invalid ELF image for this architecture`),
		cause: []string{"the emulator for ${platform} was given a program of another architecture", "an emulator was given a program of another architecture"},
		next:  []string{"look where the program comes from: a download with a fixed architecture, or a COPY --from a stage of another platform"},
	},
	{
		id: "foreign-program", pattern: regexp.MustCompile(`(?i)exec format error`),
		cause: []string{"nothing on the builder runs programs for ${platform}: ${noemulator}", "the step started a program of another architecture than ${platform}", "the step started a program of an architecture that the builder does not run"},
		next:  []string{"${emulatorhint}", "look where the program comes from: a download with a fixed architecture, a COPY --from a stage of another platform, or a base image that is pinned to one platform"},
	},
	{
		id: "script-line-ends", pattern: regexp.MustCompile(`(?:\^M|\r): (?:bad interpreter|not found|No such file)|env: '?[\w.-]+(?:\\r|\^M|\r)'?: No such file`),
		cause: []string{"the script has Windows line ends, so its first line names an interpreter that does not exist"},
		next:  []string{"store it with LF line ends: *.sh text eol=lf in .gitattributes"},
	},
	{
		id: "no-shell", pattern: regexp.MustCompile(`exec:? "?(?P<shell>/bin/(?:ba|a|da)?sh)"?: (?:stat [^\n]*: )?no such file`),
		cause: []string{"the image has no ${shell}, which RUN starts"},
		next:  []string{`write RUN with the words of a program, RUN ["/program", "argument"], or run the step in an earlier stage and COPY --from it what it makes`},
	},
	{
		id: "interpreter-missing", pattern: regexp.MustCompile(`exec (?:container process [^\n]*)?["'` + "`" + `]?(?P<program>/[^\s"':` + "`" + `]+)["'` + "`" + `]?: no such file or directory`),
		cause: []string{"${program} is not in the image, or the loader or interpreter that it names in its first bytes is not"},
		next:  []string{"look whether it is there; if it is, link it statically, or take a base image with its libc (glibc: Debian, Ubuntu; musl: Alpine) or interpreter"},
	},
	{
		id: "script-interpreter", where: inOutput, pattern: regexp.MustCompile(`\bsh: (?:(?:line )?\d+: )?(?P<program>\.{0,2}/[^\s:]+): not found`),
		cause: []string{"${program} is not in the image, or the interpreter or loader that it names in its first bytes is not"},
		next:  []string{"look whether it is there and begins with the path of a shell that the image has, without a Windows line end; link programs statically, or take a base image with their libc (glibc: Debian, Ubuntu; musl: Alpine)"},
	},
	{
		id: "command-missing", where: inOutput, pattern: regexp.MustCompile(`(?:/bin/(?:ba|a|da)?sh|\bsh|\bbash): (?:(?:line )?\d+: )?(?P<program>[^\s:]+): (?:command )?not found`),
		cause: []string{"the image has no program ${program}"},
		next:  []string{"install it in a step before, or use a base image that has it for ${platform} too", "install it in a step before, or use a base image that has it"},
	},
	{
		id: "disk-full", pattern: regexp.MustCompile(`(?i)no space left on device|\bENOSPC\b|disk quota exceeded`),
		cause: []string{"a file system is full: the builder's disk, or what the step has mounted there"},
		next:  []string{"free space on the machine of the builder (docker system df shows what takes it; docker builder prune and image prune free it), build fewer platforms at once (--parallel), or use a larger machine"},
	},
	{
		id: "apt-signature", where: inOutput, pattern: regexp.MustCompile(`At least one invalid signature was encountered|InRelease' is not signed`),
		cause: []string{"apt could not check the signature of its lists: mostly because the builder's disk is full, or because an old builder or emulator does not know a system call"},
		next:  []string{"look for free space on the builder's machine first; then use a newer base image and BuildKit"},
	},
	{
		id: "memory", pattern: regexp.MustCompile(`(?i)cannot allocate memory|\bout of memory\b|std::bad_alloc|\bENOMEM\b|JavaScript heap out of memory`),
		cause: []string{"memory ran out"},
		next:  []string{"${memory}, or build fewer platforms at once (--parallel)", "use a machine with more memory, or build fewer platforms at once (--parallel)"},
	},
}

const crossCompile = "build on a native machine, or let the step run on the build platform (FROM --platform=$$BUILDPLATFORM); another version of QEMU may help too"
