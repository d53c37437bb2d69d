package plan

import (
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/mod/semver"
)

// ReleaseRule gives a tag to a version, as type=semver of docker/metadata-action does.
type ReleaseRule struct {
	text    string
	pattern string
	value   string // the version; empty: that of the release
}

// releaseFields are what a pattern may hold, besides text that stands for itself.
var releaseFields = regexp.MustCompile(`\{\{\s*([a-z]*)\s*\}\}`)

// releaseRules reads the rules.
func (r *reader) releaseRules() []ReleaseRule {
	var out []ReleaseRule
	for _, text := range r.in.Rules {
		rule := ReleaseRule{text: text}
		kind, other := "", ""
		for _, pair := range strings.Split(text, ",") {
			key, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
			switch key {
			case "type":
				kind = value
			case "pattern":
				rule.pattern = value
			case "value":
				rule.value = value
			default:
				other = key
			}
		}
		switch problem := rule.wrong(kind); {
		case other != "":
			r.problem("--rules", text, fmt.Sprintf("a rule has type, pattern and value, and no %q", other), "for example type=semver,pattern={{major}}.{{minor}}")
		case problem != "":
			r.problem("--rules", text, problem, "for example type=semver,pattern={{major}}.{{minor}}")
		default:
			out = append(out, rule)
		}
	}
	return out
}

func (rule ReleaseRule) wrong(kind string) string {
	switch {
	case kind != "semver":
		return "a release has rules of type=semver only"
	case rule.value != "" && canonicalVersion(rule.value) == "":
		return "its value is not a version"
	}
	found := releaseFields.FindAllStringSubmatch(rule.pattern, -1)
	if len(found) == 0 {
		return "it has no pattern"
	}
	for _, field := range found {
		switch field[1] {
		case "version", "raw", "major", "minor", "patch":
		default:
			return "its pattern has no field " + field[0] + "; there are version, raw, major, minor and patch"
		}
	}
	return ""
}

// canonicalVersion is a version with v in front; empty if it is none.
func canonicalVersion(text string) string {
	return semver.Canonical("v" + strings.TrimPrefix(text, "v"))
}

// Tag is the tag that the rule gives to a version. A pre-release gets only tags of its whole version: empty if the pattern is another one.
func (rule ReleaseRule) Tag(version string) (string, error) {
	if rule.value != "" {
		version = rule.value
	}
	whole := strings.TrimPrefix(canonicalVersion(version), "v")
	if whole == "" {
		return "", &InputError{Value: rule.text, Rule: "nothing says the version: neither a tag, nor the image by org.opencontainers.image.version", Hint: "add value=1.4.0 to the rule"}
	}
	numbers := strings.SplitN(strings.SplitN(whole, "-", 2)[0], ".", 3)
	fields := map[string]string{"version": whole, "raw": version, "major": numbers[0], "minor": numbers[1], "patch": numbers[2]}
	narrow := false
	tag := releaseFields.ReplaceAllStringFunc(rule.pattern, func(field string) string {
		name := releaseFields.FindStringSubmatch(field)[1]
		narrow = narrow || name == "version" || name == "raw"
		return fields[name]
	})
	if !narrow && strings.Contains(whole, "-") {
		return "", nil
	}
	return tag, nil
}

// ReleaseVersion is the version that a release has: by the value of a rule, else by the highest of the tags that are whole versions, else
// as the image says. Empty: nobody says it.
func ReleaseVersion(rules []ReleaseRule, tags []Tag, labelled string) string {
	for _, rule := range rules {
		if rule.value != "" {
			return rule.value
		}
	}
	best := ""
	for _, tag := range tags {
		text := tag.TagStr()
		if strings.Count(text, ".") >= 2 && canonicalVersion(text) != "" && semver.Compare(canonicalVersion(text), canonicalVersion(best)) > 0 {
			best = text
		}
	}
	if best == "" && canonicalVersion(labelled) != "" {
		best = labelled
	}
	return best
}
