package build

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
)

// look asks for an image and says what is wrong with it for its platform. final: the image that is built begins with it.
func (u usedImage) look(images *configs, final bool) *plan.Finding {
	found, err := images.images.do(u.ref, func() (*remote.Descriptor, error) { return images.find(u.ref) })
	if err != nil {
		return u.unanswered(err)
	}
	wanted := platforms.Format(platforms.Normalize(u.platform))
	if !found.MediaType.IsIndex() {
		return u.single(images, found, wanted, final)
	}
	index, err := found.ImageIndex()
	if err != nil {
		return nil
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil
	}
	if _, ok := childFor(manifest.Manifests, u.platform); ok {
		return nil
	}
	return &plan.Finding{
		Check: checkBasePlatform, Severity: plan.SeverityError, Expected: u.ref + " for " + wanted,
		Found: "published for " + strings.Join(published(manifest.Manifests), ", "), Why: "the image is not published for this platform, so there is nothing to build on",
		Fix: "leave the platform out, allow it to fail (--allow-failure), or use another image or tag",
	}
}

// published names the platforms of an index, without attestations.
func published(children []v1.Descriptor) []string {
	var out []string
	for _, child := range children {
		if p := child.Platform; p != nil && p.OS != "unknown" {
			out = append(out, platforms.Format(ocispec.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant}))
		}
	}
	return out
}

// unanswered is about an image that was not given. Only a registry's own answer says something about the image.
func (u usedImage) unanswered(err error) *plan.Finding {
	f := &plan.Finding{Severity: plan.SeverityError, Expected: u.ref, Found: strings.ReplaceAll(err.Error(), "\n", "; ")}
	var answer *transport.Error
	switch {
	case !errors.As(err, &answer):
		return nil
	case answer.StatusCode == http.StatusNotFound:
		f.Check, f.Why = checkBaseMissing, "the registry has no such image"
		f.Fix = "check name, tag and digest; a name without a host is looked for on Docker Hub"
	case answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden:
		f.Check, f.Why = checkBaseDenied, "the registry does not give the image, or has none of that name"
		f.Fix = "check the name; log in with an account that may pull it (docker login)"
	default:
		return nil
	}
	return f
}

// single is about an image that is no index. BuildKit takes it for every platform.
func (u usedImage) single(images *configs, found *remote.Descriptor, wanted string, final bool) *plan.Finding {
	image, err := found.Image()
	if err != nil {
		return nil
	}
	config, err := image.ConfigFile()
	if err != nil || config.Architecture == "" {
		return nil
	}
	own := ocispec.Platform{OS: config.OS, Architecture: config.Architecture, Variant: config.Variant}
	if plan.PlatformOf(own).Equal(plan.PlatformOf(u.platform)) {
		return nil
	}
	f := &plan.Finding{
		Check: checkBasePinned, Severity: plan.SeverityWarning, Expected: u.ref + " for " + wanted,
		Found: "an image for " + platforms.Format(platforms.Normalize(own)) + " only, which is taken for every platform",
		Why:   "what is copied from it has programs of the wrong architecture", Fix: u.repin(images, found.Digest),
	}
	if final {
		f.Severity, f.Why = plan.SeverityError, "the image would have programs of the wrong architecture"
	}
	return f
}

// repin says what to write instead of the digest of one platform: that of the index which holds it, if it can be found.
func (u usedImage) repin(images *configs, pinned v1.Hash) string {
	const unknown = "pin the digest of the index, as docker buildx imagetools inspect NAME:TAG shows it, or the tag alone"
	named, err := reference.ParseNormalizedNamed(u.ref)
	if err != nil {
		return unknown
	}
	if _, ok := named.(reference.Digested); !ok {
		return "use an image that is published for every platform, or name the platform in FROM --platform if only files without programs are taken"
	}
	tag := "latest"
	tagged, known := named.(reference.Tagged)
	if known {
		tag = tagged.Tag()
	}
	name := reference.TrimNamed(named).Name() + ":" + tag
	found, err := images.images.do(name, func() (*remote.Descriptor, error) { return images.find(name) })
	if err != nil || !found.MediaType.IsIndex() {
		return unknown
	}
	holds := false
	if index, err := found.ImageIndex(); err == nil {
		if manifest, err := index.IndexManifest(); err == nil {
			for _, child := range manifest.Manifests {
				holds = holds || child.Digest == pinned
			}
		}
	}
	written := fmt.Sprintf("%s@%s", reference.FamiliarString(reference.TagNameOnly(reference.TrimNamed(named))), found.Digest)
	if known {
		written = fmt.Sprintf("%s:%s@%s", reference.FamiliarName(named), tag, found.Digest)
	}
	switch {
	case holds:
		return "pin the index, which holds that image and those of the other platforms: " + written
	case known:
		return "pin the index of every platform; that of the tag is now: " + written
	}
	return unknown
}
