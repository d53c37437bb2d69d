package ci_test

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"unicode"
)

// This file is the grammar of GitHub's runner in Go, as far as the tests need it: what it takes for a command in a log
// (https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs) and how it reads the files of outputs and state
// (https://github.com/actions/runner/blob/main/src/Runner.Worker/FileCommandManager.cs).

var runnerCommands = []string{
	"add-mask", "add-matcher", "add-path", "debug", "echo", "endgroup", "error", "group", "notice", "remove-matcher", "save-state", "set-env",
	"set-output", "stop-commands", "warning",
}

// logCommands returns the commands that the runner finds in a log, which it splits at \n, \r\n and a lone \r.
func logCommands(log string) []string {
	var found []string
	resume := ""
	for line := range strings.SplitSeq(strings.ReplaceAll(strings.ReplaceAll(log, "\r\n", "\n"), "\r", "\n"), "\n") {
		name, data := logCommand(line, resume)
		switch {
		case resume != "" && name == resume:
			resume = ""
		case resume != "" || name == "":
		case name == "stop-commands":
			resume = strings.ToLower(data)
		default:
			found = append(found, line)
		}
	}
	return found
}

// logCommand returns the command that a line is, or nothing. While commands are stopped only the token that resumes them counts.
func logCommand(line, token string) (name, data string) {
	if message := strings.TrimLeftFunc(line, unicode.IsSpace); cultureIndex(message, "::") == 0 {
		units := []rune(message)
		if end := cultureIndex(string(units[min(2, len(units)):]), "::"); end >= 0 {
			name, _, _ = strings.Cut(string(units[2:2+end]), " ")
			if known(name, token) {
				return strings.ToLower(name), string(units[min(2+end+2, len(units)):])
			}
		}
	}
	prefix := cultureIndex(line, "##[")
	if prefix < 0 {
		return "", ""
	}
	units := []rune(line)
	info, data, found := strings.Cut(string(units[min(prefix+3, len(units)):]), "]")
	name, _, _ = strings.Cut(info, " ")
	if !found || !known(name, token) {
		return "", ""
	}
	return strings.ToLower(name), data
}

func known(name, token string) bool {
	if token != "" && strings.EqualFold(name, token) {
		return true
	}
	for _, command := range runnerCommands {
		if strings.EqualFold(name, command) {
			return true
		}
	}
	return false
}

// cultureIndex finds text as .NET does where nobody asks for an ordinal comparison: characters that have no weight in collation
// do not count, but they keep their place. Places are counted in characters; -1 is nowhere.
func cultureIndex(message, text string) int {
	units := []rune(message)
	for start := range units {
		if weightless(units[start]) && start > 0 {
			continue
		}
		rest := []rune(text)
		for _, c := range units[start:] {
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

type pair struct{ Name, Value string }

var errBadFile = errors.New("the runner refuses this file")

// fileCommands reads a file of outputs or state: NAME=VALUE, or NAME<<DELIMITER, lines, DELIMITER. Lines end with \n or \r\n.
func fileCommands(text string) ([]pair, error) {
	var out []pair
	lines := strings.Split(strings.TrimSuffix(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		equals, heredoc := strings.Index(lines[i], "="), strings.Index(lines[i], "<<")
		switch {
		case lines[i] == "":
		case equals >= 0 && (heredoc < 0 || equals < heredoc):
			out = append(out, pair{lines[i][:equals], lines[i][equals+1:]})
		case heredoc > 0:
			name, delimiter := lines[i][:heredoc], lines[i][heredoc+2:]
			start := i + 1
			for i++; i < len(lines) && lines[i] != delimiter; i++ {
			}
			if i == len(lines) || delimiter == "" {
				return nil, errBadFile
			}
			out = append(out, pair{name, strings.Join(lines[start:i], "\n")})
		default:
			return nil, errBadFile
		}
	}
	return out, nil
}

// artifactSubjects reads the file of artifacts as the runner does: the digest of every name, nothing for a file
// (https://github.com/actions/runner/blob/main/src/Runner.Worker/CreateArtifactsFileCommand.cs).
func artifactSubjects(path string) (map[string]string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	suffix := regexp.MustCompile(`^(.+)@(sha(?:256|384|512):[0-9a-fA-F]+)$`)
	out := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if strings.Contains(line, "=") {
			return nil, errors.New("entries containing '=' are reserved")
		}
		name, digest := line, ""
		if rest, oci := strings.CutPrefix(line, "oci://"); oci {
			match := suffix.FindStringSubmatch(rest)
			if match == nil {
				return nil, errors.New("oci:// entries must include a digest")
			}
			name, digest = match[1], strings.ToLower(match[2])
		}
		if before, known := out[name]; known && before != digest {
			return nil, errors.New("conflicting digests")
		}
		if out[name] = digest; len(out) > 500 {
			return nil, errors.New("more than 500 artifacts")
		}
	}
	return out, nil
}
