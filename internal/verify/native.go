package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/org/multiarch-action/internal/plan"
)

const fixArch = "look for ARG TARGETARCH=… (a default shadows BuildKit's value), an ARG declared outside the stage that uses it, a fixed GOARCH or download address, and COPY of a program that was built for the build platform"

// native checks an ELF program: machine, system, wholeness, loader; in that order, and the first that is wrong is
// reported, since the others follow from it.
func (r *run) native(ctx context.Context, c command, f found, file content) error {
	where := c.where(f.name, f.at.path)
	if file.program.machine == (machine{}) {
		r.reportDamage(c, where, file.damage)
		return nil
	}
	switch accepts(r.platform.Architecture(), file.program.machine) {
	case refused:
		r.report(c, plan.Finding{
			Check: checkFor(c, checkProgramArch), Path: where,
			Expected: r.wantedProgram(), Found: file.program.machine.String(),
			Why: refusal(r.platform, file.program.machine), Fix: fixArch,
		})
		return nil
	case compat:
		r.report(c, plan.Finding{
			Check: checkProgramArchCompat, Path: where,
			Expected: r.wantedProgram(), Found: file.program.machine.String(),
			Why: `it runs only where the kernel's support for 32-bit programs is switched on, and ends with "exec format error" elsewhere`,
			Fix: "build it for " + shortName(r.platform) + ", unless the 32-bit program is intended",
		})
	case identical:
	}
	if file.damage != nil {
		r.reportDamage(c, where, file.damage)
		return nil
	}
	if other := otherSystem(file.program); other != "" {
		r.report(c, plan.Finding{
			Check: checkFor(c, checkProgramOSABI), Path: where,
			Expected: "an ELF program for Linux", Found: other,
			Why: "Linux refuses it, or it dies at its first system call",
			Fix: "build it with GOOS=linux, and link it to a program",
		})
		return nil
	}
	if err := r.runtime(ctx, c, where, f.at, file); err != nil || file.program.loader == "" {
		return err
	}
	return r.loader(ctx, c.through(f.name), f.at, file.program)
}

// wantedProgram describes what the platform's programs are.
func (r *run) wantedProgram() string {
	return platformMachines[r.platform.Architecture()].programFor(shortName(r.platform))
}

func (r *run) reportDamage(c command, where string, d *damage) {
	f := plan.Finding{
		Check: checkFor(c, checkProgramFormat), Path: where,
		Expected: "a whole ELF program", Found: d.Error(),
		Why: `starting it ends with "exec format error", or it dies when it reaches what is not there`,
		Fix: "build, download or copy the program again, and compare its size and checksum",
	}
	if d.cut {
		f.Check = checkFor(c, checkProgramTruncated)
	}
	r.report(c, f)
}

// otherSystem names what is wrong with an ELF file of the right machine: it is no program, or EI_OSABI names another
// system. Linux ignores EI_OSABI, and its own programs have 0 or 3 there, so only values of systems that surely cannot
// be meant count.
func otherSystem(p program) string {
	switch p.kind {
	case etExec, etDyn:
	case etRel:
		return "an ELF object file, which is not linked"
	case etCore:
		return "an ELF core dump"
	default:
		return fmt.Sprintf("an ELF file of type %d", p.kind)
	}
	names := map[byte]string{2: "NetBSD", 6: "Solaris", 9: "FreeBSD", 12: "OpenBSD"}
	if name := names[p.osabi]; name != "" {
		return "an ELF program for " + name
	}
	return ""
}

// loader checks the program that PT_INTERP names, which the kernel starts in front of a dynamically linked one. way is
// where the program itself is, without links.
func (r *run) loader(ctx context.Context, c command, way place, p program) error {
	c = c.through(way.path)
	if c.dir == "" && !strings.HasPrefix(p.loader, "/") {
		return nil
	}
	name := below(c.dir, p.loader)
	at, err := r.tree.resolve(ctx, name)
	var absent *lookupError
	if err != nil && !errors.As(err, &absent) {
		return err
	}
	where := c.where(name, at.path)
	if absent != nil {
		where = c.where(name)
	}
	switch {
	case absent != nil || !at.file.Mode.IsRegular():
		r.reportLoaderMissing(c, where)
		return nil
	case at.file.Mode&0o111 == 0:
		r.report(c, plan.Finding{
			Check: checkProgramNotExec, Path: where,
			Expected: "a loader that may be executed", Found: fmt.Sprintf("mode %04o", at.file.Mode.Perm()),
			Why: `starting the program ends with "permission denied"`,
			Fix: "set the bit where the file is made, or use COPY --chmod=755",
		})
		return nil
	}
	fits, err := r.loaderFits(ctx, c, where, at, p)
	if err != nil || !fits {
		return err
	}
	return r.link(ctx, c, way, at)
}

func (r *run) reportLoaderMissing(c command, where string) {
	r.report(c, plan.Finding{
		Check: checkInterpMissing, Path: where,
		Expected: "the loader that the program was linked for",
		Found:    "no such file in the image",
		Why:      `starting the program ends with "no such file or directory", although the program itself is there`,
		Fix:      "link it statically (CGO_ENABLED=0 for Go), or use a base image with the C library it was built with: glibc programs do not start on Alpine",
	})
}

// loaderFits compares a loader with the program, not with the platform: a 386 program wants a 386 loader.
func (r *run) loaderFits(ctx context.Context, c command, where string, at place, p program) (bool, error) {
	file, err := r.read(ctx, at)
	if err != nil {
		return false, err
	}
	f := plan.Finding{
		Check: checkInterpArch, Path: where,
		Expected: "a loader that is " + p.machine.String(), Found: "a file that is not ELF",
		Why: `starting the program ends with "accessing a corrupted shared library" or "input/output error"`,
		Fix: "take program and C library from images of one platform: look for FROM --platform and COPY --from in the Dockerfile",
	}
	switch {
	case !file.isELF:
	case file.program.machine != p.machine:
		f.Found = file.program.machine.String()
	case otherFloat(file.program, p):
		f.Check = checkARMFloat
		f.Expected, f.Found = "a loader for "+floatName(p), "one for "+floatName(file.program)
		f.Why = `arguments are passed in other registers: libraries of the other kind are not found, exit code 127`
	case otherABI(file.program, p):
		f.Check = abiChecks[p.machine.number]
		f.Expected, f.Found = "a loader for "+p.abi(), "one for "+file.program.abi()
		f.Why = "the two call functions in different ways, so that the program does not start or dies"
	default:
		return true, nil
	}
	r.report(c, f)
	return false, nil
}
