package verify

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	godigest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
)

func digest(letter string) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: strings.Repeat(letter, 64)}
}

func image(letter, os, arch, variant string) v1.Descriptor {
	return v1.Descriptor{
		MediaType: types.OCIManifestSchema1, Digest: digest(letter),
		Platform: &v1.Platform{OS: os, Architecture: arch, Variant: variant},
	}
}

func attestation(letter, about string) v1.Descriptor {
	d := image(letter, "unknown", "unknown", "")
	d.Annotations = map[string]string{referenceType: attestationType, referenceDigest: about}
	return d
}

// published returns an index with configs that fit its entries.
func published(entries ...v1.Descriptor) Published {
	p := Published{Index: v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: entries}, Configs: map[v1.Hash]ocispec.Image{}}
	for _, d := range entries {
		if d.Platform != nil {
			p.Configs[d.Digest] = ocispec.Image{Platform: platformOf(*d.Platform).Spec()}
		}
	}
	return p
}

func without(p Published, letter string) Published {
	delete(p.Configs, digest(letter))
	return p
}

func withConfig(p Published, letter string, config ocispec.Platform) Published {
	p.Configs[digest(letter)] = ocispec.Image{Platform: config}
	return p
}

func TestIndexHoldsWhatWasAskedForAndNothingElse(t *testing.T) {
	t.Parallel()
	amd, arm := image("a", "linux", "amd64", ""), image("b", "linux", "arm64", "v8")
	ofArm := digest("b").String()
	docker := published(amd, arm)
	docker.Index.MediaType = types.DockerManifestList
	notIndex := published(amd, arm)
	notIndex.Index.MediaType = types.OCIManifestSchema1
	nested := v1.Descriptor{MediaType: types.OCIImageIndex, Digest: digest("c")}
	attestationOfArm := attestation("c", ofArm)
	attestationOfArm.Platform = &v1.Platform{OS: "linux", Architecture: "arm64"}
	tests := map[string]struct {
		got  Published
		want []plan.Finding
	}{
		"all that was asked for":      {published(amd, arm), nil},
		"another order":               {published(arm, amd), nil},
		"an attestation for an image": {published(amd, arm, attestation("c", ofArm)), nil},
		"a Docker list":               {docker, nil},
		"a platform that is not there": {published(amd), []plan.Finding{{
			Check: "index/platform-missing", Severity: "error", Platform: "linux/arm64", Expected: "an image for linux/arm64", Found: "none in the index",
			Why: `pulling it there ends with "no matching manifest"`, Fix: "build and push the platform, then make the index again",
		}}},
		"a platform nobody asked for": {published(amd, arm, image("c", "linux", "s390x", "")), []plan.Finding{{
			Check: "index/platform-extra", Severity: "error", Platform: "linux/s390x", Path: digest("c").String(), Expected: "only platforms that were requested",
			Found: "an image for linux/s390x", Why: "somebody could pull an image that nobody asked for and nobody verified",
			Fix: "request the platform, or leave the image out of the index",
		}}},
		"one platform in two spellings": {published(amd, arm, image("c", "linux", "arm64", "")), []plan.Finding{{
			Check: "index/platform-duplicate", Severity: "error", Platform: "linux/arm64", Path: digest("c").String(), Expected: "one image for each platform",
			Found: "a second image for linux/arm64; the first is " + ofArm, Why: "clients take the first that fits, so the other is never used",
			Fix: "name each platform once; linux/arm64 and linux/arm64/v8 are one platform",
		}}},
		"an entry without a platform": {published(amd, arm, v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: digest("c")}), []plan.Finding{{
			Check: "index/platform-absent", Severity: "error", Path: digest("c").String(), Expected: "os and architecture of the image", Found: "no platform",
			Why: "clients cannot tell for which machines the image is, and some take it for linux/amd64",
			Fix: "write the platform of the image's config into its entry",
		}}},
		"an index in the index": {published(amd, arm, nested), []plan.Finding{{
			Check: "index/child-unknown-type", Severity: "error", Path: digest("c").String(), Expected: "an image manifest", Found: string(types.OCIImageIndex),
			Why: "clients that look for their platform cannot use it", Fix: "put only images of single platforms into the index",
		}}},
		"an index that calls itself an image": {notIndex, []plan.Finding{{
			Check: "index/media-type", Severity: "error", Expected: "an image index", Found: string(types.OCIManifestSchema1),
			Why: "clients take the type from the document, and this one is not read as an index",
			Fix: "push the index again, with the media type of its content",
		}}},
		"an image that is not there": {without(published(amd, arm), "b"), []plan.Finding{{
			Check: "index/child-missing", Severity: "error", Platform: "linux/arm64", Path: ofArm, Expected: "the image with its config",
			Found: "neither could be read from the registry", Why: `pulling this platform ends with "not found"`,
			Fix: "push the image before the index that names it",
		}}},
		"a config for another platform": {withConfig(published(amd, arm), "b", ocispec.Platform{OS: "linux", Architecture: "amd64"}), []plan.Finding{{
			Check: "config/platform", Severity: "error", Platform: "linux/arm64", Path: ofArm, Expected: "architecture arm64", Found: "architecture amd64",
			Why: "container engines choose images by these fields, and refuse the image or start it on the wrong machine",
			Fix: "let the last stage's FROM have no --platform, or --platform=$TARGETPLATFORM: a fixed one and $BUILDPLATFORM are for stages that only build",
		}}},
		"an attestation about nothing": {published(amd, arm, attestation("c", "sha256:1\n2")), []plan.Finding{{
			Check: "index/attestation-dangling", Severity: "error", Path: digest("c").String(), Expected: "an attestation about an image of this index",
			Found: `one about "sha256:1\n2"`, Why: "nobody finds the provenance or SBOM of the image that it was made for",
			Fix: "keep each attestation together with the image that it is about",
		}}},
		"an attestation with a platform": {published(amd, arm, attestationOfArm), []plan.Finding{{
			Check: "index/attestation-platform", Severity: "error", Path: digest("c").String(), Expected: "the platform unknown/unknown",
			Found: "os linux, architecture arm64", Why: "a client of that platform may pull the attestation instead of the image",
			Fix: "give the entry of an attestation the platform unknown/unknown",
		}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := Index([]plan.Platform{platform(t, "linux/amd64"), platform(t, "linux/arm64")}, test.got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnEmptyIndexIsFoundWithoutARequest(t *testing.T) {
	t.Parallel()
	want := []plan.Finding{{Check: "index/empty", Severity: "error", Expected: "at least one image", Found: "none", Why: "there is nothing to pull", Fix: "put the images of all platforms into the index"}}
	if diff := cmp.Diff(want, Index(nil, published())); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if got := Index(nil, published(image("a", "linux", "s390x", ""))); got != nil {
		t.Errorf("got %v; want nothing", got)
	}
}

func TestPlatformsAreWrittenAsClientsCompareThem(t *testing.T) {
	t.Parallel()
	tests := []struct{ os, arch, variant, want string }{
		{"linux", "amd64", "", ""},
		{"linux", "amd64", "v3", ""},
		{"linux", "arm", "v7", ""},
		{"linux", "arm64", "v8", ""},
		{"linux", "arm64", "v9.2", ""},
		{"windows", "amd64", "", ""},
		{"linux", "aarch64", "", "architecture aarch64"},
		{"linux", "x86_64", "", "architecture x86_64"},
		{"linux", "armhf", "", "architecture armhf"},
		{"linux", "arm", "armv7", "variant armv7 of arm"},
		{"linux", "arm64", "armv8", "variant armv8 of arm64"},
		{"linux", "amd64", "v8", "variant v8 of amd64"},
		{"linux", "s390x", "z13", "variant z13 of s390x"},
		{"Linux", "amd64", "", "os Linux"},
	}
	for _, test := range tests {
		got := ""
		for _, f := range Index(nil, published(image("a", test.os, test.arch, test.variant))) {
			if f.Check == checkIndexValue && f.Severity == plan.SeverityWarning {
				got += f.Found
			}
		}
		if got != test.want {
			t.Errorf("%s/%s/%s: found %q, want %q", test.os, test.arch, test.variant, got, test.want)
		}
	}
}

func TestIndexesHaveLimits(t *testing.T) {
	t.Parallel()
	many := published()
	for range maxChildren + 1 {
		many.Index.Manifests = append(many.Index.Manifests, image("a", "linux", "arm64", ""))
	}
	if got := brief(Index(nil, many)); !slices.Equal(got, []string{"error index/limits "}) {
		t.Errorf("many entries: got %q", got)
	}
	negative := published(image("a", "linux", "arm64", ""))
	negative.Index.Manifests[0].Size = -1
	if got := brief(Index(nil, negative)); !slices.Equal(got, []string{"error index/limits " + digest("a").String()}) {
		t.Errorf("a negative size: got %q", got)
	}
}

// TestConfigsFitTheirLayers shows what is found in configs as they are published.
func TestConfigsFitTheirLayers(t *testing.T) {
	t.Parallel()
	future, zero := time.Now().Add(48*time.Hour), time.Unix(0, 0)
	good := func(change func(*ocispec.Image)) ocispec.Image {
		c := ocispec.Image{Platform: ocispec.Platform{OS: "linux", Architecture: "arm64"}, Created: &zero}
		c.RootFS = ocispec.RootFS{Type: "layers", DiffIDs: []godigest.Digest{"sha256:a", "sha256:b"}}
		c.History = []ocispec.History{{CreatedBy: "a"}, {EmptyLayer: true}, {CreatedBy: "b"}}
		change(&c)
		return c
	}
	tests := map[string]struct {
		config ocispec.Image
		layers int
		want   []string
	}{
		"a good config":              {good(func(*ocispec.Image) {}), 2, nil},
		"a manifest that is unknown": {good(func(*ocispec.Image) {}), -1, nil},
		"no history":                 {good(func(c *ocispec.Image) { c.History = nil }), 2, nil},
		"no time":                    {good(func(c *ocispec.Image) { c.Created = nil }), 2, nil},
		"another type":               {good(func(c *ocispec.Image) { c.RootFS.Type = "layer" }), 2, []string{"error config/rootfs-type config: the type layer"}},
		"more layers":                {good(func(*ocispec.Image) {}), 3, []string{"error config/diffids-count config: 2 diff ids", "warning config/history-count config: history of 2"}},
		"more history": {
			good(func(c *ocispec.Image) { c.History[1].EmptyLayer = false }), 2, []string{"warning config/history-count config: history of 3"},
		},
		"a time to come": {
			good(func(c *ocispec.Image) { c.Created = &future }), 2, []string{"note config/created config: " + future.UTC().Format(time.RFC3339)},
		},
	}
	for name, test := range tests {
		var got []string
		for _, f := range Config(platform(t, "linux/arm64"), test.config, test.layers, configPath) {
			got = append(got, string(f.Severity)+" "+f.Check+" "+f.Path+": "+f.Found)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// What is allowed in anybody's index, though we never write it, is no error there.
func TestIndexesThatOthersMade(t *testing.T) {
	t.Parallel()
	amd := image("a", "linux", "amd64", "")
	arm := func(letter, variant string) v1.Descriptor { return image(letter, "linux", "arm", variant) }
	artifact := v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: digest("f"), ArtifactType: "application/vnd.dev.cosign.artifact.sig.v1+json"}
	nested := published(v1.Descriptor{MediaType: types.OCIImageIndex, Digest: digest("c")})
	nested.Nested, nested.Configs = []v1.Descriptor{amd}, published(amd).Configs
	unsaid := withConfig(published(arm("b", "")), "b", ocispec.Platform{OS: "linux", Architecture: "arm", Variant: "v6"})
	for name, test := range map[string]struct {
		got  Published
		want []string
	}{
		"an index in the index":                    {nested, []string{"warning index/nested"}},
		"a signature":                              {published(amd, artifact), nil},
		"something else":                           {published(amd, v1.Descriptor{MediaType: "application/x", Digest: digest("c")}), []string{"note index/child-unknown-type"}},
		"an entry without a platform":              {published(amd, v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: digest("c")}), []string{"warning index/platform-absent"}},
		"an attestation about nothing":             {published(amd, attestation("c", "sha256:1")), []string{"warning index/attestation-dangling"}},
		"ARMv6 before ARMv7":                       {published(arm("a", "v6"), arm("b", "v7")), nil},
		"ARMv7 before ARMv6":                       {published(arm("d", "v7"), amd, arm("b", "v6")), []string{"warning index/variant-order"}},
		"no variant, which is ARMv7, before ARMv6": {published(arm("a", ""), arm("b", "v6")), []string{"warning index/variant-order"}},
		"a variant that only the config names":     {unsaid, nil},
		"x86-64-v3 before what runs everywhere":    {published(image("b", "linux", "amd64", "v3"), amd), []string{"warning index/variant-order"}},
		"ARMv7 before the ARMv6 of another system": {published(arm("a", "v7"), image("b", "freebsd", "arm", "v6")), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.got.Foreign = true
			var got []string
			for _, f := range Index(nil, test.got) {
				got = append(got, string(f.Severity)+" "+f.Check)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCredentialsAreNotShown(t *testing.T) {
	t.Parallel()
	token := "ghp_" + strings.Repeat("a1", 18)
	config := ocispec.Image{Platform: ocispec.Platform{OS: "linux", Architecture: "amd64"}}
	config.Config.Env = []string{"PATH=/bin", "TOKEN=" + token, "GH_TOKEN_FILE=/run/secrets/ghp"}
	config.History = []ocispec.History{{CreatedBy: "RUN make", EmptyLayer: true}, {CreatedBy: "RUN |1 T=" + token + " make", EmptyLayer: true}}
	got := Config(platform(t, "linux/amd64"), config, 0, configPath)
	if len(got) != 1 || got[0].Check != "config/secret" || got[0].Found != "what looks like one in the variable TOKEN, step 2 of the history" {
		t.Errorf("got %+v", got)
	}
	if strings.Contains(fmt.Sprint(got), token) {
		t.Errorf("%+v shows it", got)
	}
}
