package source

import (
	"context"
	"encoding/json"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/org/multiarch-action/internal/layers"
)

// image reads what docker save wrote about an image. Its layers have no digests, but the config names what is in them.
func (a *archive) image(saved savedImage) (*Image, error) {
	raw, err := readFile(a, saved.Config)
	if err != nil {
		return nil, err
	}
	image := &Image{}
	if err := json.Unmarshal(raw, &image.Config); err != nil {
		return nil, bad(DefectJSON, v1.Descriptor{}, "an image config in %s", saved.Config)("%v", err)
	}
	image.Manifest.Config = describe(raw)
	if len(saved.Layers) > maxEntries {
		return nil, bad(DefectLimits, v1.Descriptor{}, "at most %d layers", maxEntries)("%d", len(saved.Layers))
	}
	for i, name := range saved.Layers {
		layer := layers.Layer{Size: -1, Open: func(context.Context) (io.ReadCloser, error) { return a.open(name) }}
		if i < len(image.Config.RootFS.DiffIDs) {
			layer.DiffID = image.Config.RootFS.DiffIDs[i]
		}
		image.Layers = append(image.Layers, layer)
		image.Size += a.parts[name].size
	}
	return image, nil
}
