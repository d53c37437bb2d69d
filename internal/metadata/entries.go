package metadata

import (
	"encoding/csv"
	"errors"
	"strings"
)

// meant leaves out the comments of an input: entries that begin with #.
func meant(entries []string) []string {
	var out []string
	for _, entry := range entries {
		if !strings.HasPrefix(entry, "#") {
			out = append(out, entry)
		}
	}
	return out
}

// attribute is one comma-separated part of an entry: key=value, or a value alone.
type attribute struct {
	key, value string // no key: a value alone
}

// attributes splits an entry at its commas. A part that holds commas stands in quotes. Keys are written in any case.
func attributes(entry string) ([]attribute, error) {
	reader := csv.NewReader(strings.NewReader(entry))
	fields, err := reader.Read()
	if err != nil {
		return nil, errors.New("its quotes do not fit")
	}
	out := make([]attribute, len(fields))
	for i, field := range fields {
		key, value, named := strings.Cut(field, "=")
		if !named || key == "" {
			out[i] = attribute{value: strings.TrimSpace(field)}
			continue
		}
		out[i] = attribute{key: strings.ToLower(strings.TrimSpace(key)), value: strings.TrimSpace(value)}
	}
	return out, nil
}
