package explain

import (
	"os"
	"regexp"
	"strings"
)

// Explanation is what a message means.
type Explanation struct {
	ID       string // of the row of the table, for example "disk-full"
	Cause    string // one sentence without a full stop
	Evidence string // the line in which the message stands
	Next     string // what to do about it
}

// Facts are what is known besides the message: "platform", for example, which the texts of the table mention as ${platform}. A text that
// mentions a fact that is not known is not used; the one that stands behind it is.
type Facts map[string]string

// Find looks for a known message, first in what the step printed, because that is nearer to the cause, then in the error.
func Find(message string, output []string, facts Facts) (Explanation, bool) {
	printed := strings.Join(output, "\n")
	for _, r := range table {
		for _, text := range r.texts(message, printed) {
			found := r.pattern.FindStringSubmatchIndex(text)
			if found == nil {
				continue
			}
			value := func(name string) string {
				if name == "$" { // $$ is a dollar sign
					return name
				}
				if i := r.pattern.SubexpIndex(name); i >= 0 && found[2*i] >= 0 {
					return text[found[2*i]:found[2*i+1]]
				}
				return facts[name]
			}
			return Explanation{ID: r.id, Cause: choose(r.cause, value), Evidence: lineAt(text, found[0]), Next: choose(r.next, value)}, true
		}
	}
	return Explanation{}, false
}

// row is one known message. Of several texts for cause and next step the first counts whose facts are known; the last needs none but
// those that the pattern always finds.
type row struct {
	id      string
	where   place
	pattern *regexp.Regexp
	cause   []string
	next    []string
}

// place says where a message is looked for. What a program of the build prints must not be taken for the builder's own words.
type place int

const (
	anywhere place = iota
	inError        // the builder, the engine or a registry says it
	inOutput       // the step printed it
)

func (r row) texts(message, printed string) []string {
	switch r.where {
	case inError:
		return []string{message}
	case inOutput:
		return []string{printed}
	}
	return []string{printed, message}
}

// choose fills in the first text all of whose facts are known.
func choose(texts []string, value func(string) string) string {
	var out string
	for _, text := range texts {
		complete := true
		out = os.Expand(text, func(name string) string {
			known := value(name)
			complete = complete && known != ""
			return known
		})
		if complete {
			break
		}
	}
	return out
}

// lineAt is the line of a text in which a place is, cut to what a person reads.
func lineAt(text string, at int) string {
	const longest = 300
	start := strings.LastIndexByte(text[:at], '\n') + 1
	line, _, _ := strings.Cut(text[start:], "\n")
	if runes := []rune(line); len(runes) > longest {
		from := max(0, min(len([]rune(text[start:at]))-20, len(runes)-longest))
		line = string(runes[from : from+longest])
	}
	return strings.TrimSpace(line)
}
