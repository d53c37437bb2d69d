package runner

import (
	_ "embed" // hostile lines
	"fmt"
	"strconv"
	"strings"
)

//go:embed testdata/hostile.txt
var hostile string

// Line is a text that others might print, and what is special about it.
type Line struct{ Name, Text string }

// Hostile returns lines that act on some CI host, or that hide what acts, every command of the runner in both forms, and
// one behind all that may stand before it.
func Hostile() []Line {
	var out []Line
	for line := range strings.Lines(hostile) {
		name, quoted, found := strings.Cut(strings.TrimSpace(line), ": \"")
		if !found || strings.HasPrefix(name, "#") {
			continue
		}
		text, err := strconv.Unquote(`"` + quoted)
		if err != nil {
			panic(fmt.Sprintf("testdata/hostile.txt: %s: %v", name, err))
		}
		out = append(out, Line{name, text})
	}
	return append(out, everyCommand()...)
}

// befores are what may stand before a command, which some runners pass over or take for the end of a line.
var befores = []string{
	"", " ", "\t", " \t \t", "\v", "\f", "\x00", "\x08", "x\x08", "\x1b", "\x1b[m", "\x1b[31m", "\x1b[2K", "\x1b[1G", "\x1b]0;title\a", "\x1bM", "\u009b2K",
	"\u0085", "\u00a0", "\u00ad", "\u1680", "\u2003", "\u200b", "\u200b\u200b", "\u200e", "\u2028", "\u2029", "\u202f", "\u205f", "\u2060", "\u3000", "\ufeff",
	"\r", "\r\r", "50%\r", "ok\r\n", "ok\n", "\n\r", "\xff", "\xc3", "\xe2\x80", "\ud7ff", "💥\r",
}

var forms = []string{"::%s name=digest,file=a,line=1::evil", "##[%s name=digest;file=a;line=1]evil", "foo ##[%s name=digest;]evil"}

func everyCommand() (out []Line) {
	for _, form := range forms {
		for _, before := range befores {
			out = append(out, Line{fmt.Sprintf("%s behind %+q", form, before), before + fmt.Sprintf(form, "set-output")})
		}
		for _, name := range Names {
			text := fmt.Sprintf(form, name)
			out = append(out, Line{text, text}, Line{text + " in capital letters", strings.ToUpper(text)})
		}
	}
	return out
}
