package setup

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/moby/moby/client"

	"github.com/org/multiarch-action/internal/plan"
)

// Registries returns what the engine's own configuration says about registries.
func (e *Engine) Registries(ctx context.Context) (plan.EngineRegistries, error) {
	info, err := e.api.Info(ctx, client.InfoOptions{})
	if err != nil {
		return plan.EngineRegistries{}, fmt.Errorf("asking the engine for its registries: %w", err)
	}
	config := info.Info.RegistryConfig
	if config == nil {
		return plan.EngineRegistries{}, nil
	}
	out := plan.EngineRegistries{Mirrors: config.Mirrors}
	for _, host := range slices.Sorted(maps.Keys(config.IndexConfigs)) {
		if index := config.IndexConfigs[host]; index != nil && !index.Secure && !index.Official {
			out.Insecure = append(out.Insecure, host)
		}
	}
	return out, nil
}
