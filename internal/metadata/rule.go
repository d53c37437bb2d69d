package metadata

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The types of rules, and the order in which they count where no priority is given.
var priorities = map[string]float64{
	"schedule": 1000, "semver": 900, "pep440": 900, "match": 800, "edge": 700, "ref": 600, "raw": 200, "sha": 100,
}

// defaultRules are those of an empty input.
var defaultRules = []string{"type=schedule", "type=ref,event=branch", "type=ref,event=tag", "type=ref,event=pr"}

// rule is one entry of the input tags.
type rule struct {
	text     string // as it was written
	kind     string // its type
	priority float64
	attrs    map[string]string
}

// get returns an attribute and whether it was written, even if empty.
func (r rule) get(key string) (string, bool) {
	value, ok := r.attrs[key]
	return value, ok
}

// IsRule reports whether an entry of the input tags is no reference for certain: it has an attribute or an expression, or is a comment.
func IsRule(entry string) bool {
	if strings.Contains(entry, "{{") || strings.HasPrefix(entry, "#") {
		return true
	}
	parts, err := attributes(entry)
	return err == nil && slices.ContainsFunc(parts, func(a attribute) bool { return a.key != "" })
}

// rules reads the entries of the input tags, and sorts them by priority.
func (m *maker) rules(entries []string) []rule {
	if len(entries) == 0 {
		entries = defaultRules
	}
	var out []rule
	for _, entry := range entries {
		if r, ok := m.rule(entry); ok {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b rule) int { return cmp.Compare(b.priority, a.priority) })
	return out
}

func (m *maker) rule(entry string) (rule, bool) {
	wrong := func(problem, hint string) (rule, bool) {
		m.problem("tags", entry, problem, hint)
		return rule{}, false
	}
	parts, err := attributes(entry)
	if err != nil {
		return wrong(err.Error(), `write a quote within a quoted value twice, as in type=raw,"value=a""b"`)
	}
	r := rule{text: entry, attrs: map[string]string{}}
	for _, part := range parts {
		switch part.key {
		case "":
			if first, twice := r.attrs["value"]; twice {
				return wrong(fmt.Sprintf("it has two values, %q and %q", first, part.value), "write one rule on a line")
			}
			r.attrs["value"] = part.value
		case "type":
			if _, known := priorities[part.value]; !known {
				return wrong(fmt.Sprintf("there is no type %q", part.value), "write type=schedule, semver, pep440, match, edge, ref, raw or sha")
			}
			r.kind = part.value
		default:
			r.attrs[part.key] = part.value
		}
	}
	if r.kind == "" {
		r.kind = "raw"
	}
	if problem := r.complete(); problem != "" {
		return wrong(problem, "see docs/tagging.md")
	}
	return r, true
}

// complete fills in what was not written, and returns what is missing or wrong.
func (r *rule) complete() string {
	for key, value := range defaultAttributes[r.kind] {
		if _, given := r.attrs[key]; !given {
			r.attrs[key] = value
		}
	}
	for _, key := range needed[r.kind] {
		if _, given := r.attrs[key]; !given {
			return fmt.Sprintf("a rule of type %s needs %s=…", r.kind, key)
		}
	}
	switch event := r.attrs["event"]; {
	case r.kind != "ref":
	case event != "branch" && event != "tag" && event != "pr":
		return fmt.Sprintf("event=%s is not one of branch, tag and pr", event)
	case event == "pr":
		if _, given := r.attrs["prefix"]; !given {
			r.attrs["prefix"] = "pr-"
		}
	}
	if format := r.attrs["format"]; r.kind == "sha" && format != "short" && format != "long" {
		return fmt.Sprintf("format=%s is neither short nor long", format)
	}
	if r.kind == "match" && !isNumber(r.attrs["group"]) {
		return fmt.Sprintf("group=%s is not a number", r.attrs["group"])
	}
	r.priority = priorities[r.kind]
	if text, given := r.attrs["priority"]; given {
		number, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return fmt.Sprintf("priority=%s is not a number", text)
		}
		r.priority = number
	}
	return ""
}

func isNumber(text string) bool {
	_, err := strconv.Atoi(text)
	return err == nil
}

// defaultAttributes are what the types of rules mean where nothing is written.
var defaultAttributes = map[string]map[string]string{
	"schedule": {"pattern": "nightly"},
	"match":    {"group": "0"},
	"sha":      {"prefix": "sha-", "format": "short"},
}

// needed are the attributes without which a rule of a type means nothing.
var needed = map[string][]string{
	"semver": {"pattern"}, "pep440": {"pattern"}, "match": {"pattern"}, "ref": {"event"}, "raw": {"value"},
}
