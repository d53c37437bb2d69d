package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// aptSource is one entry of the machine's package sources.
type aptSource struct {
	uris   []string
	suites []string
}

// oneLine is a line of a sources.list: type, options in brackets, address, suite.
var oneLine = regexp.MustCompile(`^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)`)

// parseOneLineSources reads a file in the style of sources.list.
func parseOneLineSources(text string) []aptSource {
	var sources []aptSource
	for line := range strings.Lines(text) {
		if match := oneLine.FindStringSubmatch(strings.TrimSpace(line)); match != nil {
			sources = append(sources, aptSource{uris: match[1:2], suites: match[2:3]})
		}
	}
	return sources
}

// parseStanzaSources reads a file in the style of debian.sources (deb822): stanzas of "Field: words", where an
// indented line goes on with the field above.
func parseStanzaSources(text string) []aptSource {
	var sources []aptSource
	for stanza := range strings.SplitSeq(withoutComments(text), "\n\n") {
		fields := stanzaFields(stanza)
		if slices.Contains(fields["types"], "deb") && !slices.Contains(fields["enabled"], "no") {
			sources = append(sources, aptSource{uris: fields["uris"], suites: fields["suites"]})
		}
	}
	return sources
}

// withoutComments drops comment lines whole, because one inside a stanza doesn't end it, and blanks in empty lines.
func withoutComments(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			b.WriteString(strings.TrimRight(line, " \t\r\n") + "\n")
		}
	}
	return b.String()
}

func stanzaFields(stanza string) map[string][]string {
	fields := map[string][]string{}
	field := ""
	for line := range strings.Lines(stanza) {
		words := line
		if name, rest, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t") {
			field, words = strings.ToLower(name), rest
		}
		fields[field] = append(fields[field], strings.Fields(words)...)
	}
	return fields
}

// mirrorOf gives the first address from which the sources take a suite. Only what debootstrap can read as well counts.
func mirrorOf(sources []aptSource, suite string) (string, bool) {
	for _, source := range sources {
		for _, uri := range source.uris {
			plain := strings.HasPrefix(uri, "http://") || strings.HasPrefix(uri, "https://") || strings.HasPrefix(uri, "file:")
			if plain && slices.Contains(source.suites, suite) {
				return strings.TrimSuffix(uri, "/"), true
			}
		}
	}
	return "", false
}

// machineSources reads the package sources of the machine whose apt is configured in dir.
func machineSources(dir string) ([]aptSource, error) {
	var sources []aptSource
	for pattern, parse := range map[string]func(string) []aptSource{
		"sources.list":             parseOneLineSources,
		"sources.list.d/*.list":    parseOneLineSources,
		"sources.list.d/*.sources": parseStanzaSources,
	} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return nil, fmt.Errorf("looking for package sources: %w", err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("reading package sources: %w", err)
			}
			sources = append(sources, parse(string(text))...)
		}
	}
	return sources, nil
}

var (
	// defaultMirrorLine names a suite's mirror in debootstrap's script of that suite.
	defaultMirrorLine = regexp.MustCompile(`(?m)^\s*default_mirror\s+"?([^\s"]+)`)
	// defaultMirrorVariable names the mirror of suites whose script doesn't, in debootstrap itself.
	defaultMirrorVariable = regexp.MustCompile(`(?m)^DEF_MIRROR="([^"]+)"`)
)

// parseDefaultMirror finds the mirror that debootstrap takes if nobody names one.
func parseDefaultMirror(suiteScript, debootstrap string) (string, bool) {
	if match := defaultMirrorLine.FindStringSubmatch(suiteScript); match != nil {
		return match[1], true
	}
	if match := defaultMirrorVariable.FindStringSubmatch(debootstrap); match != nil {
		return match[1], true
	}
	return "", false
}
