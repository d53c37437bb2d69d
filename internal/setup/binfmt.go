package setup

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	// binfmtRoot is where systemd and everybody else mount binfmt_misc (Linux, Documentation/admin-guide/binfmt-misc.rst).
	binfmtRoot = "/proc/sys/fs/binfmt_misc"
	// handlerPrefix begins the names of all handlers that this program registers.
	handlerPrefix = "multiarch-"
	// headSize is how much of a program the kernel compares, zeros behind its end (BINPRM_BUF_SIZE, include/uapi/linux/binfmts.h).
	headSize = 256
)

// binfmtEntry is one handler in binfmt_misc.
type binfmtEntry struct {
	name        string
	enabled     bool
	interpreter string // path of the emulator at the time of the registration
	flags       string // in the kernel's order: P O C F
	offset      int    // where in the program magic begins, in bytes
	magic       []byte // nil in a handler that goes by file name extension
	mask        []byte // nil: all bits of magic count
}

// parseEntry reads what the kernel shows of a handler (bm_entry_read of fs/binfmt_misc.c). It goes by the words that
// lines begin with and ignores lines that it does not know, because kernels add some.
func parseEntry(name, text string) (binfmtEntry, error) {
	entry := binfmtEntry{name: name}
	state, rest, _ := strings.Cut(text, "\n")
	switch state {
	case "enabled":
		entry.enabled = true
	case "disabled":
	default:
		return binfmtEntry{}, fmt.Errorf("%s: reading the handler: %q is neither enabled nor disabled", name, state)
	}
	for line := range strings.SplitSeq(rest, "\n") {
		if err := entry.parseLine(line); err != nil {
			return binfmtEntry{}, fmt.Errorf("%s: reading the handler: %q: %w", name, line, err)
		}
	}
	if entry.mask != nil && len(entry.mask) != len(entry.magic) {
		return binfmtEntry{}, fmt.Errorf("%s: reading the handler: magic has %d bytes, mask %d", name, len(entry.magic), len(entry.mask))
	}
	return entry, nil
}

func (e *binfmtEntry) parseLine(line string) (err error) {
	key, value, _ := strings.Cut(line, " ")
	switch key {
	case "interpreter":
		e.interpreter = value
	case "flags:":
		e.flags = value
	case "offset":
		e.offset, err = strconv.Atoi(value)
		if err == nil && e.offset < 0 {
			err = errors.New("an offset cannot be negative")
		}
	case "magic":
		e.magic, err = hex.DecodeString(value)
	case "mask":
		e.mask, err = hex.DecodeString(value)
	}
	return err
}

// matches reports whether the kernel gives a program that begins with head to this handler, if it asks it: it asks
// enabled handlers, the youngest first (search_binfmt_handler of fs/binfmt_misc.c).
func (e binfmtEntry) matches(head []byte) bool {
	if len(e.magic) == 0 || e.offset > headSize-len(e.magic) {
		return false
	}
	var program [headSize]byte
	copy(program[:], head)
	for i, want := range e.magic {
		difference := program[e.offset+i] ^ want
		if e.mask != nil {
			difference &= e.mask[i]
		}
		if difference != 0 {
			return false
		}
	}
	return true
}

// fixed reports whether the kernel holds the emulator open since the registration (flag F). Without that it looks for
// the path at every start of a program, inside the container.
func (e binfmtEntry) fixed() bool { return strings.Contains(e.flags, "F") }

func (e binfmtEntry) sameName(other binfmtEntry) bool { return e.name == other.name }

// line is what is written to register the entry. Every byte is escaped: a NUL as such would cut the magic short, so that
// it matched the programs of the machine itself.
func (e binfmtEntry) line() string {
	return fmt.Sprintf(":%s:M:%d:%s:%s:%s:%s", e.name, e.offset, escaped(e.magic), escaped(e.mask), e.interpreter, e.flags)
}

func escaped(b []byte) string {
	var s strings.Builder
	for _, c := range b {
		fmt.Fprintf(&s, `\x%02x`, c)
	}
	return s.String()
}

// difference names the first field in which an entry is not what was meant, "" if none is.
func (e binfmtEntry) difference(want binfmtEntry) string {
	switch {
	case !e.enabled:
		return "it is disabled"
	case e.interpreter != want.interpreter:
		return fmt.Sprintf("its emulator is %s instead of %s", e.interpreter, want.interpreter)
	case e.flags != want.flags:
		return fmt.Sprintf("its flags are %q instead of %q", e.flags, want.flags)
	case e.offset != want.offset || !bytes.Equal(e.magic, want.magic):
		return fmt.Sprintf("its magic is %x at %d instead of %x at %d", e.magic, e.offset, want.magic, want.offset)
	case !bytes.Equal(e.mask, want.mask):
		return fmt.Sprintf("its mask is %x instead of %x", e.mask, want.mask)
	}
	return ""
}

func readEntry(root, name string) (binfmtEntry, error) {
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		return binfmtEntry{}, fmt.Errorf("%s: reading the handler: %w", name, pathCause(err))
	}
	return parseEntry(name, string(text))
}

// mounted reports whether binfmt_misc is mounted. Where systemd does that on demand, reading the status file is the demand.
func mounted(root string) bool {
	_, err := os.ReadFile(filepath.Join(root, "status"))
	return err == nil
}

// listEntries returns all handlers by name; none where binfmt_misc is not mounted. What cannot be read is left out: an
// entry that was removed meanwhile, or one of a kind that only newer kernels know.
func listEntries(root string) ([]binfmtEntry, error) {
	if !mounted(root) {
		return nil, fmt.Errorf("%s: binfmt_misc is not mounted there", root)
	}
	files, err := os.ReadDir(root)
	if err != nil {
		return nil, fmt.Errorf("%s: listing handlers: %w", root, pathCause(err))
	}
	var entries []binfmtEntry
	for _, file := range files {
		if file.Name() == "register" || file.Name() == "status" {
			continue
		}
		entry, err := readEntry(root, file.Name())
		if err != nil {
			continue // as documented
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

// removeEntry removes a handler and makes sure that it is gone. It is no error if it was gone before.
func removeEntry(root, name string) error {
	path := filepath.Join(root, name)
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: removing the handler: %w", name, pathCause(err))
	}
	_, err = file.WriteString("-1")
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("%s: removing the handler: %w", name, pathCause(err))
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s: removing the handler: it is still listed in %s", name, root)
	}
	return nil
}

// handlerName is the name under which a run registers its handler for an architecture.
func handlerName(run, architecture string) string {
	return handlerPrefix + run + "-" + architecture
}

// parseHandlerName takes a name that handlerName made apart, with secondSuffix or without. Names of others are not ok.
func parseHandlerName(name string) (run, architecture string, ok bool) {
	rest, ours := strings.CutPrefix(name, handlerPrefix)
	dash := strings.LastIndexByte(rest, '-')
	if !ours || dash < 1 {
		return "", "", false
	}
	run, architecture = rest[:dash], strings.TrimSuffix(rest[dash+1:], secondSuffix)
	_, ok = architectureOf(architecture)
	return run, architecture, ok
}

// Handlers are the names of all enabled handlers for programs of the table's architectures, whoever registered them; none where
// binfmt_misc cannot be seen.
func Handlers() []string {
	names := []string{}
	entries, err := listEntries(binfmtRoot)
	if err != nil {
		return names
	}
	for _, e := range entries {
		if e.enabled && slices.ContainsFunc(architectures, func(a architecture) bool { return e.matches(a.program(0)) }) {
			names = append(names, e.name)
		}
	}
	return names
}
