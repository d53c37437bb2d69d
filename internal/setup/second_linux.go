package setup

import (
	"context"
	"fmt"
	"runtime"
	"strings"
)

// registerSecond registers the first emulator other than the one that crashed that works: of this machine, else out of the image.
func registerSecond(ctx context.Context, config EmulationConfig, e Emulation, guest architecture, crashed string) (Emulation, error) {
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
	for _, source := range []func(context.Context, architecture, string) seconds{m.secondsOfMachine, m.secondOfImage} {
		found := source(ctx, guest, crashed)
		second, refused, err := m.registerFirst(ctx, e, guest, found)
		found.discard()
		if err != nil || second.Way != "" {
			return second, err
		}
		reasons = append(reasons, refused...)
	}
	text := fmt.Sprintf("no other emulator for %s is to be had", guest.name)
	if len(reasons) > 0 {
		text += " (" + strings.Join(reasons, "; ") + ")"
	}
	return e.missing(&obstacle{text, "put another version of " + guest.emulators()[1] + " into a folder of PATH"}), nil
}

// seconds are emulators to try after one that crashed, and why there are no more.
type seconds struct {
	supplies []supply
	reasons  []string
	discard  func()
}

func (m *emulator) secondsOfMachine(_ context.Context, guest architecture, crashed string) seconds {
	found := seconds{discard: func() {}}
	for _, path := range others(crashed, emulatorPaths(m.config.SearchPath, guest)) {
		if err := checkEmulator(path, m.prober.host); err != nil {
			found.reasons = append(found.reasons, fmt.Sprintf("%s: %v", path, err))
			continue
		}
		found.supplies = append(found.supplies, supply{path: path})
	}
	return found
}

func (m *emulator) secondOfImage(ctx context.Context, guest architecture, crashed string) seconds {
	if m.config.Image == nil {
		return seconds{discard: func() {}}
	}
	fetched := m.config.Image.fetch(ctx, []architecture{guest}, m.prober.host)
	found := seconds{discard: fetched.discard}
	s := fetched.byName[guest.name]
	if s.none != nil {
		found.reasons = append(found.reasons, s.none.problem)
	}
	if len(others(crashed, []string{s.path})) > 0 {
		found.supplies = []supply{s}
	}
	return found
}

// registerFirst registers the first that works. If none does, the result has no Way, and there are the reasons.
func (m *emulator) registerFirst(ctx context.Context, e Emulation, guest architecture, found seconds) (Emulation, []string, error) {
	reasons := found.reasons
	for _, s := range found.supplies {
		second, problem, err := m.register(ctx, e, guest, s)
		if err != nil || problem == nil {
			return second, nil, err
		}
		reasons = append(reasons, problem.problem)
	}
	return Emulation{}, reasons, nil
}
