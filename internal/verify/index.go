package verify

import (
	"fmt"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
)

// Published is what a registry answered when an index was read back from it.
type Published struct {
	Index   v1.IndexManifest
	Configs map[v1.Hash]ocispec.Image // by the digest of the image's manifest
	Layers  map[v1.Hash]int           // how many layers each manifest names; what is missing here is not compared
	// Nested are the images of indexes that are in the index.
	Nested []v1.Descriptor
	// Foreign says that somebody else made the index: what is unusual and allowed is then no error.
	Foreign bool
}

// Annotations with which BuildKit marks an attestation and the manifest that it is about
// (moby/buildkit docs/attestations/attestation-storage.md).
const (
	referenceType   = "vnd.docker.reference.type"
	referenceDigest = "vnd.docker.reference.digest"
	attestationType = "attestation-manifest"
)

// Index checks that an index holds each wanted platform exactly once, attestations about them, and nothing else, and
// that each image's config is for the platform of its entry. Without any wanted platform only the index itself is
// checked, as for an image that somebody else made.
func Index(want []plan.Platform, got Published) []plan.Finding {
	i := indexRun{got: got, want: want, seen: map[string]v1.Hash{}}
	if t := got.Index.MediaType; t != "" && !t.IsIndex() {
		i.report(plan.Finding{
			Check: checkIndexMediaType, Expected: "an image index", Found: shown(string(t)),
			Why: "clients take the type from the document, and this one is not read as an index",
			Fix: "push the index again, with the media type of its content",
		})
	}
	if !i.limits() {
		return i.findings
	}
	for _, entry := range slices.Concat(got.Index.Manifests, got.Nested) {
		i.entry(entry)
	}
	i.order()
	i.missing()
	return i.findings
}

// indexRun is the verification of one index.
type indexRun struct {
	got      Published
	want     []plan.Platform
	seen     map[string]v1.Hash // by platform
	images   int
	findings []plan.Finding
}

// foreignSeverity is what the specification allows in anybody's index, and what we never write.
var foreignSeverity = map[string]plan.Severity{
	checkIndexChildUnknown: plan.SeverityNote, checkIndexAbsent: plan.SeverityWarning, checkAttestDangling: plan.SeverityWarning, checkAttestPlatform: plan.SeverityWarning,
}

func (i *indexRun) report(f plan.Finding) {
	f.Severity = severityOf(f.Check)
	if lower := foreignSeverity[f.Check]; i.got.Foreign && lower != "" {
		f.Severity = lower
	}
	i.findings = append(i.findings, f)
}

func (i *indexRun) entry(d v1.Descriptor) {
	if i.got.Foreign && d.MediaType.IsIndex() {
		i.report(plan.Finding{
			Check: checkIndexNested, Path: d.Digest.String(), Expected: "images of single platforms", Found: "an index",
			Why: "many clients do not look into it, and find none of its platforms", Fix: "put its entries into the index",
		})
		return
	}
	if i.got.Foreign && isArtifact(d) {
		return // a signature or the like, which no client takes for an image
	}
	if !d.MediaType.IsImage() {
		i.report(plan.Finding{
			Check: checkIndexChildUnknown, Path: d.Digest.String(), Expected: "an image manifest", Found: shown(string(d.MediaType)),
			Why: "clients that look for their platform cannot use it", Fix: "put only images of single platforms into the index",
		})
		return
	}
	if d.Annotations[referenceType] == attestationType {
		i.attestation(d)
		return
	}
	i.images++
	if d.Platform == nil || d.Platform.OS == "" || d.Platform.Architecture == "" {
		i.report(plan.Finding{
			Check: checkIndexAbsent, Path: d.Digest.String(), Expected: "os and architecture of the image", Found: describePlatform(d.Platform),
			Why: "clients cannot tell for which machines the image is, and some take it for linux/amd64",
			Fix: "write the platform of the image's config into its entry",
		})
		return
	}
	i.values(d)
	i.image(platformOf(*d.Platform), d)
}

// isArtifact tells artifacts from images. Some tools give the type of the config as the artifact's.
func isArtifact(d v1.Descriptor) bool {
	return d.MediaType.IsImage() && d.ArtifactType != "" && !types.MediaType(d.ArtifactType).IsConfig()
}

// order finds variants that clients which take the first entry of an architecture would be given on machines that are too old for them
// (moby/moby#37647: a Raspberry Pi Zero got the image for ARMv7).
func (i *indexRun) order() {
	entries := i.got.Index.Manifests
	for n, d := range entries {
		if d.Platform == nil || d.Annotations[referenceType] != "" {
			continue
		}
		older := platformOf(*d.Platform)
		first := slices.IndexFunc(entries[:n], func(e v1.Descriptor) bool {
			return e.Platform != nil && e.Platform.OS == d.Platform.OS && e.Platform.Architecture == d.Platform.Architecture && e.Annotations[referenceType] == "" &&
				variantRank(platformOf(*e.Platform)) > variantRank(older)
		})
		if first < 0 {
			continue
		}
		i.report(plan.Finding{
			Check: checkIndexOrder, Platform: older.String(), Path: d.Digest.String(), Expected: "older variants before newer ones",
			Found: fmt.Sprintf("%s before it", platformOf(*entries[first].Platform)),
			Why:   "old clients take the first entry of their architecture, and on such a machine its programs end with \"Illegal instruction\"",
			Fix:   "name the older variant first, as in linux/arm/v6,linux/arm/v7",
		})
	}
}

// variantRank orders the variants of one architecture.
func variantRank(p plan.Platform) int { return levelNumber(p.Spec().Variant) }

// image checks an entry whose platform is known.
func (i *indexRun) image(p plan.Platform, d v1.Descriptor) {
	first, twice := i.seen[p.String()]
	if twice {
		i.report(plan.Finding{
			Check: checkIndexDuplicate, Platform: p.String(), Path: d.Digest.String(), Expected: "one image for each platform",
			Found: fmt.Sprintf("a second image for %s; the first is %s", p, first),
			Why:   "clients take the first that fits, so the other is never used", Fix: "name each platform once; linux/arm64 and linux/arm64/v8 are one platform",
		})
	} else {
		i.seen[p.String()] = d.Digest
	}
	if len(i.want) > 0 && !slices.ContainsFunc(i.want, func(w plan.Platform) bool { return len(differences(w, p)) == 0 }) {
		i.report(plan.Finding{
			Check: checkIndexExtra, Platform: p.String(), Path: d.Digest.String(), Expected: "only platforms that were requested",
			Found: "an image for " + p.String(), Why: "somebody could pull an image that nobody asked for and nobody verified",
			Fix: "request the platform, or leave the image out of the index",
		})
	}
	config, ok := i.got.Configs[d.Digest]
	if !ok {
		i.report(plan.Finding{
			Check: checkIndexChildMissing, Platform: p.String(), Path: d.Digest.String(), Expected: "the image with its config",
			Found: "neither could be read from the registry", Why: "pulling this platform ends with \"not found\"",
			Fix: "push the image before the index that names it",
		})
		return
	}
	layers, known := i.got.Layers[d.Digest]
	if !known {
		layers = -1
	}
	if d.Platform.Variant == "" && config.Variant != "" && config.Architecture == d.Platform.Architecture {
		p = plan.PlatformOf(config.Platform) // the index leaves it to the config
	}
	i.findings = append(i.findings, Config(p, config, layers, d.Digest.String())...)
}

// attestation checks an entry that is about another entry.
func (i *indexRun) attestation(d v1.Descriptor) {
	about := d.Annotations[referenceDigest]
	known := slices.ContainsFunc(i.got.Index.Manifests, func(m v1.Descriptor) bool {
		return m.Digest.String() == about && m.Annotations[referenceType] != attestationType
	})
	if !known {
		i.report(plan.Finding{
			Check: checkAttestDangling, Path: d.Digest.String(), Expected: "an attestation about an image of this index",
			Found: "one about " + shown(about), Why: "nobody finds the provenance or SBOM of the image that it was made for",
			Fix: "keep each attestation together with the image that it is about",
		})
	}
	if d.Platform != nil && (d.Platform.OS != "unknown" || d.Platform.Architecture != "unknown") {
		i.report(plan.Finding{
			Check: checkAttestPlatform, Path: d.Digest.String(), Expected: "the platform unknown/unknown", Found: describePlatform(d.Platform),
			Why: "a client of that platform may pull the attestation instead of the image",
			Fix: "give the entry of an attestation the platform unknown/unknown",
		})
	}
}

// missing reports what was requested and is not there.
func (i *indexRun) missing() {
	if i.images == 0 {
		i.report(plan.Finding{
			Check: checkIndexEmpty, Expected: "at least one image", Found: "none",
			Why: "there is nothing to pull", Fix: "put the images of all platforms into the index",
		})
	}
	for _, w := range i.want {
		found := slices.ContainsFunc(slices.Concat(i.got.Index.Manifests, i.got.Nested), func(d v1.Descriptor) bool {
			return d.MediaType.IsImage() && d.Annotations[referenceType] != attestationType &&
				d.Platform != nil && d.Platform.OS != "" && len(differences(w, platformOf(*d.Platform))) == 0
		})
		if !found {
			i.report(plan.Finding{
				Check: checkIndexMissing, Platform: w.String(), Expected: "an image for " + w.String(), Found: "none in the index",
				Why: `pulling it there ends with "no matching manifest"`, Fix: "build and push the platform, then make the index again",
			})
		}
	}
}

// platformOf reads a descriptor's platform.
func platformOf(p v1.Platform) plan.Platform {
	return plan.PlatformOf(ocispec.Platform{
		OS: p.OS, Architecture: p.Architecture, Variant: p.Variant, OSVersion: p.OSVersion, OSFeatures: p.OSFeatures,
	})
}

func describePlatform(p *v1.Platform) string {
	if p == nil {
		return "no platform"
	}
	return describeFields([]field{{"os", "", p.OS}, {"architecture", "", p.Architecture}}, gotten)
}
