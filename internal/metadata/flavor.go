package metadata

import (
	"fmt"
	"slices"
)

// flavor is what the input of that name says about all tags.
type flavor struct {
	latest                     string // auto, true or false
	prefix, suffix             string
	prefixLatest, suffixLatest bool // whether prefix and suffix also stand around latest
}

func (m *maker) flavor(entries []string) flavor {
	f := flavor{latest: "auto"}
	for _, entry := range entries {
		parts, err := attributes(entry)
		if err != nil {
			m.problem("flavor", entry, err.Error(), "for example latest=auto")
			continue
		}
		onLatest := new(bool) // belongs to the prefix or suffix before it
		for _, part := range parts {
			if problem := f.set(part, &onLatest); problem != "" {
				m.problem("flavor", entry, problem, "write latest=auto|true|false, prefix=TEXT[,onlatest=true] or suffix=TEXT[,onlatest=true]")
			}
		}
	}
	return f
}

func (f *flavor) set(part attribute, onLatest **bool) string {
	boolean := slices.Contains([]string{"true", "false"}, part.value)
	switch part.key {
	case "latest":
		if !boolean && part.value != "auto" {
			return fmt.Sprintf("latest=%s is not one of auto, true and false", part.value)
		}
		f.latest = part.value
	case "prefix":
		f.prefix, *onLatest = part.value, &f.prefixLatest
	case "suffix":
		f.suffix, *onLatest = part.value, &f.suffixLatest
	case "onlatest":
		if !boolean {
			return fmt.Sprintf("onlatest=%s is neither true nor false", part.value)
		}
		**onLatest = part.value == "true"
	case "":
		return fmt.Sprintf("%q is no attribute", part.value)
	default:
		return fmt.Sprintf("there is no attribute %s", part.key)
	}
	return ""
}
