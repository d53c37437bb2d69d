package publish

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/sync/errgroup"
)

// Companion is a manifest beside an image that is about it: a signature, an SBOM, an attestation.
type Companion struct {
	Descriptor v1.Descriptor
	Tag        string // by which it is found, if it has no subject; empty: it is a referrer
}

// companionSuffixes are those of cosign's tags (sigstore/cosign specs/SIGNATURE_SPEC.md, "Tag-based discovery").
var companionSuffixes = []string{"sig", "att", "sbom"}

// maxCompanionDepth is how far companions of companions are followed: the signature of an SBOM has none of its own.
const maxCompanionDepth = 3

// Companions finds what lies beside manifests in their repository: referrers, by the API or by the tag schema (OCI
// distribution-spec, "Listing Referrers"), and what cosign's tags name; and the companions of those.
func (r Registry) Companions(ctx context.Context, repo name.Repository, subjects []v1.Hash) ([]Companion, error) {
	seen := map[v1.Hash]bool{}
	var out []Companion
	for depth := 0; depth < maxCompanionDepth && len(subjects) > 0; depth++ {
		found, err := r.companionsOf(ctx, repo, subjects)
		if err != nil {
			return nil, err
		}
		subjects = nil
		for _, c := range found {
			if !seen[c.Descriptor.Digest] {
				seen[c.Descriptor.Digest] = true
				out = append(out, c)
				subjects = append(subjects, c.Descriptor.Digest)
			}
		}
	}
	return out, nil
}

func (r Registry) companionsOf(ctx context.Context, repo name.Repository, subjects []v1.Hash) ([]Companion, error) {
	found := make([][]Companion, len(subjects))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrency)
	for i, subject := range subjects {
		g.Go(func() error {
			referrers, err := r.referrers(ctx, repo, subject)
			if err != nil {
				return fmt.Errorf("repository %s: listing what refers to %s: %w", repo, subject, err)
			}
			tagged, err := r.tagged(ctx, repo, subject)
			if err != nil {
				return fmt.Errorf("repository %s: looking for signatures of %s: %w", repo, subject, err)
			}
			found[i] = append(referrers, tagged...)
			return nil
		})
	}
	err := g.Wait()
	var out []Companion
	for _, list := range found {
		out = append(out, list...)
	}
	return out, err
}

func (r Registry) referrers(ctx context.Context, repo name.Repository, subject v1.Hash) ([]Companion, error) {
	var list *v1.IndexManifest
	err := r.do(ctx, repo, func(_ context.Context, options []remote.Option) error {
		index, err := remote.Referrers(repo.Digest(subject.String()), options...)
		if err == nil {
			list, err = index.IndexManifest()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var out []Companion
	for _, d := range list.Manifests {
		out = append(out, Companion{Descriptor: d})
	}
	return out, nil
}

func (r Registry) tagged(ctx context.Context, repo name.Repository, subject v1.Hash) ([]Companion, error) {
	var out []Companion
	for _, suffix := range companionSuffixes {
		tag := strings.Replace(subject.String(), ":", "-", 1) + "." + suffix
		got, err := r.get(ctx, repo, repo.Tag(tag))
		if isMissing(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, Companion{Descriptor: v1.Descriptor{MediaType: got.Type, Size: int64(len(got.Raw)), Digest: got.Hash}, Tag: tag})
	}
	return out, nil
}

// CopyCompanion copies a companion, and gives it its tag. A tag that holds something else there already is left alone: kept is its digest.
func (r Registry) CopyCompanion(ctx context.Context, to name.Repository, from Origin, c Companion) (done Copied, kept string, err error) {
	done, err = r.Copy(ctx, to, from, c.Descriptor)
	if err != nil || c.Tag == "" {
		return done, "", err
	}
	raw, err := from.Document(ctx, c.Descriptor)
	if err != nil {
		return done, "", err
	}
	tag := to.Tag(c.Tag)
	before, err := r.get(ctx, to, tag)
	switch {
	case err == nil && before.Hash == c.Descriptor.Digest:
		return done, "", nil
	case err == nil:
		return done, before.Hash.String(), nil
	case !isMissing(err):
		return done, "", fmt.Errorf("tag %s: reading what it points at: %w", tag, err)
	}
	document := Document{Raw: raw, Type: c.Descriptor.MediaType, Hash: c.Descriptor.Digest}
	if err := r.put(ctx, to, tag, document); err != nil {
		return done, "", fmt.Errorf("tag %s: pushing: %w", tag, err)
	}
	return done, "", nil
}
