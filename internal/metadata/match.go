package metadata

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dlclark/regexp2"
)

// groups are what a pattern of JavaScript found: the whole match first; nil for a group that took no part.
type groups []*string

// get returns a group by its number as JavaScript finds it in an array.
func (g groups) get(number string) (string, bool) {
	i, err := strconv.Atoi(number)
	if err != nil || strconv.Itoa(i) != number || i < 0 || i >= len(g) || g[i] == nil {
		return "", false
	}
	return *g[i], true
}

// match looks for a pattern of JavaScript in a text. With the flag g the groups are all matches, as String.match gives them. Nothing
// found: nil.
func match(pattern, flags, text string) (groups, error) {
	options := regexp2.RegexOptions(regexp2.ECMAScript)
	global := false
	for _, flag := range flags {
		switch flag {
		case 'g':
			global = true
		case 'i':
			options |= regexp2.IgnoreCase
		case 'm':
			options |= regexp2.Multiline
		case 'u':
			options |= regexp2.Unicode
		case 's', 'd', 'y', 'v':
			return nil, fmt.Errorf("the flag %c of a pattern is not known here", flag)
		default:
			return nil, fmt.Errorf("a pattern has no flag %c", flag)
		}
	}
	re, err := regexp2.Compile(pattern, options)
	if err != nil {
		return nil, fmt.Errorf("the pattern %s is no regular expression: %w", pattern, err)
	}
	re.MatchTimeout = time.Second
	var out groups
	for m, err := re.FindStringMatch(text); m != nil || err != nil; m, err = re.FindNextMatch(m) {
		if err != nil {
			return nil, fmt.Errorf("the pattern %s took too long on %s", pattern, text)
		}
		if global {
			found := m.String()
			out = append(out, &found)
			continue
		}
		for _, group := range m.Groups() {
			if len(group.Captures) == 0 {
				out = append(out, nil)
				continue
			}
			found := group.String()
			out = append(out, &found)
		}
		break
	}
	return out, nil
}

// slashed cuts /pattern/flags. A pattern need not have the slashes.
func slashed(text string) (pattern, flags string) {
	if end := strings.LastIndexByte(text, '/'); end > 1 && text[0] == '/' {
		return text[1:end], text[end+1:]
	}
	return text, ""
}
