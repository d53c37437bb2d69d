package cli

import (
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/org/multiarch-action/internal/ci"
	"github.com/org/multiarch-action/internal/report"
)

// longestTag is what registries take (distribution-spec, "Pulling manifests").
const longestTag = 128

// subjects are what the run has published: the image by each of its tags, and the platforms' images. What is pushed by digest only, or
// handed over, is published by another step, which declares it.
func (r *run) subjects() []ci.Subject {
	if r.report.Outcome != report.Published {
		return nil
	}
	var platforms []ci.Subject
	for _, p := range r.report.Platforms {
		platforms = append(platforms, ci.Subject{Name: p.Platform.String(), Digest: p.Digest})
	}
	return subjectsOf(r.report.Tags, r.report.Digest, platforms)
}

// subjects is the same of images that existed.
func (r *releaser) subjects() []ci.Subject {
	if r.result.Outcome != report.Published {
		return nil
	}
	var platforms []ci.Subject
	for _, p := range r.result.Platforms {
		platforms = append(platforms, ci.Subject{Name: p.Platform, Digest: p.Digest})
	}
	return subjectsOf(r.result.Tags, r.result.Digest, platforms)
}

// subjectsOf names an image by its tags, and each platform's image by the first tag of a repository with the platform behind it, because a
// name may stand for one digest only: app:1.4-linux-arm64. The image of a single platform may be the one that has the tags.
func subjectsOf(tags []report.Tag, digest string, platforms []ci.Subject) []ci.Subject {
	var out, children []ci.Subject
	seen := map[string]bool{}
	for _, t := range tags {
		out = append(out, ci.Subject{Name: t.Name, Digest: digest})
		tag, err := name.NewTag(t.Name)
		if err != nil || seen[tag.Context().Name()] {
			continue
		}
		seen[tag.Context().Name()] = true
		for _, p := range platforms {
			child := tag.TagStr() + "-" + strings.ReplaceAll(p.Name, "/", "-")
			if p.Digest != "" && p.Digest != digest && len(child) <= longestTag {
				children = append(children, ci.Subject{Name: tag.Context().Name() + ":" + child, Digest: p.Digest})
			}
		}
	}
	return append(out, children...)
}
