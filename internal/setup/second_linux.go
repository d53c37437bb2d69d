package setup

import (
	"context"
	"fmt"
	"runtime"
	"strings"
)

// registerSecond registers the first of the emulators that works.
func registerSecond(ctx context.Context, config EmulationConfig, e Emulation, guest architecture, paths []string) (Emulation, error) {
	host, _ := architectureOf(runtime.GOARCH)
	if guest.name == host.name {
		return e.missing(&obstacle{"no emulator may be registered for the machine's own programs", ""}), nil
	}
	if o := reachBinfmt(config.Root); o != nil {
		return e.missing(o), nil
	}
	prober, problem, err := newProber(ctx, config.TempDirs, host)
	if err != nil {
		return Emulation{}, err
	}
	if problem != nil {
		return e.missing(problem), nil
	}
	defer prober.close()
	m := &emulator{config: config, prober: prober, suffix: secondSuffix}
	var reasons []string
	for _, path := range paths {
		if err := checkEmulator(path, host); err != nil {
			reasons = append(reasons, fmt.Sprintf("%s: %v", path, err))
			continue
		}
		second, problem, err := m.register(ctx, e, guest, path)
		if err != nil || problem == nil {
			return second, err
		}
		reasons = append(reasons, problem.problem)
	}
	text := fmt.Sprintf("no other emulator for %s is on this machine", guest.name)
	if len(reasons) > 0 {
		text += " (" + strings.Join(reasons, "; ") + ")"
	}
	return e.missing(&obstacle{text, "put another version of " + guest.emulators()[1] + " into a folder of PATH"}), nil
}
