package setup

import (
	"context"
	"slices"

	"github.com/moby/moby/api/types/system"
)

// HoldsIndexes reports whether the engine can store an image for several platforms: whether its images are in containerd's store.
func (e *Engine) HoldsIndexes(ctx context.Context) (bool, error) {
	info, err := e.settings(ctx)
	if err != nil {
		return false, err
	}
	return hasContainerdStore(*info), nil
}

// hasContainerdStore recognises containerd's image store by what the engine says about its storage driver (daemon/containerd/service.go
// of moby, LayerStoreStatus).
func hasContainerdStore(info system.Info) bool {
	return slices.Contains(info.DriverStatus, [2]string{"driver-type", "io.containerd.snapshotter.v1"})
}
