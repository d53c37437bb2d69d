package setup

import (
	"context"
	"maps"
	"slices"

	"github.com/org/multiarch-action/internal/plan"
)

// Registries returns what the engine's own configuration says about registries.
func (e *Engine) Registries(ctx context.Context) (plan.EngineRegistries, error) {
	info, err := e.settings(ctx)
	if err != nil {
		return plan.EngineRegistries{}, err
	}
	config := info.RegistryConfig
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
