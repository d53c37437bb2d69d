package plan

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/semver"

	"github.com/org/multiarch-action/internal/metadata"
)

// ReleaseRules give tags to a release whose version is known only when its image has been read.
type ReleaseRules struct {
	in    metadata.Inputs
	event string // the tag in Git that the run is for; empty: it is for none
}

// releaseRules reads the rules. That they are right does not depend on the version, so an example shows it.
func (r *reader) releaseRules() ReleaseRules {
	if len(r.in.Rules) == 0 {
		return ReleaseRules{}
	}
	out := ReleaseRules{in: metadata.Inputs{Tags: r.in.Rules, Flavor: r.in.Flavor, Now: r.world.Now, Created: r.world.Now}}
	if epoch := r.sourceDateEpoch(nil); epoch != nil {
		out.in.Now = time.Unix(*epoch, 0)
	}
	if r.world.Event != nil {
		if event, err := r.world.Event(); err == nil { // outside of Git there is none, and none is needed
			out.in.Event = event
			out.event = strings.TrimPrefix(event.Ref, gitTags)
		}
	}
	_, problems := out.Tags("v1.2.3")
	r.problems = append(r.problems, problems...)
	return out
}

const gitTags = "refs/tags/"

// Given reports whether there are rules.
func (rules ReleaseRules) Given() bool { return len(rules.in.Tags) > 0 }

// Tags are the tags, without a repository, that the rules give to a version as if it were pushed as a tag in Git.
func (rules ReleaseRules) Tags(version string) ([]string, InputErrors) {
	if !rules.Given() {
		return nil, nil
	}
	in := rules.in
	if version != "" {
		in.Event.Name, in.Event.Ref = "push", gitTags+version
	}
	result, wrong := metadata.New(in)
	var problems InputErrors
	for _, p := range wrong {
		problems = append(problems, &InputError{Input: map[string]string{"tags": "--rules", "flavor": flavorFlag}[p.Input], Value: p.Value, Rule: p.Rule, Hint: p.Hint})
	}
	if len(problems) == 0 && len(result.TagNames) == 0 {
		hint := "add a rule such as type=semver,pattern={{version}}"
		if version == "" {
			hint = "nothing says the version, neither a tag, nor Git, nor the image by org.opencontainers.image.version: add value=1.4.0 to the rule"
		}
		problems = append(problems, &InputError{Input: "--rules", Value: strings.Join(in.Tags, " "), Rule: "they give no tag", Hint: hint})
	}
	return result.TagNames, problems
}

// canonicalVersion is a version with v in front; empty if it is none.
func canonicalVersion(text string) string {
	return semver.Canonical("v" + strings.TrimPrefix(text, "v"))
}

// Version is that of a release: by the value of a rule, else by the highest of the tags that are whole versions, else by the tag in Git
// that the run is for, else as the image says. Empty: nobody says it.
func (rules ReleaseRules) Version(tags []Tag, labelled string) string {
	var found []string
	for _, rule := range rules.in.Tags {
		for part := range strings.SplitSeq(rule, ",") {
			if value, ok := strings.CutPrefix(strings.TrimSpace(part), "value="); ok {
				found = append(found, value)
			}
		}
	}
	var whole []string
	for _, tag := range tags {
		if strings.Count(tag.TagStr(), ".") >= 2 && canonicalVersion(tag.TagStr()) != "" {
			whole = append(whole, tag.TagStr())
		}
	}
	slices.SortFunc(whole, func(a, b string) int { return semver.Compare(canonicalVersion(b), canonicalVersion(a)) })
	for _, text := range append(append(found, whole...), rules.event, labelled) {
		if canonicalVersion(text) != "" {
			return text
		}
	}
	return ""
}
