package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/org/multiarch-action/internal/plan"
)

// maxScripts is how many #! lines the kernel follows in a row (fs/exec.c, exec_binprm).
const maxScripts = 5

// start finds a command's program, checks it, and goes on to what that program starts.
func (r *run) start(ctx context.Context, c command) error {
	if len(c.argv) == 0 || c.argv[0] == "" {
		return nil
	}
	r.commands++
	if r.commands > maxCommands {
		r.unfollowed(c, "more programs start each other than are followed")
		return nil
	}
	f, ok, err := r.find(ctx, c)
	if err != nil || !ok {
		return err
	}
	return r.execute(ctx, c, f)
}

// startOnce starts a command whose program was not met before.
func (r *run) startOnce(ctx context.Context, c command) error {
	f, ok, err := r.find(ctx, c)
	if err != nil || !ok || r.started[f.at.path] {
		return err
	}
	return r.execute(ctx, c, f)
}

func (r *run) execute(ctx context.Context, c command, f found) error {
	r.started[f.at.path] = true
	c.otherUser = c.otherUser || f.at.file.Mode&fs.ModeSetuid != 0 || slices.ContainsFunc(f.at.names, changesUser)
	file, err := r.read(ctx, f.at)
	if err != nil {
		return err
	}
	switch {
	case file.isELF:
		if err := r.native(ctx, c, f, file); err != nil {
			return err
		}
		return r.follow(ctx, c.through(f.name), f.at.names)
	case bytes.HasPrefix(file.head, []byte("#!")):
		return r.script(ctx, c, f, file)
	}
	r.reportFormat(c, f, file)
	return nil
}

// content is what was read of one file.
type content struct {
	head    []byte
	isELF   bool
	program program
	damage  *damage
}

// read reads what a start needs of a file, once.
func (r *run) read(ctx context.Context, at place) (content, error) {
	if known, ok := r.contents[at.path]; ok {
		return known, nil
	}
	get := r.reader(ctx, at)
	head, err := get(0, min(headBytes, max(at.file.Size, 0)))
	if err != nil {
		return content{}, err
	}
	c := content{head: head, isELF: bytes.HasPrefix(head, []byte("\x7fELF"))}
	if c.isELF {
		c.program, err = readELF(head, max(at.file.Size, int64(len(head))), get)
		if err != nil && !errors.As(err, &c.damage) {
			return content{}, err
		}
	}
	r.contents[at.path] = c
	return c, nil
}

// reader reads one file.
func (r *run) reader(ctx context.Context, at place) rangeReader {
	return func(offset, length int64) ([]byte, error) { return r.readAt(ctx, at, offset, length) }
}

func (r *run) readAt(ctx context.Context, at place, offset, length int64) ([]byte, error) {
	data, err := r.tree.files.ReadAt(ctx, at.path, offset, length)
	if err != nil {
		return nil, fmt.Errorf("%q: reading %d bytes at %d: %w", at.path, length, offset, err)
	}
	return data[:min(int64(len(data)), length)], nil
}

// text reads a small text file of the image; ok is false if there is none.
func (r *run) text(ctx context.Context, name string) (text string, ok bool, err error) {
	data, ok, err := r.bytes(ctx, name, maxTextFile)
	return string(data), ok, err
}

// bytes reads a whole file of the image; ok is false if there is none, or if it is larger than that.
func (r *run) bytes(ctx context.Context, name string, largest int64) (data []byte, ok bool, err error) {
	at, err := r.tree.resolve(ctx, name)
	if err != nil || !at.file.Mode.IsRegular() || at.file.Size > largest {
		return nil, false, unlessAbsent(err)
	}
	for int64(len(data)) < at.file.Size {
		next, err := r.readAt(ctx, at, int64(len(data)), min(maxPiece, at.file.Size-int64(len(data))))
		if err != nil {
			return nil, false, err
		}
		if len(next) == 0 {
			break
		}
		data = append(data, next...)
	}
	return data, true, nil
}

// unlessAbsent drops the error that only says that a path leads to no file.
func unlessAbsent(err error) error {
	if absent := (*lookupError)(nil); errors.As(err, &absent) {
		return nil
	}
	return err
}

// details reads, once, what a program needs of its libraries and its processor.
func (r *run) details(ctx context.Context, at place, file content) (details, error) {
	if known, ok := r.known[at.path]; ok {
		return known, nil
	}
	d, err := readDetails(file.head, max(at.file.Size, int64(len(file.head))), r.reader(ctx, at))
	if err != nil {
		return details{}, err
	}
	r.known[at.path] = d
	return d, nil
}

// script goes from a script to the interpreter that its #! line names.
func (r *run) script(ctx context.Context, c command, f found, file content) error {
	line, ok := parseShebang(file.head)
	switch {
	case !ok:
		r.reportFormat(c, f, file)
		return nil
	case line.hasCarriageReturn():
		r.report(c, plan.Finding{
			Check: checkScriptInterp, Path: c.where(f.name, f.at.path),
			Expected: "a #! line that ends with a line feed",
			Found:    "CRLF line ends",
			Why:      `the kernel takes the carriage return for a part of the interpreter's name, and starting it ends with "no such file or directory"`,
			Fix:      "save the script with Unix line ends, and keep them with a line such as *.sh text eol=lf in .gitattributes",
		})
		return nil
	case c.scripts == maxScripts:
		r.report(c, plan.Finding{
			Check: checkScriptDepth, Path: c.where(f.name, f.at.path),
			Expected: fmt.Sprintf("at most %d scripts in a row", maxScripts),
			Found:    "one more, or a script that names itself",
			Why:      `starting it ends with "too many levels of symbolic links"`,
			Fix:      "name a program, not a script, in the #! line",
		})
		return nil
	}
	if !c.otherUser {
		if what, err := r.forbidden(ctx, f.at, 4); what != "" || err != nil {
			if err == nil {
				r.reportForbidden(c, c.where(f.name, f.at.path), what, "read, which its interpreter must")
			}
			return err
		}
	}
	next := c.through(f.name)
	next.argv = append(line.words(), f.name)
	if len(c.argv) > 1 {
		next.argv = append(next.argv, c.argv[1:]...)
	}
	next.by = byKernel
	next.scripts++
	return r.start(ctx, next)
}

// reportFormat reports a file that is neither ELF nor a script.
func (r *run) reportFormat(c command, f found, file content) {
	finding := plan.Finding{
		Path:     c.where(f.name, f.at.path),
		Expected: "an ELF program for " + shortName(r.platform),
		Why:      `starting it ends with "exec format error"`,
	}
	finding.Found = foreignFormat(file.head)
	if finding.Found != "" {
		finding.Check = checkFor(c, checkProgramFormat)
		finding.Fix = "build the program with GOOS=linux, or download the Linux release of it"
		r.report(c, finding)
		return
	}
	finding.Check = checkFor(c, checkProgramNoFormat)
	finding.Expected += ", or a script that begins with #!"
	finding.Found = plainFormat(file.head)
	finding.Fix = "begin a script with #!/bin/sh on its first line; build or download a program again"
	if c.by == byProgram {
		finding.Why = "the kernel refuses it, and it is then run as a shell script if it is started by a shell"
	}
	r.report(c, finding)
}

// foreignFormat names the format of programs of other systems by their first bytes; empty if it is none.
func foreignFormat(head []byte) string {
	magics := []struct{ magic, name string }{
		{"MZ", "a Windows program (PE)"},
		{"\xfe\xed\xfa\xce", "a macOS program (Mach-O)"},
		{"\xfe\xed\xfa\xcf", "a macOS program (Mach-O)"},
		{"\xce\xfa\xed\xfe", "a macOS program (Mach-O)"},
		{"\xcf\xfa\xed\xfe", "a macOS program (Mach-O)"},
		{"\x00asm", "a WebAssembly module"},
	}
	for _, m := range magics {
		if strings.HasPrefix(string(head), m.magic) {
			return m.name
		}
	}
	// Java classes begin with the same four bytes; what follows is their version, 45 or more, where a universal
	// program has the number of its architectures.
	if len(head) >= 8 && bytes.HasPrefix(head, []byte("\xca\xfe\xba\xbe\x00\x00\x00")) && head[7] < 20 {
		return "a macOS program (Mach-O, universal)"
	}
	return ""
}

func plainFormat(head []byte) string {
	switch {
	case len(head) == 0:
		return "an empty file"
	case bytes.HasPrefix(head, []byte("#!")):
		return "a #! line without the path of an interpreter within its first 256 bytes"
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf#!")):
		return "a script with a byte order mark in front of #!"
	case bytes.IndexByte(head, 0) >= 0:
		return "data in no format that Linux can execute"
	}
	return "text without #!"
}
