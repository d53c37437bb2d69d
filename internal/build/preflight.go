package build

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
)

// The checks of Preflight, in the order in which they are documented.
const (
	checkBaseMissing   = "preflight/base-missing"
	checkBaseDenied    = "preflight/base-denied"
	checkBasePlatform  = "preflight/base-platform"
	checkBasePinned    = "preflight/base-pinned"
	checkFinalPlatform = "preflight/final-platform"
	checkShadowedArg   = "preflight/shadowed-arg"
	checkFixedGOARCH   = "preflight/fixed-goarch"
)

// PreflightChecks are the ids of what Preflight may find, with what each means.
func PreflightChecks() [][2]string {
	return [][2]string{
		{checkBaseMissing, "an image that the Dockerfile names does not exist"},
		{checkBaseDenied, "an image that the Dockerfile names cannot be pulled without a login, or with this one"},
		{checkBasePlatform, "an image that the Dockerfile names is not published for the platform"},
		{checkBasePinned, "an image is pinned to the digest of one platform, and others are wanted; an error where the final image begins with it"},
		{checkFinalPlatform, "the final image begins with a base image of another platform, because its FROM names one"},
		{checkShadowedArg, "a value of the Dockerfile's own takes the place of one that BuildKit sets for each platform, such as TARGETARCH"},
		{checkFixedGOARCH, "GOARCH is written out, for another architecture than the platform's"},
	}
}

// Preflight looks, before anything is built, for what will make a platform's build fail, or its image wrong: it converts the Dockerfile
// as the builder will, for each platform of the plan, and asks the registries for every image that the result names. Errors are of what
// cannot be right, warnings of what may be meant. What cannot be told, because nobody answers or the Dockerfile cannot be read, is left
// to the builder.
func Preflight(ctx context.Context, request NeedRequest) []plan.Finding {
	images := request.BaseImages.resolver(ctx)
	found := make([][]plan.Finding, len(request.Plan.Platforms))
	var wait sync.WaitGroup
	for i, p := range request.Plan.Platforms {
		wait.Go(func() {
			a := &analysis{NeedRequest: request, online: images}
			a.Plan = request.Plan.For(p)
			if a.dockerfile, a.problem = a.read(); a.problem == nil {
				found[i] = a.preflight(ctx, p, images)
			}
		})
	}
	wait.Wait()
	var out []plan.Finding
	for _, findings := range found {
		out = append(out, findings...)
	}
	return out
}

// preflight looks at one platform.
func (a *analysis) preflight(ctx context.Context, p plan.Platform, images *configs) []plan.Finding {
	s, err := a.stages(p)
	if err != nil {
		return nil
	}
	used, err := a.images(ctx, p, offline{})
	if err != nil { // perhaps only for want of a base image's variable
		if used, err = a.images(ctx, p, a.online); err != nil {
			return nil
		}
	}
	var out []plan.Finding
	if f := a.finalPlatform(p, s); f != nil {
		out = append(out, *f)
	}
	found := make([]*plan.Finding, len(used))
	var wait sync.WaitGroup
	for i, image := range used {
		if a.replaced(s, image.ref) {
			continue
		}
		wait.Go(func() { found[i] = image.look(images, slices.Contains(image.lines, s.root())) })
	}
	wait.Wait()
	for i, f := range found {
		if f != nil {
			f.Platform = p.String()
			f.Path = a.at(append(used[i].lines, s.lineOf(used[i].ref))[0])
			out = append(out, *f)
		}
	}
	return append(out, a.arguments(p, s)...)
}

// replaced reports whether a named context may stand in for an image, or for the stage that names it. The conversion knows of none.
func (a *analysis) replaced(s *stages, ref string) bool {
	for _, named := range a.Plan.Contexts {
		if s.named(named.Name, len(s.all)) >= 0 {
			return true
		}
		image, err := reference.ParseNormalizedNamed(named.Name)
		if err == nil && reference.TagNameOnly(image).String() == ref {
			return true
		}
	}
	return false
}

// usedImage is an image that the build of one platform takes something from.
type usedImage struct {
	ref      string
	platform ocispec.Platform
	lines    []int // of the Dockerfile, on which it is named
}

// images lists the images that the build of a platform needs.
func (a *analysis) images(ctx context.Context, p plan.Platform, resolver llb.ImageMetaResolver) ([]usedImage, error) {
	result, err := a.convert(ctx, p, resolver)
	if err != nil {
		return nil, err
	}
	definition, err := result.State.Marshal(ctx, llb.Platform(p.Spec()))
	if err != nil {
		return nil, err
	}
	return imagesOf(definition, p.Spec())
}

func imagesOf(definition *llb.Definition, target ocispec.Platform) ([]usedImage, error) {
	const scheme = "docker-image://"
	var out []usedImage
	for i, raw := range definition.Def {
		var op pb.Op
		if err := op.Unmarshal(raw); err != nil {
			return nil, fmt.Errorf("operation %d of the Dockerfile: decoding: %w", i, err)
		}
		ref, ok := strings.CutPrefix(op.GetSource().GetIdentifier(), scheme)
		if !ok {
			continue
		}
		image := usedImage{ref: ref, platform: target}
		if op.Platform != nil {
			image.platform = ocispec.Platform{OS: op.Platform.OS, Architecture: op.Platform.Architecture, Variant: op.Platform.Variant, OSVersion: op.Platform.OSVersion}
		}
		if named := definition.Source.GetLocations()[digest.FromBytes(raw).String()]; named != nil {
			for _, location := range named.Locations {
				if len(location.Ranges) > 0 {
					image.lines = append(image.lines, int(location.Ranges[0].Start.Line))
				}
			}
		}
		out = append(out, image)
	}
	return out, nil
}

// finalPlatform finds a final image that begins with the base image of another platform.
func (a *analysis) finalPlatform(p plan.Platform, s *stages) *plan.Finding {
	if len(s.chain) == 0 {
		return nil
	}
	root := s.all[s.chain[len(s.chain)-1]]
	if root.Platform == "" || strings.EqualFold(root.BaseName, "scratch") {
		return nil
	}
	own, err := platforms.Parse(s.expand(root.Platform))
	if err != nil || plan.PlatformOf(own).Equal(p) {
		return nil
	}
	return &plan.Finding{
		Check: checkFinalPlatform, Severity: plan.SeverityError, Platform: p.String(), Path: a.at(s.root()), Expected: p.String(),
		Found: fmt.Sprintf("--platform=%s, which is %s", root.Platform, platforms.Format(platforms.Normalize(own))),
		Why:   "the image for this platform begins with the programs of another",
		Fix:   "leave --platform out of this FROM; use it only for stages whose result is copied",
	}
}

// at is a line of the Dockerfile.
func (a *analysis) at(line int) string {
	return fmt.Sprintf("%s:%d", filepath.Base(a.Plan.Dockerfile), line)
}
