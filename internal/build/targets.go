package build

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"

	"github.com/org/multiarch-action/internal/plan"
)

// addTargets solves the stages that named contexts stand for, and gives their results to a request. For each platform a stage is
// another result, and the frontend looks for NAME::PLATFORM first (frontend/dockerui/config.go of BuildKit).
func (j *job) addTargets(ctx context.Context, c gateway.Client, request *gateway.SolveRequest, platforms []plan.Platform) error {
	for i, named := range j.Plan.Contexts {
		if named.Kind != plan.ContextTarget {
			continue
		}
		opt := j.frontendOpt(platforms...)
		opt["target"] = named.Value
		result, err := c.Solve(ctx, gateway.SolveRequest{Frontend: "dockerfile.v0", FrontendOpt: opt})
		if err != nil {
			return fmt.Errorf("context %s: stage %s: %w", named.Name, named.Value, err)
		}
		for _, p := range platforms {
			s, err := pick(result, p)
			if err != nil {
				return err
			}
			key := fmt.Sprintf("%s-%s", namedMount(i), p)
			if err := addInput(ctx, request, key, s); err != nil {
				return fmt.Errorf("context %s: stage %s: %w", named.Name, named.Value, err)
			}
			request.FrontendOpt[fmt.Sprintf("context:%s::%s", named.Name, p)] = "input:" + key
		}
	}
	return nil
}

// addInput gives a result to a request under a key: its files, and its config.
func addInput(ctx context.Context, request *gateway.SolveRequest, key string, s *solved) error {
	if request.FrontendInputs == nil {
		request.FrontendInputs = map[string]*pb.Definition{}
	}
	definition := &pb.Definition{} // an image without files
	if s.ref != nil {
		state, err := s.ref.ToState()
		if err != nil {
			return err
		}
		marshalled, err := state.Marshal(ctx)
		if err != nil {
			return err
		}
		definition = marshalled.ToPB()
	}
	request.FrontendInputs[key] = definition
	metadata, err := json.Marshal(map[string][]byte{exptypes.ExporterImageConfigKey: s.config})
	if err != nil {
		return err
	}
	request.FrontendOpt["input-metadata:"+key] = string(metadata)
	return nil
}
