package publish

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/mod/semver"

	"github.com/org/multiarch-action/internal/plan"
)

// Releases returns the versions among a repository's tags that are whole, such as 1.4.2, and no pre-releases; oldest first. A
// repository that is not there has none.
func (r Registry) Releases(ctx context.Context, repo name.Repository) ([]string, error) {
	var tags []string
	err := r.do(ctx, repo, func(_ context.Context, options []remote.Option) (err error) {
		tags, err = remote.List(repo, options...)
		return err
	})
	if isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("repository %s: listing its tags: %w", repo, err)
	}
	tags = slices.DeleteFunc(tags, func(tag string) bool {
		return strings.Count(tag, ".") != 2 || canonical(tag) == "" || semver.Prerelease(canonical(tag)) != ""
	})
	slices.SortFunc(tags, func(a, b string) int { return semver.Compare(canonical(a), canonical(b)) })
	return tags, nil
}

// Overtaken returns the newest of releases that a tag stands for rather than for a version: "1.4" stands for the newest 1.4.x, "1" for the
// newest 1.x, and a word such as "latest" for the newest of all. It is empty if the version is the newest itself, and for tags that stand
// for one version.
func Overtaken(tag plan.Tag, version string, releases []string) string {
	for _, release := range slices.Backward(releases) {
		if stands(tag.TagStr(), release) && semver.Compare(canonical(release), canonical(version)) > 0 {
			return release
		}
	}
	return ""
}

// stands reports whether a tag would be moved to a release when it comes out.
func stands(tag, release string) bool {
	number := strings.TrimPrefix(tag, "v")
	whole := canonical(release)
	switch {
	case tag == "latest":
		return true
	case number == "" || strings.Trim(number, "0123456789.") != "":
		return false // a word, of which nobody knows what it stands for
	case strings.Count(number, ".") == 0:
		return semver.Major(whole) == "v"+number
	case strings.Count(number, ".") == 1:
		return semver.MajorMinor(whole) == "v"+number
	}
	return false
}

// Version is what an image says of itself (org.opencontainers.image.version); empty: nothing.
func (r Registry) Version(ctx context.Context, repo name.Repository, document Document) (string, error) {
	content, err := r.content(ctx, repo, document)
	if err != nil {
		return "", fmt.Errorf("image %s@%s: reading what it is: %w", repo, document.Hash, err)
	}
	return content.Version, nil
}
