package metadata

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Inputs are the entries of the inputs of docker/metadata-action, each without blanks around it, and what they are about.
type Inputs struct {
	Images, Tags, Flavor, Labels, Annotations []string

	Event Event
	// Now is the time for dates in tags.
	Now time.Time
	// Created is the time of the label created.
	Created time.Time
	// ShortSHA is how many digits of a commit make its short form; 0: DefaultShortSHA.
	ShortSHA int
}

// DefaultShortSHA is the length of a commit's short form.
const DefaultShortSHA = 7

// Result is what the rules gave.
type Result struct {
	Version     string   // the first tag: the one with the highest priority; empty: no rule applied
	Images      []string // names without tags
	TagNames    []string // tags without an image
	Tags        []string // image by image; TagNames, where no image is named
	Labels      []Pair   // sorted by key
	Annotations []Pair   // the same with the custom annotations
	Notes       []string // what was left out, and why
}

// Pair is one label or annotation.
type Pair struct{ Key, Value string }

// Problem is something wrong in an input.
type Problem struct {
	Input string // "images", "tags", "flavor", "labels" or "annotations"
	Value string // the entry
	Rule  string // what it breaks
	Hint  string // what to write instead
}

// New makes tags and labels. It returns all problems that it finds; there is no result then.
func New(in Inputs) (Result, []Problem) {
	m := &maker{in: in}
	images, rules := m.images(meant(in.Images)), m.rules(meant(in.Tags))
	m.f = m.flavor(meant(in.Flavor))
	for _, r := range rules {
		if err := m.apply(r); err != nil {
			m.problem("tags", r.text, err.Error(), "see docs/tagging.md")
		}
	}
	out := Result{Version: m.main, Images: images, TagNames: m.tagNames()}
	for _, image := range images {
		for _, tag := range out.TagNames {
			out.Tags = append(out.Tags, image+":"+tag)
		}
	}
	if len(images) == 0 {
		out.Tags = out.TagNames
	}
	out.Labels = m.pairs("labels", meant(in.Labels))
	out.Annotations = m.pairs("annotations", meant(in.Annotations))
	out.Notes = m.notes
	if len(m.problems) > 0 {
		return Result{}, m.problems
	}
	return out, nil
}

type maker struct {
	in       Inputs
	f        flavor
	problems []Problem
	notes    []string

	main      string
	others    []string
	latest    bool
	hasLatest bool // whether a rule has decided about latest: the first one does
}

func (m *maker) problem(input, value, rule, hint string) {
	m.problems = append(m.problems, Problem{Input: input, Value: value, Rule: rule, Hint: hint})
}

func (m *maker) note(format string, args ...any) {
	m.notes = append(m.notes, fmt.Sprintf(format, args...))
}

// apply adds the tag of one rule, if the rule is about this event.
func (m *maker) apply(r rule) error {
	enabled, err := m.enabled(r)
	if err != nil || !enabled {
		return err
	}
	return appliers[r.kind](m, r)
}

var appliers = map[string]func(*maker, rule) error{
	"schedule": (*maker).schedule, "semver": (*maker).semver, "pep440": (*maker).pep440, "match": (*maker).match,
	"edge": (*maker).edge, "ref": (*maker).ref, "raw": (*maker).raw, "sha": (*maker).sha,
}

func (m *maker) schedule(r rule) error {
	if !strings.Contains(m.in.Event.Name, "schedule") {
		return nil
	}
	value, err := render(r.attrs["pattern"], scope{"date": dateFunction("date", m.in.Now), "commit_date": dateFunction("commit_date", m.commitTime())})
	if err != nil {
		return err
	}
	return m.add(r, value, false)
}

func (m *maker) semver(r rule) error {
	return m.versioned(r, semverOf, "a semantic version, see https://semver.org")
}

func (m *maker) pep440(r rule) error {
	return m.versioned(r, pep440Of, "a version of PEP 440, see https://peps.python.org/pep-0440")
}

// versioned adds the tag of a rule of type semver or pep440.
func (m *maker) versioned(r rule, parse func(string) (parsedVersion, bool), what string) error {
	value, ok, err := m.subject(r)
	if err != nil || !ok {
		return err
	}
	if pattern := r.attrs["match"]; pattern != "" {
		found, err := match(pattern, "", value)
		if err != nil {
			return err
		}
		if found == nil {
			m.note("tags: match=%s finds nothing in %s", pattern, value)
		} else if value, ok = found.get("1"); !ok {
			return fmt.Errorf("match=%s has no group: put what is the version into parentheses", pattern)
		}
	}
	version, ok := parse(strings.ReplaceAll(value, "/", "-"))
	if !ok {
		m.note("tags: %s makes no tag: %s is not %s", r.text, strings.ReplaceAll(value, "/", "-"), what)
		return nil
	}
	pattern := r.attrs["pattern"]
	switch {
	case !version.early:
		if value, err = render(pattern, version.names); err != nil {
			return err
		}
	case isRaw(pattern):
		value = version.raw
	default:
		value = version.version
	}
	return m.add(r, value, !version.early)
}

// subject is the text that a rule is about: its own value, or the Git tag. ok is false if there is neither.
func (m *maker) subject(r rule) (value string, ok bool, err error) {
	if text := r.attrs["value"]; text != "" {
		value, err = m.global(text)
		return value, true, err
	}
	if !strings.HasPrefix(m.in.Event.Ref, tags) {
		return "", false, nil
	}
	return m.in.Event.tag(), true, nil
}

func (m *maker) match(r rule) error {
	value, ok, err := m.subject(r)
	if err != nil || !ok {
		return err
	}
	pattern, flags := slashed(r.attrs["pattern"])
	found, err := match(pattern, flags, value)
	if err != nil {
		return err
	}
	if found == nil {
		m.note("tags: pattern=%s finds nothing in %s", r.attrs["pattern"], value)
		return nil
	}
	group, ok := found.get(r.attrs["group"])
	if !ok {
		m.note("tags: there is no group %s in pattern=%s", r.attrs["group"], r.attrs["pattern"])
		return nil
	}
	return m.add(r, group, true)
}

func (m *maker) edge(r rule) error {
	branch := r.attrs["branch"]
	if branch == "" {
		branch = m.in.Event.DefaultBranch
	}
	if !strings.HasPrefix(m.in.Event.Ref, heads) || m.in.Event.branch() != branch {
		return nil
	}
	return m.add(r, "edge", false)
}

func (m *maker) ref(r rule) error {
	prefix, name := heads, m.in.Event.branch()
	switch r.attrs["event"] {
	case "tag":
		prefix, name = tags, m.in.Event.tag()
	case "pr":
		prefix, name = pulls, m.in.Event.pull()
	}
	if !strings.HasPrefix(m.in.Event.Ref, prefix) {
		return nil
	}
	return m.add(r, name, prefix == tags)
}

func (m *maker) raw(r rule) error {
	value, err := m.global(r.attrs["value"])
	if err != nil {
		return err
	}
	return m.add(r, value, false)
}

func (m *maker) sha(r rule) error {
	if m.in.Event.SHA == "" {
		return nil
	}
	value := m.in.Event.SHA
	if r.attrs["format"] == "short" {
		value = m.shortSHA()
	}
	return m.add(r, value, false)
}

func (m *maker) shortSHA() string {
	length := m.in.ShortSHA
	if length == 0 {
		length = DefaultShortSHA
	}
	return m.in.Event.SHA[:min(length, len(m.in.Event.SHA))]
}

// add keeps a tag with its prefix and suffix. The first rule that gives one gives the version, and decides about latest: autoLatest
// is what flavor latest=auto means for it.
func (m *maker) add(r rule, value string, autoLatest bool) error {
	prefix, err := m.around(r, "prefix", m.f.prefix)
	if err != nil {
		return err
	}
	suffix, err := m.around(r, "suffix", m.f.suffix)
	if err != nil {
		return err
	}
	tag := prefix + value + suffix
	if tag == "" {
		return nil
	}
	tag = sanitized(tag)
	switch {
	case m.main == "":
		m.main = tag
	case tag != m.main && !slices.Contains(m.others, tag):
		m.others = append(m.others, tag)
	}
	if !m.hasLatest {
		m.hasLatest, m.latest = true, m.f.latest == "true" || m.f.latest == "auto" && autoLatest
	}
	return nil
}

// around returns the prefix or the suffix of a rule: its own, even if empty, or that of the flavor.
func (m *maker) around(r rule, key, fallback string) (string, error) {
	if own, given := r.get(key); given {
		return m.global(own)
	}
	return m.global(fallback)
}

var notInTags = regexp.MustCompile(`[^a-zA-Z0-9._-]+`)

// sanitized replaces what a tag cannot hold.
func sanitized(tag string) string { return notInTags.ReplaceAllString(tag, "-") }

// tagNames are the tags without an image: the version first, latest last.
func (m *maker) tagNames() []string {
	if m.main == "" {
		return nil
	}
	out := append([]string{m.main}, m.others...)
	if !m.latest {
		return out
	}
	latest := "latest"
	if m.f.prefixLatest {
		latest = m.f.prefix + latest
	}
	if m.f.suffixLatest {
		latest += m.f.suffix
	}
	return append(out, sanitized(latest))
}
