package plan

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// Policy is what the user decided about findings. It is applied once to each, where it is found.
type Policy struct {
	Ignore   []Ignore            `json:"ignore,omitempty"`
	Severity map[string]Severity `json:"severity,omitempty"` // by check
	// What follows comes from a file only.
	Level     Level      `json:"level,omitempty"`     // the least; empty: any
	File      string     `json:"-"`                   // where the level is written
	Platforms []Required `json:"platforms,omitempty"` // that every image must have
}

// Required is a platform that a policy file wants every image to have.
type Required struct {
	Platform Platform `json:"platform"`
	Where    string   `json:"where"` // file and line
}

// Ignore names findings that are shown and do not count.
type Ignore struct {
	Check    string `json:"check"`              // an id, or a pattern such as files/*
	Platform string `json:"platform,omitempty"` // in normal form; empty for all
	Glob     string `json:"path,omitempty"`     // * is within a folder, ** over folders; empty for all
	Reason   string `json:"reason,omitempty"`
	Until    string `json:"until,omitempty"` // the last day on which it ignores, as 2027-01-31, in UTC; empty: there is none
	Where    string `json:"where,omitempty"` // file and line, if it is written in a file
	path     *regexp.Regexp
	expired  bool
}

// Apply decides about findings; what it gets is not changed.
func (p Policy) Apply(findings []Finding) []Finding {
	out := slices.Clone(findings)
	for i := range out {
		f := &out[i]
		if severity, ok := p.Severity[f.Check]; ok {
			f.Severity = severity
		}
		for _, rule := range p.Ignore {
			if !f.Ignored && rule.matches(*f) {
				f.Ignored, f.Policy = !rule.expired, rule.why()
			}
		}
	}
	return out
}

// Join adds what another policy says. Where both name a severity the other's counts.
func (p Policy) Join(other Policy) Policy {
	p.Ignore = slices.Concat(p.Ignore, other.Ignore)
	p.Platforms = slices.Concat(p.Platforms, other.Platforms)
	if len(p.Severity)+len(other.Severity) > 0 {
		joined := map[string]Severity{}
		maps.Copy(joined, p.Severity)
		maps.Copy(joined, other.Severity)
		p.Severity = joined
	}
	return p
}

// Expired describes the entries that do not ignore any more.
func (p Policy) Expired() []string {
	var out []string
	for _, rule := range p.Ignore {
		if rule.expired {
			out = append(out, fmt.Sprintf("%s: %s is not ignored any more: %s", rule.Where, rule.Check, rule.why()))
		}
	}
	return out
}

// why is what a finding says of the rule that fits it.
func (i Ignore) why() string {
	switch {
	case i.expired:
		return fmt.Sprintf("the entry ended on %s (%s)", i.Until, i.Reason)
	case i.Until != "":
		return fmt.Sprintf("%s (%s, until %s)", i.Reason, i.Where, i.Until)
	case i.Where != "":
		return fmt.Sprintf("%s (%s)", i.Reason, i.Where)
	}
	return ""
}

func (i Ignore) matches(f Finding) bool {
	if fits, _ := path.Match(i.Check, f.Check); !fits || i.Platform != "" && i.Platform != f.Platform {
		return false
	}
	if i.path == nil {
		return true
	}
	return slices.ContainsFunc(strings.Split(f.Path, " → "), i.path.MatchString) // any file on the way to what was found
}

// NewPolicy reads rules as users write them: CHECK[:platform][:glob] for ignore, CHECK=severity for severities. checks
// are the ids that exist; without any they are not compared.
func NewPolicy(ignore, severities, checks []string) (Policy, InputErrors) {
	var p Policy
	var problems InputErrors
	for _, text := range ignore {
		rule, problem := parseIgnore(text, checks)
		if problem != nil {
			problems = append(problems, problem)
			continue
		}
		p.Ignore = append(p.Ignore, rule)
	}
	for _, text := range severities {
		check, severity, problem := parseSeverity(text, checks)
		if problem != nil {
			problems = append(problems, problem)
			continue
		}
		if p.Severity == nil {
			p.Severity = map[string]Severity{}
		}
		p.Severity[check] = severity
	}
	return p, problems
}

func parseIgnore(text string, checks []string) (Ignore, *InputError) {
	wrong := func(rule, hint string) (Ignore, *InputError) {
		return Ignore{}, &InputError{Input: "--ignore", Value: text, Rule: rule, Hint: hint}
	}
	check, rest, _ := strings.Cut(text, ":")
	if hint, unknown := unknownCheck(check, checks); unknown {
		return wrong(fmt.Sprintf("there is no check %q", check), hint)
	}
	platform, glob, _ := strings.Cut(rest, ":")
	if strings.HasPrefix(platform, "/") || strings.HasPrefix(platform, "*") {
		platform, glob = "", rest // CHECK:glob
	}
	rule := Ignore{Check: check, Glob: glob}
	if platform != "" {
		p, err := ParsePlatform(platform)
		if err != nil {
			return wrong(fmt.Sprintf("%q is neither a platform nor an absolute path", platform), "write CHECK:linux/arm64:/path/*, or leave out either")
		}
		rule.Platform = p.String()
	}
	if glob != "" {
		rule.path = globPattern(glob)
	}
	return rule, nil
}

func parseSeverity(text string, checks []string) (string, Severity, *InputError) {
	check, word, found := strings.Cut(text, "=")
	wrong := func(rule, hint string) (string, Severity, *InputError) {
		return "", "", &InputError{Input: "--severity", Value: text, Rule: rule, Hint: hint}
	}
	severity := Severity(word)
	if !found || !slices.Contains([]Severity{SeverityError, SeverityWarning, SeverityNote}, severity) {
		return wrong("it is not CHECK=error, CHECK=warning or CHECK=note", "for example program/arch-compat=error")
	}
	if strings.ContainsAny(check, "*?[") {
		return wrong("a severity is for one check", "name each check")
	}
	if hint, unknown := unknownCheck(check, checks); unknown {
		return wrong(fmt.Sprintf("there is no check %q", check), hint)
	}
	return check, severity, nil
}

// unknownCheck reports whether a name or pattern fits no check, and says which may have been meant.
func unknownCheck(name string, checks []string) (hint string, unknown bool) {
	fits := func(id string) bool { ok, _ := path.Match(name, id); return ok }
	if name != "" && (len(checks) == 0 || slices.ContainsFunc(checks, fits)) {
		return "", false
	}
	if len(checks) == 0 {
		return "name a check", true
	}
	nearest := slices.MinFunc(checks, func(a, b string) int {
		return levenshtein.Distance(a, name, nil) - levenshtein.Distance(b, name, nil)
	})
	return fmt.Sprintf("perhaps %s; docs/verification.md lists them", nearest), true
}

// globPattern makes an expression of a glob for paths.
func globPattern(glob string) *regexp.Regexp {
	text := regexp.QuoteMeta(glob)
	for _, token := range [][2]string{{`\*\*`, "\x00"}, {`\*`, "[^/]*"}, {`\?`, "[^/]"}, {"\x00", ".*"}} {
		text = strings.ReplaceAll(text, token[0], token[1])
	}
	return regexp.MustCompile("^" + text + "$")
}
