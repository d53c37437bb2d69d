package verify

import (
	"bytes"
	"strings"
)

// shebang is the #! line of a script.
type shebang struct {
	interp string
	arg    string // everything after the interpreter: the kernel does not split it
}

// parseShebang reads the #! line as the kernel does (fs/binfmt_script.c, Linux 5.1 and newer): of the first 256 bytes,
// with one argument at most. ok is false if the kernel refuses it: there is no interpreter, or its path does not end
// within these bytes.
func parseShebang(head []byte) (line shebang, ok bool) {
	head = head[:min(len(head), headBytes)]
	rest, isScript := bytes.CutPrefix(head, []byte("#!"))
	if !isScript {
		return shebang{}, false
	}
	text, _, ended := bytes.Cut(rest, []byte("\n"))
	if !ended && len(head) == headBytes {
		text = text[:len(text)-1] // the kernel keeps the last byte for a zero
	}
	text = bytes.TrimLeft(text, " \t")
	end := bytes.IndexAny(text, " \t\x00")
	if end < 0 {
		if !ended && len(head) == headBytes {
			return shebang{}, false
		}
		end = len(text)
	}
	line.interp = string(text[:end])
	if end < len(text) && text[end] != 0 {
		arg, _, _ := bytes.Cut(text[end:], []byte{0})
		line.arg = strings.Trim(string(arg), " \t")
	}
	return line, line.interp != ""
}

// hasCarriageReturn reports whether the script was saved with the line ends of Windows: the kernel takes the carriage
// return for a part of the name or of the argument.
func (s shebang) hasCarriageReturn() bool {
	return strings.HasSuffix(s.interp, "\r") || strings.HasSuffix(s.arg, "\r")
}

// words is how the kernel begins the interpreter's arguments; the script's path and its arguments follow.
func (s shebang) words() []string {
	if s.arg == "" {
		return []string{s.interp}
	}
	return []string{s.interp, s.arg}
}
