package build

import (
	"encoding/json"
	"fmt"

	"github.com/moby/buildkit/solver/llbsolver/provenance/types"

	"github.com/org/multiarch-action/internal/plan"
)

// ProvenanceForMetadata turns the predicate of a provenance statement into what docker buildx writes into metadata files: whatever its
// version was, that of SLSA 0.2, and unless all of it is wanted without the steps and times (build/provenance.go of buildx). It is nil if
// nothing is wanted.
func ProvenanceForMetadata(predicateType string, predicate []byte, want plan.MetadataProvenance) (json.RawMessage, error) {
	if want == plan.MetadataProvenanceOff {
		return nil, nil
	}
	out := &types.ProvenancePredicateSLSA02{}
	var err error
	if predicateType == "https://slsa.dev/provenance/v1" {
		var newer types.ProvenancePredicateSLSA1
		if err = json.Unmarshal(predicate, &newer); err == nil {
			out = newer.ConvertToSLSA02()
		}
	} else {
		err = json.Unmarshal(predicate, out)
	}
	if err != nil {
		return nil, fmt.Errorf("provenance %s: reading: %w", predicateType, err)
	}
	if want != plan.MetadataProvenanceMax {
		out.BuildConfig, out.Metadata = nil, nil
	}
	return json.Marshal(out)
}
