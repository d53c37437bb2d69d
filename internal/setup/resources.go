package setup

import (
	"context"
	"runtime"
	"strings"

	"github.com/org/multiarch-action/internal/plan"
)

// Resources are what a builder may use. What is not known is 0.
type Resources struct {
	Cores  int
	Memory int64  // bytes
	Disk   int64  // free bytes where the builder keeps its state
	Folder string // where that is
}

// Resources are those of a container with the given options. The disk is known only where the engine is on this machine.
func (e *Engine) Resources(ctx context.Context, o plan.DriverOptions) (Resources, error) {
	info, err := e.settings(ctx)
	if err != nil {
		return Resources{}, err
	}
	r := Resources{Cores: info.NCPU, Memory: info.MemTotal}
	if o.Memory > 0 {
		r.Memory = min(r.Memory, o.Memory)
	}
	if o.CPUQuota > 0 && o.CPUPeriod > 0 {
		r.Cores = max(1, min(r.Cores, int(o.CPUQuota/o.CPUPeriod)))
	}
	if strings.HasPrefix(e.api.DaemonHost(), "unix://") {
		r.Folder = info.DockerRootDir
		r.Disk = freeDisk(r.Folder)
	}
	return r, nil
}

// LocalResources are those of a builder that is a process of this machine, with its state in a folder.
func LocalResources(folder string) Resources {
	return Resources{Cores: runtime.NumCPU(), Memory: totalMemory(), Disk: freeDisk(folder), Folder: folder}
}
