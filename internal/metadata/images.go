package metadata

import (
	"fmt"
	"slices"
	"strings"
)

// images reads the names that tags are put on. Names are lower-cased: they often come from the name of a repository's owner. A
// single line may name several images, as in the first versions of the action.
func (m *maker) images(entries []string) []string {
	var out []string
	for _, entry := range entries {
		parts, err := attributes(entry)
		if err != nil {
			m.problem("images", entry, err.Error(), "for example name=ghcr.io/owner/app")
			continue
		}
		if len(entries) == 1 && !slices.ContainsFunc(parts, func(a attribute) bool { return a.key != "" }) {
			for _, part := range parts {
				if part.value != "" {
					out = append(out, strings.ToLower(part.value))
				}
			}
			continue
		}
		name, problem := image(parts)
		if problem != "" {
			m.problem("images", entry, problem, "write one image on a line, as name=ghcr.io/owner/app,enable=true")
		} else if name != "" {
			out = append(out, strings.ToLower(name))
		}
	}
	return out
}

// image returns the name in an entry; nothing, if it is not enabled.
func image(parts []attribute) (name, problem string) {
	enabled := true
	for _, part := range parts {
		switch part.key {
		case "", "name":
			if name != "" {
				return "", fmt.Sprintf("it has two names, %q and %q", name, part.value)
			}
			name = part.value
		case "enable":
			if part.value != "true" && part.value != "false" {
				return "", fmt.Sprintf("enable=%s is neither true nor false", part.value)
			}
			enabled = part.value == "true"
		default:
			return "", fmt.Sprintf("there is no attribute %s", part.key)
		}
	}
	switch {
	case name == "":
		return "", "it has no name"
	case !enabled:
		return "", ""
	}
	return name, ""
}
