package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Split reads the text of an input that holds several values, as the environment gives it. Three forms are understood:
//
//   - records of comma-separated values with quotes, as GitHub's actions for docker read them (csv-parse with relax_quotes, in
//     src/util.ts of docker/actions-toolkit): a value in quotes may hold commas and line ends, "" in it is a quote;
//   - a JSON list, and for values NAME=VALUE a JSON object, as Woodpecker gives settings that are lists or maps;
//   - [a, b], which is left of GitLab's JSON list when a shell has taken its quotes.
//
// An error says that a quote is not closed.
func (k Kind) Split(text string) ([]string, error) {
	if k != KindSecrets {
		text = strings.TrimSpace(text)
	}
	if values, ok := k.bracketed(strings.TrimSpace(text)); ok {
		return k.clean(values), nil
	}
	if k == KindOptions {
		return k.clean(strings.FieldsFunc(text, isLineEnd)), nil
	}
	records, err := records(text)
	if err != nil {
		return nil, err
	}
	var values []string
	for _, record := range records {
		switch {
		case k != KindList:
			values = append(values, strings.Join(record, ","))
		case len(record) == 1: // quotes do not protect what is alone on its line
			values = append(values, strings.Split(record[0], ",")...)
		default:
			values = append(values, record...)
		}
	}
	return k.clean(values), nil
}

// bracketed reads the forms of whole lists: JSON, and what a shell leaves of it.
func (k Kind) bracketed(text string) ([]string, bool) {
	if strings.HasPrefix(text, "{") && k != KindList {
		var object map[string]any
		if json.Unmarshal([]byte(text), &object) != nil {
			return nil, false
		}
		var values []string
		for _, name := range slices.Sorted(maps.Keys(object)) {
			values = append(values, name+"="+scalar(object[name]))
		}
		return values, true
	}
	if !strings.HasPrefix(text, "[") || !strings.HasSuffix(text, "]") {
		return nil, false
	}
	var list []any
	if json.Unmarshal([]byte(text), &list) != nil {
		return strings.Split(text[1:len(text)-1], ","), true
	}
	values := make([]string, len(list))
	for i, value := range list {
		values[i] = scalar(value)
	}
	return values, true
}

// scalar is a JSON value as text.
func scalar(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(raw)
}

// clean leaves out what is empty, and blanks around values. Those of a secret belong to it.
func (k Kind) clean(values []string) []string {
	var out []string
	for _, value := range values {
		if k != KindSecrets {
			value = strings.TrimSpace(value)
		}
		if value != "" {
			out = append(out, value)
		}
	}
	return out
}

func isLineEnd(c rune) bool { return c == '\n' || c == '\r' }

// errOpenQuote is a value whose quote is never closed.
var errOpenQuote = &InputError{Rule: "a quote is opened and never closed", Hint: `write " at both ends of the value, or leave it out`}

// records splits text into lines, and these into fields at commas. A field that begins with a quote ends with one, and holds all that is
// between; a quote anywhere else is a character like others.
func records(text string) ([][]string, error) {
	var out [][]string
	for text != "" {
		var record []string
		for more := true; more; {
			field, rest, err := cutField(text)
			if err != nil {
				return nil, err
			}
			record = append(record, field)
			if more = strings.HasPrefix(rest, ","); more {
				rest = rest[1:]
			}
			text = rest
		}
		text = strings.TrimLeft(text, "\r\n")
		if len(record) > 1 || record[0] != "" {
			out = append(out, record)
		}
	}
	return out, nil
}

// cutField returns the first field of a text, and the text from the character on that ended it: a comma or a line end.
func cutField(text string) (field, rest string, err error) {
	plain := func() (string, string, error) {
		end := strings.IndexAny(text, ",\r\n")
		if end < 0 {
			end = len(text)
		}
		return text[:end], text[end:], nil
	}
	if !strings.HasPrefix(text, `"`) {
		return plain()
	}
	var b strings.Builder
	for rest = text[1:]; ; {
		inside, after, closed := strings.Cut(rest, `"`)
		b.WriteString(inside)
		switch {
		case !closed:
			return "", "", errOpenQuote
		case strings.HasPrefix(after, `"`):
			b.WriteByte('"')
			rest = after[1:]
		case after == "" || strings.ContainsRune(",\r\n", rune(after[0])):
			return b.String(), after, nil
		default:
			return plain() // it does not end with a quote, so the first was a character like others
		}
	}
}
