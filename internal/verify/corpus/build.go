package corpus

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Build makes an image of one layer, as it would lie in a registry. label is what its config says of its platform,
// unless the image has a label of its own.
func (i Image) Build(label ocispec.Platform) (v1.Image, error) {
	if i.Label != nil {
		label = *i.Label
	}
	text, err := json.Marshal(ocispec.Image{Platform: label, Config: i.Config})
	if err != nil {
		return nil, fmt.Errorf("image %q: encoding its config: %w", i.Name, err)
	}
	config, err := v1.ParseConfigFile(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("image %q: reading its config: %w", i.Name, err)
	}
	config.RootFS.Type = "layers"
	base, err := mutate.ConfigFile(mutate.MediaType(empty.Image, types.OCIManifestSchema1), config)
	if err != nil {
		return nil, fmt.Errorf("image %q: %w", i.Name, err)
	}
	files, err := i.tar()
	if err != nil {
		return nil, fmt.Errorf("image %q: writing its layer: %w", i.Name, err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files)), nil }, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, fmt.Errorf("image %q: %w", i.Name, err)
	}
	return mutate.AppendLayers(base, layer)
}

// tar writes the files in the order of their paths.
func (i Image) tar() ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(i.Files)) {
		f := i.Files[name]
		h := &tar.Header{
			Name: strings.TrimPrefix(name, "/"), Linkname: f.Link, Uid: f.UID, Gid: f.GID, Mode: int64(f.Mode.Perm()), Size: int64(len(f.Data)), Typeflag: tar.TypeReg,
		}
		switch {
		case f.Mode.IsDir():
			h.Typeflag = tar.TypeDir
			h.Name += "/"
		case f.Mode&fs.ModeSymlink != 0:
			h.Typeflag = tar.TypeSymlink
		case f.Mode&fs.ModeDevice != 0:
			h.Typeflag = tar.TypeChar
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if _, err := w.Write(f.Data); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return out.Bytes(), w.Close()
}
