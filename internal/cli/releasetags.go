package cli

import (
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/publish"
	"github.com/org/multiarch-action/internal/source"
)

// releaseTags are the tags that were named, and those that rules give, but for those that belong to a newer release.
func (r *releaser) releaseTags(ctx context.Context, opened *source.Source) ([]plan.Tag, error) {
	document := publish.Document{Raw: opened.Raw(), Type: opened.MediaType, Hash: opened.Digest}
	from, _ := opened.Repository()
	labelled, err := r.registry.Version(ctx, from, document)
	if err != nil {
		return nil, err
	}
	version := r.plan.Promotion.Rules.Version(r.plan.Tags, labelled)
	ruled, problems := r.ruleTags(from, version)
	if len(problems) > 0 {
		return nil, problems
	}
	if r.plan.ForceTag || version == "" {
		return plan.Ordered(append(ruled, r.plan.Tags...)), nil
	}
	releases := map[string][]string{} // by repository
	for _, repo := range plan.Repositories(append(ruled, r.plan.Tags...)) {
		if releases[repo.Name()], err = r.registry.Releases(ctx, repo); err != nil {
			return nil, err
		}
	}
	newer := func(tag plan.Tag) string { return publish.Overtaken(tag, version, releases[tag.Context().Name()]) }
	out := r.plan.Tags
	for _, tag := range r.plan.Tags {
		if release := newer(tag); release != "" {
			return nil, &overtakenError{tag: tag.Name(), version: version, newer: release}
		}
	}
	for _, tag := range ruled {
		if release := newer(tag); release != "" {
			r.note("%s stays with the newer release %s", tag.Name(), release)
			continue
		}
		out = append(out, tag)
	}
	if len(out) == 0 {
		return nil, plan.InputErrors{{Input: "--rules", Rule: fmt.Sprintf("they leave no tag for %s, because newer releases have them all", version), Hint: "add a rule with pattern={{version}}, or --tag"}}
	}
	return plan.Ordered(out), nil
}

// ruleTags are the tags that the rules give, in the repositories of the tags that are named; in the image's where none is named.
func (r *releaser) ruleTags(from name.Repository, version string) ([]plan.Tag, plan.InputErrors) {
	repositories := r.plan.Repositories()
	if len(repositories) == 0 {
		repositories = []name.Repository{from}
	}
	names, problems := r.plan.Promotion.Rules.Tags(version)
	var out []plan.Tag
	for _, text := range names {
		for _, repo := range repositories {
			tag, err := name.NewTag(repo.Name() + ":" + text)
			if err != nil {
				problems = append(problems, &plan.InputError{Input: "--rules", Value: text, Rule: "it is not a tag", Hint: "a tag has letters, digits, _, . and -"})
				break
			}
			tag.Repository = repo // which may speak plain HTTP
			out = append(out, plan.Tag{Tag: tag})
		}
	}
	return out, problems
}

// overtakenError says that a tag belongs to a newer release.
type overtakenError struct{ tag, version, newer string }

// Error names both versions.
func (e *overtakenError) Error() string {
	return fmt.Sprintf("tag %s: not moved: the repository has the release %s, which is newer than %s; no tag was moved", e.tag, e.newer, e.version)
}

// Hint says what to do about it.
func (e *overtakenError) Hint() string {
	return "leave out the tag; if it is meant to go back, add --force-tag"
}
