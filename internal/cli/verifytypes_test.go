package cli

import (
	"path/filepath"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/source"
)

// TestMediaTypesOfImages: what is in a manifest of another type than it should be is said, and what fits is not.
func TestMediaTypesOfImages(t *testing.T) {
	t.Parallel()
	const helm = "application/vnd.cncf.helm.config.v1+json"
	for name, test := range map[string]struct {
		manifest, config, layer types.MediaType
		want                    []string
	}{
		"an image of the OCI":         {types.OCIManifestSchema1, types.OCIConfigJSON, types.OCILayer, nil},
		"zstd in an image of the OCI": {types.OCIManifestSchema1, types.OCIConfigJSON, types.OCILayerZStd, nil},
		"an image of Docker":          {types.DockerManifestSchema2, types.DockerConfigJSON, types.DockerLayer, nil},
		"zstd in an image of Docker": {
			types.DockerManifestSchema2, types.DockerConfigJSON, types.OCILayerZStd, []string{"warning layer/zstd-docker linux/arm64: one that is compressed with zstd"},
		},
		"a chart of Helm": {types.OCIManifestSchema1, helm, types.OCILayer, []string{"note config/foreign-type linux/arm64: one of the type " + helm}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ref := indexOf(t, test.manifest, test.config, test.layer)
			v := imageVerifier{app: &app{}, level: plan.VerifyManifest, display: &counter{}}
			got, err := v.one(t.Context(), ref)
			if err != nil {
				t.Fatal(err)
			}
			var found []string
			for _, f := range got.All() {
				if f.Check == "layer/zstd-docker" || f.Check == "config/foreign-type" || f.Fails() {
					found = append(found, string(f.Severity)+" "+f.Check+" "+f.Platform+": "+f.Found)
				}
			}
			if !slices.Equal(found, test.want) {
				t.Errorf("got %q, want %q", found, test.want)
			}
		})
	}
}

// indexOf writes a layout with an index of one image for linux/arm64.
func indexOf(t *testing.T, manifest, config, layer types.MediaType) source.Reference {
	t.Helper()
	image, err := mutate.AppendLayers(mutate.ConfigMediaType(mutate.MediaType(empty.Image, manifest), config), static.NewLayer([]byte("layer"), layer))
	if err != nil {
		t.Fatal(err)
	}
	file, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", "arm64"
	if image, err = mutate.ConfigFile(image, file); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "layout")
	index := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), mutate.IndexAddendum{
		Add: image, Descriptor: v1.Descriptor{
			Platform:     &v1.Platform{OS: "linux", Architecture: "arm64"},
			ArtifactType: string(types.OCIConfigJSON), // the entry says an image; artifacts that say what they are were passed over
		},
	})
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := path.AppendIndex(index); err != nil {
		t.Fatal(err)
	}
	ref, err := source.Parse(dir)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}
