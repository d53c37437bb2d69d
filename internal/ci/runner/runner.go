// Package runner is the grammar of GitHub's runner, as far as tests need it: what it takes for a command in a log
// (https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs and src/Runner.Worker/ActionCommandManager.cs) and how
// it reads the files of outputs and state (src/Runner.Worker/FileCommandManager.cs). Start at Commands; Hostile has lines that try
// everything. The program itself does not use it.
package runner

import (
	"slices"
	"strings"
	"unicode"
)

// Names are the commands that the runner knows.
var Names = []string{
	"add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group", "notice", "remove-matcher", "save-state", "set-env",
	"set-output", "stop-commands", "warning",
}

// Command is what the runner obeys.
type Command struct {
	Name       string            // in small letters
	Properties map[string]string // by their names in small letters
	Data       string
}

// Commands returns what the runner obeys in a log, which it splits at \n, \r\n and a lone \r. Between stop-commands and its token it
// obeys nothing. Whether its searches for marks pass over characters without weight depends on the machine, so both are tried.
func Commands(log string) []Command {
	found := commands(log, ordinalIndex)
	for _, c := range commands(log, cultureIndex) {
		if !slices.ContainsFunc(found, func(other Command) bool { return other.Name == c.Name && other.Data == c.Data }) {
			found = append(found, c)
		}
	}
	return found
}

// index finds text in a message; -1 is nowhere.
type index func(message []rune, text string) int

func commands(log string, find index) []Command {
	var found []Command
	resume := ""
	for _, line := range Lines(log) {
		c, ok := parse(line, resume, find)
		switch {
		case !ok:
		case resume != "" && c.Name == resume:
			resume = ""
		case resume != "":
		case c.Name == "stop-commands" && validToken(c.Data):
			resume = strings.ToLower(c.Data)
		default:
			found = append(found, c)
		}
	}
	return found
}

// Lines splits a log as the runner does, whose reader is .NET's: https://learn.microsoft.com/dotnet/api/system.io.textreader.readline.
func Lines(log string) []string {
	return strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(log), "\n")
}

// validToken is what the runner takes to stop commands with; by another it says an error.
func validToken(token string) bool {
	return token != "" && token != "pause-logging" && !slices.ContainsFunc(Names, func(name string) bool { return strings.EqualFold(name, token) })
}

// parse reads a line in both forms, the newer first. While commands are stopped their token is one too.
func parse(line, token string, find index) (Command, bool) {
	message := []rune(strings.TrimLeftFunc(line, unicode.IsSpace))
	if find(message, "::") == 0 && len(message) >= 2 {
		if end := find(message[2:], "::"); end >= 0 {
			data := string(message[min(end+4, len(message)):])
			if c, ok := command(string(message[2:2+end]), ",", token); ok {
				c.Data = unescape(data, newForm)
				return c, true
			}
		}
	}
	message = []rune(line)
	begin := find(message, "##[")
	if begin < 0 {
		return Command{}, false
	}
	info, data, found := strings.Cut(string(message[min(begin+3, len(message)):]), "]")
	c, ok := command(info, ";", token)
	c.Data = unescape(data, oldForm)
	return c, found && ok
}

// command reads a name and, after a blank, properties.
func command(info, separator, token string) (Command, bool) {
	name, rest, _ := strings.Cut(info, " ")
	same := func(known string) bool { return strings.EqualFold(known, name) }
	if !slices.ContainsFunc(Names, same) && (token == "" || !same(token)) {
		return Command{}, false
	}
	c := Command{Name: strings.ToLower(name), Properties: map[string]string{}}
	for pair := range strings.SplitSeq(strings.TrimSpace(rest), separator) {
		if key, value, ok := strings.Cut(pair, "="); ok {
			c.Properties[strings.ToLower(key)] = unescape(value, properties)
		}
	}
	return c, true
}

var (
	newForm    = []string{"%0D", "\r", "%0A", "\n", "%25", "%"}
	properties = []string{"%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%"}
	oldForm    = []string{"%3B", ";", "%0D", "\r", "%0A", "\n", "%5D", "]", "%25", "%"}
)

// unescape replaces one escape after the other, as the runner does.
func unescape(text string, pairs []string) string {
	for pair := range slices.Chunk(pairs, 2) {
		text = strings.ReplaceAll(text, pair[0], pair[1])
	}
	return text
}

func ordinalIndex(message []rune, text string) int {
	at := strings.Index(string(message), text)
	if at < 0 {
		return -1
	}
	return len([]rune(string(message)[:at]))
}

// cultureIndex finds text as .NET does with ICU where nobody asks for an ordinal comparison: characters that have no weight in
// collation do not count, but they keep their place.
func cultureIndex(message []rune, text string) int {
	for start := range message {
		if weightless(message[start]) && start > 0 {
			continue
		}
		rest := []rune(text)
		for _, c := range message[start:] {
			if weightless(c) {
				continue
			}
			if c != rest[0] {
				break
			}
			if rest = rest[1:]; len(rest) == 0 {
				return start
			}
		}
	}
	return -1
}

func weightless(c rune) bool {
	return c == 0 || c == 0xad || c >= 0x200b && c <= 0x200f || c == 0x2060 || c == 0xfeff || unicode.IsControl(c) && !unicode.IsSpace(c)
}
