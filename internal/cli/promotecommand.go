package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/publish"
	"github.com/org/multiarch-action/internal/source"
)

func (a *app) promoteCommand() *cobra.Command {
	var inputs plan.Inputs
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "promote [flags] IMAGE@DIGEST -t TAG…",
		Short: "Give an image that was tested its release tags, in other registries too, without a rebuild",
		Long: `Verify an image, copy it with all platforms, attestations, signatures and other referrers to the
repositories of the tags, as far as they lack it, and then move the tags. The digest stays the same.

IMAGE@DIGEST names what was tested. With --from-tag a tag names it; with --expect that tag must still point
at the digest. An older release does not take latest, or a tag such as 1 or 1.4, from a newer one that the
repository's tags name: tags of --rules are left out then, those of --tag are refused, unless --force-tag.

Every flag can also be given in the environment, by the names in docs/release-inputs.md.

Exit status: 0 done; 1 a registry failed, or a tag would lose something; 2 the request does not fit, nothing
was written; 3 verification found something, no tag was moved; 130 cancelled.`,
		Example: `  multiarch-action promote ghcr.io/owner/app@sha256:DIGEST -t ghcr.io/owner/app:1.4.0 -t docker.io/owner/app:1.4.0
  multiarch-action promote ghcr.io/owner/app --from-tag rc --expect sha256:DIGEST -t ghcr.io/owner/app:1.4.0
  multiarch-action promote ghcr.io/owner/app@sha256:DIGEST --rules 'type=semver,pattern={{major}}.{{minor}},value=1.4.0'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			inputs.Sources = args
			if err := a.fromEnvironment(cmd.Flags(), plan.PromoteInputs(), &inputs); err != nil {
				return err
			}
			r, err := a.newReleaser(inputs)
			if err != nil {
				return err
			}
			return r.execute(cmd.Context(), asJSON, r.promote)
		},
	}
	inputFlags(cmd, plan.PromoteInputs(), &inputs)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON on standard output")
	cmd.Flags().SortFlags = false
	return cmd
}

// promote verifies the image, copies it, and moves the tags.
func (r *releaser) promote(ctx context.Context) error {
	ref, err := r.promoted()
	if err != nil {
		return err
	}
	opened, err := r.open(ctx, ref)
	if err != nil {
		return err
	}
	if err := r.expected(ref, opened); err != nil {
		return err
	}
	tags, err := r.releaseTags(ctx, opened)
	if err != nil {
		return err
	}
	if err := r.registry.CheckPush(ctx, plan.Repositories(tags)); err != nil {
		return err
	}
	if err := r.checkPromoted(ctx, ref, opened); err != nil {
		return err
	}
	document := publish.Document{Raw: opened.Raw(), Type: opened.MediaType, Hash: opened.Digest}
	if err := r.copyPromoted(ctx, plan.Repositories(tags), opened, document); err != nil {
		return err
	}
	return r.tag(ctx, tags, document)
}

// promoted is the one image, which a digest or --from-tag names.
func (r *releaser) promoted() (source.Reference, error) {
	wrong := func(rule, hint string) (source.Reference, error) {
		return source.Reference{}, plan.InputErrors{{Value: strings.Join(r.plan.Sources, " "), Rule: rule, Hint: hint}}
	}
	if len(r.references) != 1 {
		return wrong(fmt.Sprintf("one image is promoted at a time, and %d are named", len(r.references)), "name one; publish makes one index of several")
	}
	ref := r.references[0]
	remote, ok := ref.Remote()
	if !ok {
		return wrong("it is not in a registry", "use publish for images on disk")
	}
	_, byDigest := remote.(name.Digest)
	switch from := r.plan.Promotion.FromTag; {
	case from == "" && !byDigest:
		return wrong("a tag may move between the test and now", "write IMAGE@sha256:…, as inspect shows it, or name the tag by --from-tag")
	case from == "":
		return ref, nil
	case byDigest || strings.Contains(ref.String(), ":"+remote.Identifier()):
		return wrong("--from-tag names the tag, and here is another tag or a digest", "write the repository alone: "+remote.Context().Name())
	default:
		tagged, err := source.Parse(remote.Context().Name() + ":" + from)
		if err != nil {
			return source.Reference{}, plan.InputErrors{{Input: "--from-tag", Value: from, Rule: "it is not a tag", Hint: "write the tag alone, for example rc"}}
		}
		return tagged, nil
	}
}

// movedError says that a tag does not point at what was tested.
type movedError struct{ tag, got, want string }

// Error shows both digests.
func (e *movedError) Error() string {
	return fmt.Sprintf("tag %s: comparing it with --expect: it points at %s, and %s is expected; no tag was moved", e.tag, e.got, e.want)
}

// Hint says what to do about it.
func (e *movedError) Hint() string {
	return "the tag has moved since the image was tested: test what it points at now, or promote what was tested by its digest"
}

func (r *releaser) expected(ref source.Reference, opened *source.Source) error {
	want := r.plan.Promotion.Expect
	switch {
	case want != nil && *want != opened.Digest:
		return &movedError{tag: ref.String(), got: opened.Digest.String(), want: want.String()}
	case want == nil && r.plan.Promotion.FromTag != "":
		r.note("%s points at %s; --expect would refuse another digest", ref, opened.Digest)
	}
	return nil
}

// checkPromoted verifies the image and, if it is one, its index.
func (r *releaser) checkPromoted(ctx context.Context, ref source.Reference, opened *source.Source) error {
	r.asIs = true
	candidates, err := r.candidates(ctx, ref.String(), opened)
	if err != nil {
		return err
	}
	if _, problems := wantedOnly(candidates, r.plan.Platforms); len(problems) > 0 {
		return problems
	}
	var found []plan.Finding
	if r.plan.Verify != plan.VerifyOff {
		var parts []*part
		for _, c := range candidates {
			parts = append(parts, c.part)
		}
		found = r.verifier.indexFindings(opened, parts)
	}
	return r.check(ctx, candidates, found)
}

// copyPromoted copies the image with all that is about it into every repository, and reads it back there.
func (r *releaser) copyPromoted(ctx context.Context, repositories []name.Repository, opened *source.Source, document publish.Document) error {
	subjects := []v1.Hash{opened.Digest}
	entries, err := opened.Entries(ctx)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Digest != opened.Digest {
			subjects = append(subjects, e.Digest)
		}
	}
	from, _ := opened.Repository() // promoted has seen to it
	companions, err := r.registry.Companions(ctx, from, subjects)
	if err != nil {
		return err
	}
	r.result.Companions = len(companions)
	for _, repo := range repositories {
		done, err := r.registry.Copy(ctx, repo, opened, opened.Root())
		r.copied(done)
		if err != nil {
			return err
		}
		for _, c := range companions {
			done, kept, err := r.registry.CopyCompanion(ctx, repo, opened, c)
			r.copied(done)
			if err != nil {
				return err
			}
			if kept != "" {
				r.note("%s:%s holds %s there, and is left so; here it is %s", repo, c.Tag, kept, c.Descriptor.Digest)
			}
		}
		r.result.Pushed = append(r.result.Pushed, repo.Name())
	}
	return r.registry.Push(ctx, repositories, document)
}
