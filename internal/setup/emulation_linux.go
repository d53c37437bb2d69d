package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"
)

// emulateAll finds out where programs can be executed and settles all architectures.
func emulateAll(ctx context.Context, config EmulationConfig, wanted []Emulation) ([]Emulation, error) {
	host, ok := architectureOf(runtime.GOARCH)
	if !ok {
		return nil, fmt.Errorf("emulation: executing programs of this machine: %s is not in the table of architectures", runtime.GOARCH)
	}
	prober, problem, err := newProber(ctx, config.TempDirs, host)
	if err != nil {
		return nil, err
	}
	if problem != nil {
		results := make([]Emulation, len(wanted))
		for i, e := range wanted {
			results[i] = e.missing(problem)
		}
		return results, nil
	}
	defer prober.close()
	m := &emulator{config: config, prober: prober, reach: sync.OnceValue(func() *obstacle { return reachBinfmt(config.Root) })}
	return m.settleAll(ctx, wanted)
}

// emulator settles how programs of single architectures run.
type emulator struct {
	config EmulationConfig
	prober *prober
	reach  func() *obstacle // reachBinfmt, once
	suffix string           // of the names of its handlers
}

// settleAll looks first, at all architectures, and then provides for those that do not run: what is fetched for them is
// fetched together.
func (m *emulator) settleAll(ctx context.Context, wanted []Emulation) ([]Emulation, error) {
	tasks := make([]*task, len(wanted))
	for i, e := range wanted {
		tasks[i] = &task{result: e}
	}
	if err := atOnce(ctx, tasks, m.settle); err != nil {
		return nil, err
	}
	if open := stillOpen(tasks); len(open) > 0 {
		if err := m.provideAll(ctx, open); err != nil {
			return nil, err
		}
	}
	results := make([]Emulation, len(tasks))
	for i, t := range tasks {
		results[i] = t.result
	}
	return results, nil
}

// task is the way of one architecture to a result. It is open as long as the result has no Way.
type task struct {
	result    Emulation
	guest     architecture
	seen      sighting
	obstacles []*obstacle // why ways led nowhere so far
	broken    bool        // not all of them only because there is no emulator
}

// atOnce does something to all tasks at the same time: the kernel's list of handlers needs no lock.
func atOnce(ctx context.Context, tasks []*task, do func(context.Context, *task) error) error {
	const limit = 16 // more than there are architectures
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(limit)
	for _, t := range tasks {
		group.Go(func() error { return do(ctx, t) })
	}
	return group.Wait()
}

// settle finds out how programs of one architecture run. The task stays open if an emulator is to be registered for them.
func (m *emulator) settle(ctx context.Context, t *task) (err error) {
	guest, known := architectureOf(t.result.Architecture)
	if t.result.OS != "linux" || !known {
		t.result = t.result.missing(&obstacle{
			fmt.Sprintf("programs for %s/%s cannot run here and no emulator is known for them", t.result.OS, t.result.Architecture),
			"build on the build platform (FROM --platform=$BUILDPLATFORM) and copy the results",
		})
		return nil
	}
	t.guest = guest
	if t.seen, err = m.look(ctx, guest); err != nil {
		return err
	}
	if t.seen.runs && !t.seen.native && t.seen.unlisted && m.reach() == nil {
		// Handlers of the machine work in a container that does not show them. Now it does, and they may be another run's.
		if t.seen, err = m.look(ctx, guest); err != nil {
			return err
		}
	}
	switch seen := t.seen; {
	case seen.native:
		t.result.Way = WayNative
	case seen.runs && len(seen.ours) > 0:
		t.result = m.through(ctx, t.result, WayRegistered, seen.ours)
	case seen.runs && len(seen.rivals) == 0:
		t.result = m.through(ctx, t.result, WayPresent, seen.foreign)
	}
	return nil
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
// before and after; if a handler came or went away meanwhile, what was seen holds no more.
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
		gone, came := lacks(after, before), lacks(before, after)
		seen.gone = missingEmulator(seen.handlers)
		seen.judge(m.prober, gone)
		if !gone && (!came || outcome.ran) { // what came too late for the program is not to be taken for broken
			break
		}
	}
	return seen, nil
}

// lacks reports whether a list of handlers has not all those of another.
func lacks(list, other []binfmtEntry) bool {
	return slices.ContainsFunc(other, func(e binfmtEntry) bool { return !slices.ContainsFunc(list, e.sameName) })
}

// missingEmulator is the emulator of an enabled handler without F that is not on this machine, "" if all are.
func missingEmulator(handlers []binfmtEntry) string {
	for _, e := range handlers {
		if _, err := os.Stat(e.interpreter); e.enabled && !e.fixed() && errors.Is(err, os.ErrNotExist) {
			return e.interpreter
		}
	}
	return ""
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
	case owner == KeptRun:
		s.foreign = append(s.foreign, e)
	case owner == run:
		s.ours = append(s.ours, e)
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

// withObstacle joins why programs do not run with why nothing can be registered for them.
func (s *sighting) withObstacle(o *obstacle) *obstacle {
	cause := s.explain()
	if len(s.handlers) == 0 {
		cause.hint = ""
	}
	return &obstacle{problem: cause.and(o).problem, hint: o.and(cause).hint}
}

// register registers the emulator under the run's name and proves it. What does not prove itself is removed at once.
func (m *emulator) register(ctx context.Context, e Emulation, guest architecture, emulator supply) (Emulation, *obstacle, error) {
	flags, shown := emulator.flags(kernelRelease())
	entry := guest.handler(handlerName(m.config.Run, guest.name)+m.suffix, emulator.path, flags)
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
		o.problem = fmt.Sprintf("%s was registered and removed again: %s", emulator.path, o.problem)
		if err := removeEntry(m.config.Root, entry.name); err != nil {
			return Emulation{}, nil, errors.Join(errors.New(o.problem), err)
		}
		return Emulation{}, o, nil
	}
	e.Origin = emulator.origin
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
		return &obstacle{"programs of the machine itself no longer ran: " + cause.problem, "use another emulator: this one is taken for what the machine itself runs"}, nil
	}
	got, err := readEntry(m.config.Root, want.name)
	if err != nil {
		return &obstacle{err.Error(), "see that nothing else changes handlers meanwhile, as a restart of systemd-binfmt does"}, nil //nolint:nilerr // told
	}
	if difference := got.difference(want); difference != "" {
		return &obstacle{"the kernel holds something else than was registered: " + difference, "see that nothing else changes handlers meanwhile"}, nil
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
