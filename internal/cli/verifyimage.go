package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/org/multiarch-action/internal/layers"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/report"
	"github.com/org/multiarch-action/internal/source"
	"github.com/org/multiarch-action/internal/verify"
)

type writerTo = func(io.Writer) error

// How much is under way at once: requests for small documents, and images whose layers are read. Each of the latter holds the
// table of its files.
const (
	concurrentDocuments = 16
	concurrentImages    = 3
)

// all verifies every image. An image that cannot be read does not keep the others from being verified.
func (v *imageVerifier) all(ctx context.Context) (*report.Verification, []error) {
	result := &report.Verification{SchemaVersion: report.VerificationSchema, Program: v.version(), Verdict: report.VerdictGood}
	result.Images = make([]report.Verified, len(v.references))
	errs := make([]error, len(v.references))
	for i, ref := range v.references {
		result.Images[i], errs[i] = v.one(ctx, ref)
	}
	if v.against != nil && errs[0] == nil {
		errs[0] = v.compare(ctx, &result.Images[0])
	}
	for i := range result.Images {
		image := &result.Images[i]
		image.Verdict = verdictOf(image.All())
		if errs[i] != nil {
			image.Verdict, image.Error = report.VerdictUnread, errs[i].Error()
			var hinted interface{ Hint() string }
			if errors.As(errs[i], &hinted) {
				image.Hint = hinted.Hint()
			}
		}
		if image.Verdict == report.VerdictUnread || image.Verdict == report.VerdictBad && result.Verdict == report.VerdictGood {
			result.Verdict = image.Verdict
		}
	}
	return result, slices.DeleteFunc(errs, func(err error) bool { return err == nil })
}

func verdictOf(findings []plan.Finding) report.Verdict {
	if plan.Failed(findings) {
		return report.VerdictBad
	}
	return report.VerdictGood
}

// one verifies one image.
func (v *imageVerifier) one(ctx context.Context, ref source.Reference) (report.Verified, error) {
	out := report.Verified{Reference: ref.String()}
	opened, err := v.opener.Open(ctx, ref)
	if finding, isBad := documentFinding(err, ""); isBad {
		out.Findings = append(out.Findings, finding)
		return out, nil
	}
	if err != nil {
		return out, err
	}
	defer func() { _ = opened.Close() }() // only read
	if opened.Digest != (v1.Hash{}) {
		out.Digest = opened.Digest.String()
	}
	out.MediaType = string(opened.MediaType)
	parts, err := v.parts(ctx, opened)
	if err != nil {
		return out, err
	}
	if err := v.wanted(ref, parts); err != nil {
		return out, err
	}
	out.Findings = v.indexFindings(opened, parts)
	err = v.files(ctx, parts)
	out.Findings = v.policy.Apply(append(out.Findings, across(parts)...))
	for _, p := range parts {
		out.Platforms = append(out.Platforms, p.row)
	}
	return out, err
}

// part is one platform of an image.
type part struct {
	platform plan.Platform // as it is published
	entry    v1.Descriptor // of the index
	image    *source.Image // nil: it could not be had
	row      report.VerifiedPlatform
	programs verify.Programs
}

// parts reads manifests and configs of all platforms. What is wrong with one of them is a finding.
func (v *imageVerifier) parts(ctx context.Context, opened *source.Source) ([]*part, error) {
	descriptors, err := opened.Images(ctx)
	if finding, isBad := documentFinding(err, ""); isBad {
		return []*part{{row: report.VerifiedPlatform{Platform: "unknown", Verdict: report.VerdictBad, Findings: []plan.Finding{finding}}}}, nil
	}
	if err != nil {
		return nil, err
	}
	parts := make([]*part, len(descriptors))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrentDocuments)
	for i, d := range descriptors {
		g.Go(func() (err error) {
			parts[i], err = readPart(ctx, opened, d)
			return err
		})
	}
	return parts, g.Wait()
}

func readPart(ctx context.Context, opened *source.Source, d v1.Descriptor) (*part, error) {
	p := &part{entry: d}
	if d.Platform != nil {
		p.platform = platformOf(*d.Platform)
	}
	p.row = report.VerifiedPlatform{Digest: d.Digest.String(), Verdict: report.VerdictGood}
	if d.Digest == (v1.Hash{}) {
		p.row.Digest = ""
	}
	image, err := opened.Image(ctx, d)
	finding, isBad := documentFinding(err, p.platform.String())
	var other *source.NotImageError
	switch {
	case isBad:
		p.row.Findings = append(p.row.Findings, finding)
	case errors.As(err, &other) && opened.Index != nil:
		p.row.Findings = append(p.row.Findings, verify.Rated(plan.Finding{
			Check: verify.CheckConfigForeign, Platform: p.platform.String(), Path: d.Digest.String(), Expected: "a container image", Found: "one of the type " + other.MediaType,
			Why: "what it is for is not known, so nothing in it was checked", Fix: "nothing, if it is meant to be there",
		}))
	case source.IsMissing(err): // the check of the index says so
	case err != nil:
		return nil, err
	default:
		p.image = image
		p.row.Size, p.row.Layers = image.Size, len(image.Layers)
		if d.Platform != nil && d.Platform.Variant == "" && image.Config.Variant != "" && image.Config.Architecture == d.Platform.Architecture {
			p.platform = plan.PlatformOf(image.Config.Platform) // the index leaves it to the config
		}
		p.row.Findings = append(p.row.Findings, zstdFindings(p.platform, image)...)
		if d.Platform == nil || d.Platform.OS == "" && d.Platform.Architecture == "" {
			p.platform = plan.PlatformOf(image.Config.Platform)
		}
		if opened.Index == nil { // otherwise the check of the index looks at it
			p.row.Findings = append(p.row.Findings, verify.Config(p.platform, image.Config, len(image.Layers), "config")...)
		}
	}
	p.row.Platform = p.platform.String()
	return p, nil
}

func platformOf(p v1.Platform) plan.Platform {
	return plan.PlatformOf(ocispec.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant, OSVersion: p.OSVersion, OSFeatures: p.OSFeatures})
}

// wanted marks the platforms that are not to be looked into. It is an error if one that is asked for is not there.
func (v *imageVerifier) wanted(ref source.Reference, parts []*part) error {
	for _, p := range parts {
		if len(v.platforms) > 0 && !slices.ContainsFunc(v.platforms, p.platform.Equal) {
			p.row.Verdict = report.VerdictUnwanted
		}
	}
	for _, want := range v.platforms {
		if !slices.ContainsFunc(parts, func(p *part) bool { return p.platform.Equal(want) }) {
			return &absentError{image: ref.String(), platform: want.String(), has: platformNames(parts)}
		}
	}
	return nil
}

func platformNames(parts []*part) []string {
	var out []string
	for _, p := range parts {
		out = append(out, p.row.Platform)
	}
	return out
}

// absentError says that an image has no such platform.
type absentError struct {
	image, platform string
	has             []string
}

// Error names image and platform.
func (e *absentError) Error() string {
	return fmt.Sprintf("image %s: looking for %s: it has no such platform", e.image, e.platform)
}

// Hint lists the platforms that there are.
func (e *absentError) Hint() string { return "it has: " + strings.Join(e.has, ", ") }

// indexFindings checks the index, as far as the platforms are wanted. One image is checked as an index of it would be, for what
// is required of it.
func (v *imageVerifier) indexFindings(opened *source.Source, parts []*part) []plan.Finding {
	published := verify.Published{Configs: map[v1.Hash]ocispec.Image{}, Layers: map[v1.Hash]int{}, Foreign: true}
	for _, p := range parts {
		if opened.Index != nil && !slices.ContainsFunc(opened.Index.Manifests, func(d v1.Descriptor) bool { return d.Digest == p.entry.Digest }) {
			published.Nested = append(published.Nested, p.entry)
		}
		if p.image != nil {
			published.Configs[p.image.Descriptor.Digest] = p.image.Config
			published.Layers[p.image.Descriptor.Digest] = len(p.image.Layers)
		}
	}
	if opened.Index != nil {
		published.Index = *opened.Index
	} else if len(parts) == 1 && parts[0].image != nil {
		spec := parts[0].platform.Spec()
		d := parts[0].image.Descriptor
		d.MediaType, d.Platform = opened.MediaType, &v1.Platform{OS: spec.OS, Architecture: spec.Architecture, Variant: spec.Variant, OSVersion: spec.OSVersion}
		published.Index.Manifests = []v1.Descriptor{d}
	}
	said := map[string]bool{} // of what could be read something worse is known than that it could not
	for _, p := range parts {
		said[p.row.Digest] = p.image == nil && len(p.row.Findings) > 0
	}
	return slices.DeleteFunc(verify.Index(v.require, published), func(f plan.Finding) bool {
		switch {
		case f.Check == "index/platform-extra", f.Check == verify.CheckChildMissing && said[f.Path]:
			return true
		case opened.Index == nil:
			return f.Check != verify.CheckIndexMissing
		}
		return v.isUnwanted(f, parts)
	})
}

// isUnwanted reports whether a finding is about a platform that nobody asked for.
func (v *imageVerifier) isUnwanted(f plan.Finding, parts []*part) bool {
	return f.Platform != "" && slices.ContainsFunc(parts, func(p *part) bool {
		return p.row.Verdict == report.VerdictUnwanted && p.row.Platform == f.Platform
	})
}

// files checks the files of every platform.
func (v *imageVerifier) files(ctx context.Context, parts []*part) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrentImages)
	for _, p := range parts {
		if p.row.Verdict == report.VerdictUnwanted {
			continue
		}
		v.display.expect(p.row.Size)
		g.Go(func() error {
			defer v.display.done()
			err := v.platform(ctx, p)
			p.row.Findings = v.policy.Apply(p.row.Findings)
			if err == nil && p.row.Verdict != report.VerdictUnread {
				p.row.Verdict = verdictOf(p.row.Findings)
			}
			return err
		})
	}
	return g.Wait()
}

// platform checks the files of one platform.
func (v *imageVerifier) platform(ctx context.Context, p *part) error {
	if p.image == nil {
		if len(p.row.Findings) == 0 {
			p.row.Verdict = report.VerdictUnread
		}
		return nil
	}
	var files verify.Files = noFiles{}
	var read *layers.Files // nil: they were not read
	looks := v.level == plan.VerifyStatic || v.level == plan.VerifyFull
	if looks && p.platform.OS() == "linux" { // other programs are not looked at, and layers of Windows are gigabytes
		var err error
		read, err = v.reader.Read(ctx, p.image.Layers)
		if finding, isBad := layerFinding(err, p.platform.String(), p.image); isBad {
			p.row.Findings = append(p.row.Findings, finding)
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.platform, err)
		}
		defer read.Close()
		notes, whole := noteFindings(p.platform.String(), p.image, read.Notes())
		p.row.Findings = append(p.row.Findings, notes...)
		if !whole {
			return nil
		}
		files = layerFiles(read)
	}
	findings, programs, err := verify.Inspect(ctx, v.level, p.platform, p.image.Config, files)
	if finding, isBad := layerFinding(err, p.platform.String(), p.image); isBad {
		p.row.Findings = append(p.row.Findings, finding)
		return nil
	}
	p.programs = programs
	if read != nil {
		locate(findings, p.image, read)
	}
	for _, f := range findings {
		if !slices.Contains(p.row.Findings, f) { // an image without an index has had its config checked
			p.row.Findings = append(p.row.Findings, f)
		}
	}
	return err
}

// across compares the platforms that were looked into with each other.
func across(parts []*part) []plan.Finding {
	var facts []verify.Facts
	for _, p := range parts {
		if p.image != nil && p.row.Verdict != report.VerdictUnwanted {
			facts = append(facts, verify.Facts{
				Platform: p.platform, Config: p.image.Config, Manifest: p.image.Descriptor.Digest, Size: p.image.Size, Programs: p.programs,
			})
		}
	}
	return verify.Across(facts)
}
