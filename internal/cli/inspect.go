package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/report"
	"github.com/org/multiarch-action/internal/source"
)

// inspectInputs are what the inspect command is asked.
type inspectInputs struct {
	image       string
	asJSON, raw bool
	registries  plan.Inputs // only those about registries
}

func (a *app) inspectCommand() *cobra.Command {
	var in inspectInputs
	cmd := &cobra.Command{
		Use:   "inspect [flags] IMAGE",
		Short: "Show what an image consists of: platforms, digests, sizes, base images, attestations",
		Long: `Read an index with all that it names, and show a row for each platform. Only manifests, configs and
attestations are read, no layers.

IMAGE is a name as in ghcr.io/owner/app:1.4, oci-layout://PATH with :TAG or @DIGEST behind it, or a path
that begins with / or ./ or ends with .tar. The base image is what the image's annotations or labels say
(org.opencontainers.image.base.name); without them the only image that its provenance names.

Exit status: 0 shown; 1 the image could not be read; 2 the request was wrong; 130 cancelled.`,
		Example: `  multiarch-action inspect ghcr.io/owner/app:1.4
  multiarch-action inspect --json ./out.tar
  multiarch-action inspect --raw ghcr.io/owner/app:1.4`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{command: cmd.CommandPath(), err: fmt.Errorf("one image is expected, and %d are named", len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			in.image = args[0]
			if in.raw && in.asJSON {
				return &usageError{command: cmd.CommandPath(), err: errors.New("--raw and --json are two forms of the answer: name one")}
			}
			if err := a.fromEnvironment(cmd.Flags(), plan.RegistryInputs(), &in.registries); err != nil {
				return err
			}
			return a.inspect(cmd.Context(), in)
		},
	}
	cmd.Flags().BoolVar(&in.asJSON, "json", false, "print everything as JSON")
	cmd.Flags().BoolVar(&in.raw, "raw", false, "print the index or manifest as the registry has it, byte for byte")
	inputFlags(cmd, plan.RegistryInputs(), &in.registries)
	cmd.Flags().SortFlags = false
	return cmd
}

func (a *app) inspect(ctx context.Context, in inspectInputs) error {
	world, err := a.planWorld(ctx)
	if err != nil {
		return err
	}
	registries, problems := plan.NewRegistries(in.registries, world)
	ref, err := source.Parse(in.image)
	if problems = append(problems, named("", err)...); len(problems) > 0 {
		return problems
	}
	opener, err := a.opener(registries)
	if err != nil {
		return err
	}
	opened, err := opener.Open(ctx, ref)
	if err != nil {
		return err
	}
	defer func() { _ = opened.Close() }() // only read
	if in.raw {
		_, err := a.Stdout.Write(opened.Raw())
		return err
	}
	result, err := inspected(ctx, ref.String(), opened)
	if err != nil {
		return err
	}
	if in.asJSON {
		return result.JSON(a.results())
	}
	return result.Table(a.results())
}

// opener reads images from registries as the plan says.
func (a *app) opener(registries plan.Registries) (source.Opener, error) {
	transport, err := a.registries(registries.Retry, registries.Authorities)
	if err == nil {
		err = a.useLogins(registries.Logins)
	}
	return source.Opener{Keychain: a.keychain, Transport: transport, PlainHTTP: registries.PlainHTTP}, err
}

// inspected reads what an image consists of. A platform that cannot be read does not hide the others.
func inspected(ctx context.Context, reference string, opened *source.Source) (*report.Inspection, error) {
	root := opened.Root()
	out := &report.Inspection{SchemaVersion: report.InspectionSchema, Reference: reference, MediaType: string(root.MediaType)}
	if root.Digest != (v1.Hash{}) {
		out.Digest = root.Digest.String()
	}
	if opened.Index != nil {
		out.Annotations = opened.Index.Annotations
	}
	images, err := opened.Images(ctx)
	if err != nil {
		return nil, err
	}
	entries, err := opened.Entries(ctx)
	if err != nil {
		return nil, err
	}
	out.Platforms = make([]report.InspectedPlatform, len(images))
	var g errgroup.Group
	g.SetLimit(concurrentDocuments)
	for i, d := range images {
		g.Go(func() error {
			out.Platforms[i] = inspectedPlatform(ctx, opened, d, entries)
			return nil
		})
	}
	_ = g.Wait() // what went wrong is in the rows
	if opened.Index == nil {
		out.Annotations = out.Platforms[0].Annotations
	}
	out.Others = otherEntries(images, entries)
	return out, context.Cause(ctx)
}

func inspectedPlatform(ctx context.Context, opened *source.Source, d v1.Descriptor, entries []v1.Descriptor) report.InspectedPlatform {
	out := report.InspectedPlatform{Platform: "unknown", MediaType: string(d.MediaType)}
	if d.Digest != (v1.Hash{}) {
		out.Digest = d.Digest.String()
	}
	if d.Platform != nil && d.Platform.OS != "" {
		out.Platform = platformOf(*d.Platform).String()
	}
	image, err := opened.Image(ctx, d)
	if err != nil {
		out.Error = err.Error()
		return out
	}
	if out.Platform == "unknown" && image.Config.OS != "" {
		out.Platform = plan.PlatformOf(image.Config.Platform).String()
	}
	out.Size, out.Layers, out.Annotations = image.Size, len(image.Layers), image.Manifest.Annotations
	if created := image.Config.Created; created != nil && !created.IsZero() {
		out.Created = created
	}
	out.Base = baseOf(d.Annotations, image.Manifest.Annotations, image.Config.Config.Labels)
	for _, e := range entries {
		about, ok := source.IsAttestation(e)
		if !ok || about != out.Digest {
			continue
		}
		attestation, bases := inspectedAttestation(ctx, opened, e)
		out.Attestations = append(out.Attestations, attestation)
		if out.Base == nil && len(bases) == 1 {
			out.Base = &bases[0]
		}
	}
	return out
}

// baseOf finds the base image in the first of several sets of annotations or labels that names one.
func baseOf(sets ...map[string]string) *report.Base {
	for _, set := range sets {
		if name := set[ocispec.AnnotationBaseImageName]; name != "" {
			return &report.Base{Name: name, Digest: set[ocispec.AnnotationBaseImageDigest]}
		}
	}
	return nil
}

// inspectedAttestation reads which statements there are, and which images the provenance names.
func inspectedAttestation(ctx context.Context, opened *source.Source, d v1.Descriptor) (out report.Attestation, bases []report.Base) {
	out = report.Attestation{Digest: d.Digest.String(), Predicates: []string{}}
	manifest, err := opened.Manifest(ctx, d)
	if err != nil {
		out.Error = err.Error()
		return out, nil
	}
	for _, layer := range manifest.Layers {
		predicate := layer.Annotations["in-toto.io/predicate-type"]
		out.Predicates = append(out.Predicates, predicate)
		if !strings.HasPrefix(predicate, "https://slsa.dev/provenance/") {
			continue
		}
		if raw, err := opened.SmallBlob(ctx, layer); err == nil { // otherwise only the base stays unknown
			bases = basesIn(raw)
		}
	}
	return out, bases
}

// otherEntries are those of an index that are neither images nor about one.
func otherEntries(images, entries []v1.Descriptor) []report.InspectedEntry {
	known := map[string]bool{}
	for _, d := range images {
		known[d.Digest.String()] = true
	}
	var out []report.InspectedEntry
	for _, e := range entries {
		about, ok := source.IsAttestation(e)
		if known[e.Digest.String()] || ok && known[about] {
			continue
		}
		out = append(out, report.InspectedEntry{Digest: e.Digest.String(), MediaType: string(e.MediaType), ArtifactType: e.ArtifactType, Annotations: e.Annotations})
	}
	return out
}

// basesIn lists the images that a provenance statement names, in either version of SLSA, but for those that only the builder uses.
func basesIn(statement []byte) []report.Base {
	type material struct {
		URI    string            `json:"uri"`
		Digest map[string]string `json:"digest"`
	}
	var in struct {
		Predicate struct {
			Materials       []material `json:"materials"`
			BuildDefinition struct {
				ResolvedDependencies []material `json:"resolvedDependencies"`
			} `json:"buildDefinition"`
		} `json:"predicate"`
	}
	if json.Unmarshal(statement, &in) != nil {
		return nil // it is shown that there is one; nobody reads more of it
	}
	var out []report.Base
	for _, m := range append(in.Predicate.Materials, in.Predicate.BuildDefinition.ResolvedDependencies...) {
		image, ok := strings.CutPrefix(m.URI, "pkg:docker/") // https://github.com/package-url/purl-spec
		image, _, _ = strings.Cut(image, "?")
		if text, err := url.PathUnescape(image); err == nil {
			image = text
		}
		if !ok || strings.HasPrefix(image, "docker/dockerfile") || strings.HasPrefix(image, "docker/buildkit-") {
			continue
		}
		base := report.Base{Name: strings.Replace(image, "@", ":", 1)}
		if digest := m.Digest["sha256"]; digest != "" {
			base.Digest = "sha256:" + digest
		}
		out = append(out, base)
	}
	return out
}
