package setup

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// flags are those of handlerFlags, but emulators of images are built to be told of P always (patch preserve-argv0 of
// tonistiigi/binfmt).
func (s supply) flags(release string) (write, shown string) {
	if s.origin != "" {
		return handlerFlags("")
	}
	return handlerFlags(release)
}

// registrar registers emulators for tasks and closes those that run then; to the others it adds why not.
type registrar func(ctx context.Context, tasks []*task, found supplies) error

// provideAll closes the open tasks: it registers emulators, those of this machine first, or says why that is not possible.
func (m *emulator) provideAll(ctx context.Context, open []*task) error {
	register, done, refused := m.registrar(ctx)
	defer done()
	if refused != nil {
		for _, t := range open {
			t.add(refused, false)
		}
		return m.giveUp(ctx, open)
	}
	for _, source := range []func(context.Context, []*task) supplies{m.fromMachine, m.fromImage} {
		if open = stillOpen(open); len(open) == 0 {
			return nil
		}
		if err := m.try(ctx, register, source, open); err != nil {
			return err
		}
	}
	return m.giveUp(ctx, stillOpen(open))
}

func stillOpen(tasks []*task) []*task {
	return slices.DeleteFunc(slices.Clone(tasks), func(t *task) bool { return t.result.Way != "" })
}

// registrar is this process, else the helper. To be done with in any case.
func (m *emulator) registrar(ctx context.Context) (register registrar, done func(), refused *obstacle) {
	done = func() {}
	if m.config.Never {
		return nil, done, &obstacle{"registering emulators is switched off", "say --binfmt auto, or leave it out"}
	}
	if refused = m.reach(); refused == nil {
		return m.registerAll, done, nil
	}
	if m.config.Helper == nil {
		return nil, done, refused
	}
	session, o := m.config.Helper.open(ctx)
	if o != nil {
		return nil, done, refused.and(o)
	}
	return func(ctx context.Context, tasks []*task, found supplies) error {
		return m.help(ctx, session, tasks, found)
	}, session.close, nil
}

func (m *emulator) try(ctx context.Context, register registrar, source func(context.Context, []*task) supplies, open []*task) error {
	found := source(ctx, open)
	defer found.discard()
	var ready []*task
	for _, t := range open {
		s := found.byName[t.guest.name]
		if s.none != nil {
			t.add(s.none, s.absent)
		}
		if s.path != "" {
			ready = append(ready, t)
		}
	}
	if len(ready) == 0 {
		return nil
	}
	return register(ctx, ready, found)
}

// fromMachine looks for emulators on this machine.
func (m *emulator) fromMachine(_ context.Context, open []*task) supplies {
	found := supplies{byName: map[string]supply{}, discard: func() {}}
	for _, t := range open {
		path, skipped := findEmulator(m.config.SearchPath, t.guest, m.prober.host)
		s := supply{path: path, origin: m.config.origins[t.guest.name]}
		switch {
		case t.guest.name == m.prober.host.name:
			// Its emulator would be given to itself, and no program of the machine would start any more.
			s = supply{none: &obstacle{"no emulator may be registered for the machine's own programs", "see why these do not run: look at the handlers in " + m.config.Root}}
		case path == "":
			s = supply{none: noEmulator(t.guest, m.config.SearchPath, skipped), absent: len(skipped) == 0}
		}
		found.byName[t.guest.name] = s
	}
	return found
}

// fromImage takes emulators from the image, all at once.
func (m *emulator) fromImage(ctx context.Context, open []*task) supplies {
	var guests []architecture
	for _, t := range open {
		if t.guest.name != m.prober.host.name {
			guests = append(guests, t.guest)
		}
	}
	if m.config.Image == nil || len(guests) == 0 {
		return supplies{discard: func() {}}
	}
	return m.config.Image.fetch(ctx, guests, m.prober.host)
}

func (m *emulator) registerAll(ctx context.Context, tasks []*task, found supplies) error {
	return atOnce(ctx, tasks, func(ctx context.Context, t *task) error {
		// One of an earlier call that does not work any more is in the way. One that came since the look is another set-up's.
		name := handlerName(m.config.Run, t.guest.name)
		if slices.ContainsFunc(t.seen.handlers, func(e binfmtEntry) bool { return e.name == name }) {
			if err := removeEntry(m.config.Root, name); err != nil {
				return err
			}
		}
		registered, o, err := m.register(ctx, t.result, t.guest, found.byName[t.guest.name])
		if err != nil {
			return err
		}
		if o != nil {
			t.add(o, false)
			return nil
		}
		t.result = registered
		return m.removeStale(t)
	})
}

// removeStale removes kept handlers of this program that did not run their programs, as the new one does now.
func (m *emulator) removeStale(t *task) error {
	if t.seen.runs {
		return nil
	}
	var problems []error
	for _, e := range t.seen.foreign {
		if run, _, ours := parseHandlerName(e.name); ours && run == KeptRun && e.name != t.result.Handler {
			problems = append(problems, removeEntry(m.config.Root, e.name))
		}
	}
	return errors.Join(problems...)
}

// giveUp closes tasks for which nothing could be registered. What runs by the handler of another run goes on by that, and
// what another set-up made to run meanwhile, by that.
func (m *emulator) giveUp(ctx context.Context, tasks []*task) error {
	return atOnce(ctx, tasks, func(ctx context.Context, t *task) (err error) {
		if t.seen, err = m.look(ctx, t.guest); err != nil {
			return err
		}
		seen, cause := t.seen, joined(t.obstacles)
		switch {
		case !seen.runs:
			t.result = t.result.missing(seen.withObstacle(cause))
			t.result.NoEmulator = !t.broken && len(seen.handlers) == 0
		case len(seen.rivals) == 0:
			t.result = m.through(ctx, t.result, WayPresent, seen.foreign)
		default:
			t.result = m.through(ctx, t.result, WayPresent, slices.Concat(seen.foreign, seen.rivals))
			t.result.Problem = fmt.Sprintf("the handler %s belongs to another run, which may remove it at any moment; %s", seen.rivals[0].name, cause.problem)
			t.result.Hint = cause.hint
		}
		return nil
	})
}

// add keeps why one way led nowhere. absent says that there was just no emulator.
func (t *task) add(o *obstacle, absent bool) {
	t.obstacles = append(t.obstacles, o)
	t.broken = t.broken || !absent
}
