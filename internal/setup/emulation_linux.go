package setup

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"
)

// emulateAll settles all architectures at the same time: the kernel's list of handlers needs no lock.
func emulateAll(ctx context.Context, config EmulationConfig, wanted []Emulation) ([]Emulation, error) {
	const atOnce = 16 // more than there are architectures that anybody wants
	host, ok := architectureOf(runtime.GOARCH)
	if !ok {
		return nil, fmt.Errorf("emulation: executing programs of this machine: %s is not in the table of architectures", runtime.GOARCH)
	}
	results := make([]Emulation, len(wanted))
	prober, problem, err := newProber(ctx, config.TempDirs, host)
	if err != nil {
		return nil, err
	}
	if problem != nil {
		for i, e := range wanted {
			results[i] = e.missing(problem)
		}
		return results, nil
	}
	defer prober.close()
	m := &emulator{config: config, prober: prober, reach: sync.OnceValue(func() *obstacle { return reachBinfmt(config.Root) })}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, e := range wanted {
		group.Go(func() (err error) {
			results[i], err = m.settle(ctx, e)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return results, nil
}

// emulator settles how programs of single architectures run.
type emulator struct {
	config EmulationConfig
	prober *prober
	reach  func() *obstacle // reachBinfmt, once
	suffix string           // of the names of its handlers
}

// settle finds out how programs of one architecture run and registers an emulator if they do not run without.
func (m *emulator) settle(ctx context.Context, e Emulation) (Emulation, error) {
	guest, known := architectureOf(e.Architecture)
	if e.OS != "linux" || !known {
		return e.missing(&obstacle{
			fmt.Sprintf("programs for %s/%s cannot run here and no emulator is known for them", e.OS, e.Architecture),
			"build on the build platform (FROM --platform=$BUILDPLATFORM) and copy the results",
		}), nil
	}
	seen, err := m.look(ctx, guest)
	if err != nil {
		return Emulation{}, err
	}
	if seen.runs && !seen.native && seen.unlisted && m.reach() == nil {
		// Handlers of the machine work in a container that does not show them. Now it does, and they may be another run's.
		if seen, err = m.look(ctx, guest); err != nil {
			return Emulation{}, err
		}
	}
	switch {
	case seen.native:
		e.Way = WayNative
		return e, nil
	case seen.runs && len(seen.ours) > 0:
		return m.through(ctx, e, WayRegistered, seen.ours), nil
	case seen.runs && len(seen.rivals) == 0:
		return m.through(ctx, e, WayPresent, seen.foreign), nil
	}
	return m.provide(ctx, e, guest, seen)
}

// sighting is what was seen of one architecture before anything was changed for it.
type sighting struct {
	faultyProbe
	runs     bool          // in containers too
	native   bool          // without a handler
	unlisted bool          // binfmt_misc does not show its handlers here
	ours     []binfmtEntry // enabled handlers of this run
	rivals   []binfmtEntry // enabled handlers of other runs, which may be removed at any moment
	foreign  []binfmtEntry // enabled handlers of others
}

// look executes a program of the architecture and tells by which handlers the kernel may have run it. The list is read
// before and after; if a handler went away meanwhile, what was seen holds no more.
func (m *emulator) look(ctx context.Context, guest architecture) (sighting, error) {
	const tries = 3
	var seen sighting
	for range tries {
		before, _ := m.matching(guest) // nothing to see here: nor after
		outcome, err := m.prober.probe(ctx, guest)
		if err != nil {
			return sighting{}, err
		}
		after, err := m.matching(guest)
		seen = sighting{faultyProbe: faultyProbe{guest: guest, root: m.config.Root, outcome: outcome}, unlisted: err != nil}
		for _, e := range after {
			seen.add(e, m.config.Run)
		}
		gone := slices.ContainsFunc(before, func(e binfmtEntry) bool { return !slices.ContainsFunc(after, e.sameName) })
		seen.judge(m.prober, gone)
		if !gone {
			break
		}
	}
	return seen, nil
}

// matching lists the handlers for programs of the architecture.
func (m *emulator) matching(guest architecture) ([]binfmtEntry, error) {
	entries, err := listEntries(m.config.Root)
	head := guest.program(m.prober.status)
	return slices.DeleteFunc(entries, func(e binfmtEntry) bool { return !e.matches(head) }), err
}

func (s *sighting) add(e binfmtEntry, run string) {
	s.handlers = append(s.handlers, e)
	owner, _, isOurs := parseHandlerName(e.name)
	switch {
	case !e.enabled:
	case !isOurs:
		s.foreign = append(s.foreign, e)
	case owner == run:
		s.ours = append(s.ours, e)
	case owner == KeptRun:
		s.foreign = append(s.foreign, e)
	default:
		s.rivals = append(s.rivals, e)
	}
}

// judge decides whether programs run, in containers too, and whether without a handler. gone says that a handler went
// away while a program was executed.
func (s *sighting) judge(p *prober, gone bool) {
	enabled := slices.Concat(s.ours, s.rivals, s.foreign)
	unseen := s.outcome.ran && len(enabled) == 0
	s.native = unseen && !gone && p.host.mayRun(s.guest)
	// Handlers of the machine work in a container that does not show them. Where they are shown and none is there, the
	// program ran through one that is gone.
	s.runs = s.outcome.ran && (!unseen || s.native || s.unlisted)
	// Without a cage the emulator may have been found among the machine's files, where containers do not look.
	if p.cage == cageNone && len(enabled) > 0 && !slices.ContainsFunc(enabled, binfmtEntry.fixed) {
		s.runs = false
		s.outcome.ran, s.outcome.errno = false, syscall.ENOENT
	}
}

// through fills in the handlers that run the programs: one of them, nobody can tell which.
func (m *emulator) through(ctx context.Context, e Emulation, way Way, handlers []binfmtEntry) Emulation {
	e.Way = way
	usable := slices.DeleteFunc(slices.Clone(handlers), func(h binfmtEntry) bool { return !h.fixed() })
	if len(usable) == 1 {
		e.Handler, e.Emulator = usable[0].name, usable[0].interpreter
		e.Version = emulatorVersion(ctx, e.Emulator)
	}
	return e
}

// provide registers an emulator for what does not run yet, or runs only as long as another run goes on.
func (m *emulator) provide(ctx context.Context, e Emulation, guest architecture, seen sighting) (Emulation, error) {
	emulator, problem := m.find(guest)
	if problem == nil {
		var registered Emulation
		var err error
		registered, problem, err = m.register(ctx, e, guest, emulator)
		if err != nil || problem == nil {
			return registered, err
		}
	}
	if seen.runs {
		e = m.through(ctx, e, WayPresent, slices.Concat(seen.foreign, seen.rivals))
		e.Problem = fmt.Sprintf("the handler %s belongs to another run, which may remove it at any moment; %s", seen.rivals[0].name, problem.problem)
		e.Hint = problem.hint
		return e, nil
	}
	return e.missing(seen.withObstacle(problem)), nil
}

// withObstacle joins why programs do not run with why nothing can be registered for them.
func (s *sighting) withObstacle(o *obstacle) *obstacle {
	cause := s.explain()
	joined := &obstacle{problem: cause.problem + "; " + o.problem, hint: o.hint}
	if len(s.handlers) > 0 && cause.hint != "" {
		joined.hint = strings.TrimPrefix(joined.hint+"; or "+cause.hint, "; or ")
	}
	return joined
}

// find says which emulator to register, or why none can be.
func (m *emulator) find(guest architecture) (string, *obstacle) {
	if guest.name == m.prober.host.name {
		// Its emulator would be given to itself, and no program of the machine would start any more.
		return "", &obstacle{"no emulator may be registered for the machine's own programs", ""}
	}
	if o := m.reach(); o != nil {
		return "", o
	}
	emulator, skipped := findEmulator(m.config.SearchPath, guest, m.prober.host)
	if emulator == "" {
		return "", noEmulator(guest, m.config.SearchPath, skipped)
	}
	return emulator, nil
}

// register registers the emulator under the run's name and proves it. What does not prove itself is removed at once.
func (m *emulator) register(ctx context.Context, e Emulation, guest architecture, emulator string) (Emulation, *obstacle, error) {
	flags, shown := handlerFlags(kernelRelease())
	entry := guest.handler(handlerName(m.config.Run, guest.name)+m.suffix, emulator, flags)
	// One of an earlier call that does not work any more would be in the way.
	if err := removeEntry(m.config.Root, entry.name); err != nil {
		return Emulation{}, nil, err
	}
	if err := ctx.Err(); err != nil {
		return Emulation{}, nil, context.Cause(ctx)
	}
	if o := registerEntry(m.config.Root, entry); o != nil {
		return Emulation{}, o, nil
	}
	entry.flags = shown
	o, err := m.prove(ctx, guest, entry)
	if err != nil {
		return Emulation{}, nil, err
	}
	if o != nil {
		o.problem = fmt.Sprintf("%s was registered and removed again: %s", emulator, o.problem)
		if err := removeEntry(m.config.Root, entry.name); err != nil {
			return Emulation{}, nil, errors.Join(errors.New(o.problem), err)
		}
		return Emulation{}, o, nil
	}
	return m.through(ctx, e, WayRegistered, []binfmtEntry{entry}), nil, nil
}

// prove reads the handler back and executes programs: one of the machine's own, which the handler must not have
// touched, and one of the architecture.
func (m *emulator) prove(ctx context.Context, guest architecture, want binfmtEntry) (*obstacle, error) {
	// Not to be cut short: this process may be the last that can undo a handler that catches every program.
	native, err := m.prober.probe(context.WithoutCancel(ctx), m.prober.host)
	if err != nil {
		return nil, errors.Join(err, removeEntry(m.config.Root, want.name))
	}
	if !native.ran {
		cause := faultyProbe{guest: m.prober.host, outcome: native, handlers: []binfmtEntry{want}, root: m.config.Root}.explain()
		return &obstacle{"programs of the machine itself no longer ran: " + cause.problem, ""}, nil
	}
	got, err := readEntry(m.config.Root, want.name)
	if err != nil {
		return &obstacle{err.Error(), "see that nothing else changes handlers meanwhile, as a restart of systemd-binfmt does"}, nil //nolint:nilerr // told
	}
	if difference := got.difference(want); difference != "" {
		return &obstacle{"the kernel holds something else than was registered: " + difference, ""}, nil
	}
	return m.proveGuest(ctx, guest, want)
}

// proveGuest executes a program of the architecture. If another run registered a handler at the same moment, the
// kernel may have asked that one. A broken one is removed by its run within milliseconds, hence the tries; a good one
// proves nothing about ours, hence the emulator is executed by itself too.
func (m *emulator) proveGuest(ctx context.Context, guest architecture, want binfmtEntry) (*obstacle, error) {
	const tries = 3
	var seen sighting
	for range tries {
		var err error
		if seen, err = m.look(ctx, guest); err != nil {
			return nil, err
		}
		if seen.runs || len(seen.rivals) == 0 {
			break
		}
	}
	if !seen.runs {
		return seen.explain(), nil
	}
	if len(seen.rivals) == 0 {
		return nil, nil
	}
	outcome, err := m.prober.probeWith(ctx, want.interpreter, guest)
	if err != nil || outcome.ran {
		return nil, err
	}
	return faultyProbe{guest: guest, outcome: outcome, handlers: []binfmtEntry{want}, root: m.config.Root}.explain(), nil
}
