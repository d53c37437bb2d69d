package publish

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/mod/semver"
	"golang.org/x/sync/errgroup"

	"github.com/org/multiarch-action/internal/plan"
)

// Content is what an image is, as far as it decides whether a tag may move to it. What is not known is empty.
type Content struct {
	Digest    string
	Platforms []string
	Version   string    // org.opencontainers.image.version
	Revision  string    // org.opencontainers.image.revision
	Created   time.Time // org.opencontainers.image.created
}

// String says it on one line.
func (c Content) String() string {
	parts := []string{strings.Join(c.Platforms, ", ")}
	if c.Version != "" {
		parts = append(parts, "version "+c.Version)
	}
	if c.Revision != "" {
		parts = append(parts, "commit "+c.Revision)
	}
	if !c.Created.IsZero() {
		parts = append(parts, "of "+c.Created.UTC().Format(time.RFC3339))
	}
	return c.Digest + " (" + strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), "; ") + ")"
}

// HeldError says that a tag holds something better than what it was to be moved to.
type HeldError struct {
	Tag       string
	Held, New Content
	Reasons   []string
}

// Error gives the reasons, and shows both sides.
func (e *HeldError) Error() string {
	return fmt.Sprintf("tag %s: not moved: %s; it holds %s, and would hold %s", e.Tag, strings.Join(e.Reasons, ", and "), e.Held, e.New)
}

// Hint says what to do about it.
func (e *HeldError) Hint() string {
	hint := "if that is meant, add --force-tag"
	if len(lost(e.Held, e.New)) > 0 {
		hint += "; a platform that is left out on purpose, as --allow-failure does, needs it too"
	}
	return hint
}

// lost are the platforms that are held and not in what is next.
func lost(held, next Content) []string {
	return slices.DeleteFunc(slices.Clone(held.Platforms), func(platform string) bool { return slices.Contains(next.Platforms, platform) })
}

// held reads what tags point at. A zero Document stands for a tag that is not there.
func (r Registry) held(ctx context.Context, tags []plan.Tag) ([]Document, error) {
	out := make([]Document, len(tags))
	var g errgroup.Group
	g.SetLimit(concurrency)
	for i, tag := range tags {
		g.Go(func() error {
			got, err := r.get(ctx, tag.Context(), tag.Tag)
			if err != nil && !isMissing(err) {
				return fmt.Errorf("tag %s: reading what it points at: %w", tag.Name(), err)
			}
			out[i] = got
			return nil
		})
	}
	err := g.Wait()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return out, err
}

// guard refuses tags that would lose something by pointing at a document. All refusals are returned together.
func (r Registry) guard(ctx context.Context, tags []plan.Tag, held []Document, document Document) error {
	problems := make([]error, len(tags))
	var once sync.Once
	var next Content
	var nextErr error
	var g errgroup.Group
	g.SetLimit(concurrency)
	for i, tag := range tags {
		if held[i].Hash == (v1.Hash{}) || held[i].Hash == document.Hash {
			continue
		}
		g.Go(func() error {
			once.Do(func() { next, nextErr = r.content(ctx, tag.Context(), document) })
			if nextErr != nil {
				return fmt.Errorf("image %s@%s: reading what it is: %w", tag.Context(), document.Hash, nextErr)
			}
			before, err := r.content(ctx, tag.Context(), held[i])
			if err != nil {
				return fmt.Errorf("tag %s: reading what it holds: %w", tag.Name(), err)
			}
			if reasons := against(tag.TagStr(), before, next); len(reasons) > 0 {
				problems[i] = &HeldError{Tag: tag.Name(), Held: before, New: next, Reasons: reasons}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return single(errors.Join(problems...), problems)
}

// against are the reasons why a tag should stay where it is.
func against(tag string, held, next Content) []string {
	var out []string
	if lost := lost(held, next); len(lost) > 0 {
		out = append(out, "it would lose "+strings.Join(lost, ", "))
	}
	before, after := canonical(held.Version), canonical(next.Version)
	order := 0
	if before != "" && after != "" {
		order = semver.Compare(after, before)
	}
	switch {
	case tag == "latest" && semver.Prerelease(after) != "" && semver.Prerelease(before) == "":
		out = append(out, fmt.Sprintf("the pre-release %s does not become latest", next.Version))
	case order < 0:
		out = append(out, fmt.Sprintf("version %s is older than %s", next.Version, held.Version))
	case order > 0: // a new version may come from a branch whose commits are older
	case next.Revision != held.Revision && next.Created.Before(held.Created) && !next.Created.IsZero():
		out = append(out, fmt.Sprintf("its commit, of %s, is older than that of %s", next.Created.UTC().Format(time.RFC3339), held.Created.UTC().Format(time.RFC3339)))
	}
	return out
}

// canonical is a version as semver wants it; empty: it is none, but the name of a branch, say.
func canonical(version string) string {
	return semver.Canonical("v" + strings.TrimPrefix(version, "v"))
}

// content finds out what a document is: from itself, or else from the config of its first image.
func (r Registry) content(ctx context.Context, repo name.Repository, document Document) (Content, error) {
	var parsed struct {
		Annotations map[string]string `json:"annotations"`
		Manifests   []v1.Descriptor   `json:"manifests"`
	}
	if err := json.Unmarshal(document.Raw, &parsed); err != nil {
		return Content{}, err
	}
	out := Content{Digest: document.Hash.String()}
	first := document.Hash
	if document.Type.IsIndex() {
		first = v1.Hash{}
		for _, d := range parsed.Manifests {
			if d.Annotations[referenceType] == attestationType || d.Platform == nil {
				continue
			}
			first = cmp.Or(first, d.Digest)
			out.Platforms = append(out.Platforms, platformOf(*d.Platform).String())
		}
	}
	out.fill(parsed.Annotations)
	if first == (v1.Hash{}) || document.Type.IsIndex() && out.Version != "" && out.Revision != "" && !out.Created.IsZero() {
		return out, nil
	}
	image, err := r.image(ctx, repo, v1.Descriptor{Digest: first})
	if isMissing(err) {
		return out, nil // it is broken already
	}
	if err != nil {
		return Content{}, err
	}
	labels := image.Config.Config.Labels
	if of := labels[ocispec.AnnotationRevision]; of == "" || out.Revision == "" || of == out.Revision { // else they are those of the base image
		out.fill(labels)
	}
	if !document.Type.IsIndex() && image.Config.OS != "" {
		out.Platforms = []string{image.Platform.String()}
	}
	return out, nil
}

func platformOf(p v1.Platform) plan.Platform {
	return plan.PlatformOf(ocispec.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant, OSVersion: p.OSVersion})
}

// fill takes over what labels or annotations say, and nothing has said before.
func (c *Content) fill(labels map[string]string) {
	c.Version = cmp.Or(c.Version, labels[ocispec.AnnotationVersion])
	c.Revision = cmp.Or(c.Revision, labels[ocispec.AnnotationRevision])
	if created, err := time.Parse(time.RFC3339, labels[ocispec.AnnotationCreated]); err == nil && c.Created.IsZero() {
		c.Created = created
	}
}
