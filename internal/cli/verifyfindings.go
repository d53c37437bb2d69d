package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/org/multiarch-action/internal/layers"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/source"
	"github.com/org/multiarch-action/internal/verify"
)

// documentFinding makes a finding of an error that is about an index, a manifest or a config.
func documentFinding(err error, platform string) (f plan.Finding, isBad bool) {
	var bad *source.BadImageError
	if !errors.As(err, &bad) {
		return plan.Finding{}, false
	}
	check := map[source.Defect]string{
		source.DefectDigest: verify.CheckChildDigest, source.DefectSize: verify.CheckChildSize, source.DefectLimits: verify.CheckOversize,
		source.DefectType: verify.CheckDocument, source.DefectJSON: verify.CheckDocument,
	}[bad.Defect]
	return verify.Rated(plan.Finding{
		Check: check, Platform: platform, Path: bad.Digest, Expected: bad.Expected, Found: bad.Found,
		Why: "clients refuse the image, or one takes it for something else than the next does",
		Fix: "push the image again; if that does not help, the registry or something in front of it changes what it stores",
	}), true
}

// layerChecks are the checks by the defects of layers, with why each matters and what to do.
var layerChecks = map[layers.Defect]struct{ check, why, fix string }{
	layers.BadSize:     {verify.CheckLayerSize, "pulling it ends with an error", "push the image again: the registry's copy was cut or replaced"},
	layers.BadDigest:   {verify.CheckLayerDigest, "pulling it ends with an error, and what is there is not what was pushed", "push the image again: the registry's copy is damaged or was replaced"},
	layers.BadDiffID:   {verify.CheckLayerDiffID, "container engines refuse to unpack it", "build the image anew: whatever changed its layers or its config did not change both"},
	layers.BadContent:  {verify.CheckLayerContent, "container engines cannot unpack it", "build the image anew, with a tool that writes whole tar files"},
	layers.BadHardLink: {verify.CheckLayerHardLink, "container engines refuse to unpack it", "build the layer anew: a file must come before the hard links to it"},
	layers.BadPath:     {verify.CheckLayerPath, "container engines refuse to unpack it", "build the layer anew, without the links that lead in a circle"},
}

// layerFinding makes a finding of an error that is about a layer.
func layerFinding(err error, platform string, image *source.Image) (f plan.Finding, isBad bool) {
	var bad *layers.BadLayerError
	var limit *layers.LimitError
	switch {
	case errors.As(err, &bad):
		c := layerChecks[bad.Defect]
		f = plan.Finding{Check: c.check, Layer: layerOf(image, bad.Index), Expected: bad.Expected, Found: bad.Found, Why: c.why, Fix: c.fix}
	case errors.As(err, &limit):
		f = plan.Finding{
			Check: verify.CheckLayerLimits, Layer: layerOf(image, limit.Index), Expected: limit.Allowed(), Found: "more", Why: limit.Meaning(),
			Fix: "leave out of the image what makes it so large; an image that is made to harm is not to be used at all",
		}
	case source.IsMissing(err):
		f = plan.Finding{
			Check: verify.CheckLayerMissing, Expected: "the layers that the manifest names", Found: err.Error(),
			Why: "pulling the image ends with an error", Fix: "push the image again, to this repository",
		}
	default:
		return plan.Finding{}, false
	}
	f.Platform = platform
	return verify.Rated(f), true
}

// zstdFindings warns of layers in a form that the type of their manifest does not have: engines of Docker before version 23 know no zstd.
func zstdFindings(p plan.Platform, image *source.Image) []plan.Finding {
	if image.Manifest.MediaType != types.DockerManifestSchema2 {
		return nil
	}
	var out []plan.Finding
	for i, layer := range image.Layers {
		if strings.Contains(layer.MediaType, "zstd") {
			out = append(out, verify.Rated(plan.Finding{
				Check: verify.CheckLayerZstd, Platform: p.String(), Layer: layerOf(image, i), Expected: "a layer that is compressed with gzip", Found: "one that is compressed with zstd",
				Why: "engines of Docker before version 23 cannot pull the image", Fix: "push the image with media types of the OCI, or compressed with gzip",
			}))
		}
	}
	return out
}

// noteChecks are the checks by the kinds of notes, with why each matters and what to do.
var noteChecks = map[layers.NoteKind]struct{ check, why, fix string }{
	layers.NoteForeign:    {verify.CheckLayerForeign, "what is in it is not known, so the files of this platform were not checked", ""},
	layers.NoteDuplicate:  {verify.CheckLayerDuplicate, "most tools take the last of them and some the first, so not everybody gets the same image", "build the layer with a tool that writes each path once"},
	layers.NoteUnsafePath: {verify.CheckLayerPath, "some tools refuse the image, and careless ones write outside of it", "build the layer anew, with paths inside the image"},
	layers.NoteTrailing:   {verify.CheckLayerTrailing, "some tools refuse it", "build the layer anew"},
	layers.NoteMediaType:  {verify.CheckLayerMediaType, "tools that believe the media type cannot unpack it", "push the image again with the media type of what its layers are"},
}

// noteFindings makes findings of what is odd about layers. whole is false if files are missing because a layer was not read.
func noteFindings(platform string, image *source.Image, notes []layers.Note) (findings []plan.Finding, whole bool) {
	whole = true
	for _, n := range notes {
		c := noteChecks[n.Kind]
		where := ""
		if n.Path != "" {
			where = fmt.Sprintf("%q", n.Path)
		}
		findings = append(findings, verify.Rated(plan.Finding{
			Check: c.check, Platform: platform, Path: where, Layer: layerOf(image, n.Layer), Found: n.Text, Why: c.why, Fix: c.fix,
		}))
		whole = whole && n.Kind != layers.NoteForeign
	}
	return findings, whole
}

// noFiles is an image without files.
type noFiles struct{}

// Stat finds nothing.
func (noFiles) Stat(_ context.Context, path string) (verify.File, error) {
	return verify.File{}, &fs.PathError{Op: "stat", Path: path, Err: fs.ErrNotExist}
}

// ReadAt finds nothing.
func (noFiles) ReadAt(_ context.Context, path string, _, _ int64) ([]byte, error) {
	return nil, &fs.PathError{Op: "read", Path: path, Err: fs.ErrNotExist}
}
