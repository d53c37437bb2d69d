package metadata

import (
	"slices"
	"strings"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
)

// TimeFormat is how the annotation created is written, in UTC: as docker/metadata-action does.
const TimeFormat = "2006-01-02T15:04:05.000Z"

// pairs are the labels of the OCI image specification (https://specs.opencontainers.org/image-spec/annotations/) and the custom ones,
// which come after them and so replace them, sorted by key as a person sorts.
func (m *maker) pairs(input string, custom []string) []Pair {
	repository, revision := m.in.Event.Repository, m.in.Event.SHA
	if m.in.Event.Modified {
		revision = ""
	}
	values := map[string]string{}
	for key, value := range map[string]string{
		"title": repository.Name, "description": repository.Description, "url": repository.URL, "source": repository.URL,
		"version": m.main, "created": m.in.Created.UTC().Format(TimeFormat),
		"revision": revision, "licenses": repository.License,
	} {
		values["org.opencontainers.image."+key] = value
	}
	for _, entry := range custom {
		text, err := m.global(entry)
		if err != nil {
			m.problem(input, entry, err.Error(), "see docs/tagging.md")
			continue
		}
		key, value, found := strings.Cut(text, "=")
		if !found {
			m.note("%s: %s is left out: it is not KEY=VALUE", input, entry) // as the action does, but not in silence
			continue
		}
		values[key] = value
	}
	out := make([]Pair, 0, len(values))
	for key, value := range values {
		out = append(out, Pair{Key: key, Value: value})
	}

	order := collate.New(language.English)
	slices.SortFunc(out, func(a, b Pair) int { return order.CompareString(a.Key, b.Key) })
	return out
}
