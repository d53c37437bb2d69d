package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/org/multiarch-action/internal/ci"
	"github.com/org/multiarch-action/internal/layers"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/publish"
	"github.com/org/multiarch-action/internal/report"
	"github.com/org/multiarch-action/internal/source"
)

// releaser is one run of publish or promote: images that exist are verified, copied where they lack, and tagged.
type releaser struct {
	*app
	plan       *plan.Release
	references []source.Reference
	registry   publish.Registry
	opener     source.Opener
	verifier   *imageVerifier
	opened     []*source.Source
	appendedTo *v1.IndexManifest // nil: to none
	result     *report.Released
	asIs       bool // the index stays as it is, so that what it says of its images is for verification to judge
}

// candidate is one platform's image that will be in the index.
type candidate struct {
	*part
	named        string // where it comes from, as it was written
	from         *source.Source
	attestations []v1.Descriptor
}

func (a *app) newReleaser(ctx context.Context, in plan.Inputs) (*releaser, error) {
	world, err := a.planWorld(ctx)
	if err != nil {
		return nil, err
	}
	p, err := plan.NewRelease(in, world)
	var problems plan.InputErrors
	if err != nil && !errors.As(err, &problems) {
		return nil, err
	}
	var references []source.Reference
	for _, text := range in.Sources {
		ref, err := source.Parse(text)
		problems = append(problems, named("", err)...)
		references = append(references, ref)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	for _, note := range p.Notes {
		a.say("plan", "%s", note)
	}
	opener, err := a.opener(p.Registries)
	if err != nil {
		return nil, err
	}
	r := &releaser{
		app: a, plan: p, references: references, opener: opener, registry: publish.Registry{Keychain: a.keychain, Transport: opener.Transport, ForceTag: p.ForceTag},
		verifier: &imageVerifier{app: a, level: p.Verify, policy: p.Policy, display: &counter{}},
		result:   &report.Released{SchemaVersion: report.ReleasedSchema, Program: a.version(), Outcome: report.Failed, Verify: p.Verify, Platforms: []report.ReleasedPlatform{}},
	}
	r.verifier.reader = layers.NewReader(layers.Limits{}, r.verifier.display.read)
	return r, nil
}

// execute does the work, and reports whatever became of it.
func (r *releaser) execute(ctx context.Context, asJSON bool, work func(context.Context) error) error {
	saveMemory()
	started := time.Now()
	stop := r.verifier.progress()
	err := work(ctx)
	stop()
	for _, s := range r.opened {
		_ = s.Close() // only read
	}
	var wrong plan.InputErrors
	switch {
	case errors.As(err, &wrong):
		return err // nothing was begun
	case ctx.Err() != nil:
		r.result.Outcome = report.Cancelled
	case errors.Is(err, errRejected):
		r.result.Outcome, r.result.Error = report.Rejected, err.Error()
	case err != nil:
		r.result.Error = err.Error()
	default:
		r.result.Outcome = report.Published
	}
	r.result.Seconds = time.Since(started).Seconds()
	return errors.Join(err, r.write(asJSON))
}

// write writes the result everywhere that it is wanted.
func (r *releaser) write(asJSON bool) error {
	r.annotate(r.result.Annotations(), sameFile)
	foreign := r.host.Foreign() // it quotes what images hold
	problems := []error{
		r.result.Terminal(r.coloured(foreign)), foreign.Close(),
		r.host.SetOutputs([]ci.Output{{Name: "digest", Value: r.result.Digest}, {Name: "image", Value: r.result.Image}}),
		r.host.DeclareSubjects(r.subjects()),
	}
	if path := r.plan.Report; path != "" {
		problems = append(problems, writeFile(path, os.O_TRUNC, r.result.JSON))
	}
	if path := r.plan.JUnit; path != "" {
		problems = append(problems, writeFile(path, os.O_TRUNC, r.result.JUnit))
	}
	problems = append(problems, r.jobFiles(r.plan.Dotenv, r.result.Variables(), r.plan.Links, r.result.Tags))
	problems = append(problems, r.summarise(r.plan.Summary, r.result.MarkdownWithin))
	switch {
	case asJSON:
		problems = append(problems, r.result.JSON(r.results()))
	case r.result.Outcome == report.Published:
		_, err := fmt.Fprintln(r.Stdout, r.result.Image)
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

// note tells what was decided without being asked.
func (r *releaser) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.result.Notes = append(r.result.Notes, text)
	r.say("plan", "%s", text)
}

// open opens an image, which is closed when the run ends.
func (r *releaser) open(ctx context.Context, ref source.Reference) (*source.Source, error) {
	opened, err := r.opener.Open(ctx, ref)
	if err == nil {
		r.opened = append(r.opened, opened)
	}
	return opened, err
}

// check verifies the images before anything is written anywhere.
func (r *releaser) check(ctx context.Context, candidates []*candidate, found []plan.Finding) error {
	var parts []*part
	for _, c := range candidates {
		parts = append(parts, c.part)
	}
	var err error
	if r.plan.Verify != plan.VerifyOff {
		err = r.verifier.files(ctx, parts)
		found = append(found, across(parts)...)
	}
	r.result.Findings = r.plan.Policy.Apply(found)
	for _, c := range candidates {
		r.result.Platforms = append(r.result.Platforms, report.ReleasedPlatform{VerifiedPlatform: c.row, Source: c.named, Attestations: len(c.attestations)})
	}
	switch {
	case err != nil:
		return err
	case plan.Failed(r.result.All()):
		return errRejected
	}
	return nil
}

// tag moves the tags to what is in every repository.
func (r *releaser) tag(ctx context.Context, tags []plan.Tag, document publish.Document) error {
	r.result.Digest = document.Hash.String()
	r.result.Image = tags[0].Name() + "@" + r.result.Digest
	moves, err := r.registry.Tag(ctx, tags, document)
	for _, m := range moves {
		r.result.Tags = append(r.result.Tags, report.Tag{Name: m.Tag.Name(), From: m.From, To: m.To, Moved: m.Moved()})
	}
	return err
}

// copied counts what was copied.
func (r *releaser) copied(c publish.Copied) {
	r.result.Copied.Manifests += c.Manifests
	r.result.Copied.Blobs += c.Blobs
	r.result.Copied.Bytes += c.Bytes
}
