package source

import (
	"encoding/json"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

type kind int

const (
	isImage kind = iota
	isIndex
)

// kindOf tells an index from an image manifest, by the document and by the type that it was served with. A document that is both
// would be one thing to some clients and the other to the rest (CVE-2021-41190).
func kindOf(raw []byte, served types.MediaType) (kind, error) {
	var probe struct {
		SchemaVersion int             `json:"schemaVersion"`
		MediaType     types.MediaType `json:"mediaType"`
		ArtifactType  string          `json:"artifactType"`
		Manifests     json.RawMessage `json:"manifests"`
		Layers        json.RawMessage `json:"layers"`
		Config        json.RawMessage `json:"config"`
		FSLayers      json.RawMessage `json:"fsLayers"`
	}
	if err := json.Unmarshal(raw, &probe); err != nil {
		return 0, bad(DefectJSON, v1.Descriptor{}, "an index or an image manifest")("%v", err)
	}
	index, image := probe.Manifests != nil, probe.Layers != nil || probe.Config != nil
	switch {
	case probe.SchemaVersion == 1 || probe.FSLayers != nil:
		return 0, &NotImageError{MediaType: "schema 1"}
	case index && image:
		return 0, bad(DefectType, v1.Descriptor{}, "an index or an image manifest")("a document that is both: clients differ in what they take it for")
	case index && (served.IsImage() || probe.MediaType.IsImage()), image && (served.IsIndex() || probe.MediaType.IsIndex()):
		return 0, bad(DefectType, v1.Descriptor{}, "one type")("a document with the content of one type and the media type of another")
	case index:
		return isIndex, nil
	case image:
		return isImage, nil
	}
	return 0, &NotImageError{MediaType: string(served)}
}

func readIndex(raw []byte) (*v1.IndexManifest, error) {
	var index v1.IndexManifest
	if err := json.Unmarshal(raw, &index); err != nil {
		return nil, bad(DefectJSON, v1.Descriptor{}, "an index")("%v", err)
	}
	if n := len(index.Manifests); n > maxEntries {
		return nil, bad(DefectLimits, v1.Descriptor{}, "at most %d entries", maxEntries)("%d", n)
	}
	return &index, nil
}
