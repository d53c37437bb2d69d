package setup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// Sweep removes what runs of this program on this machine have left whose process ended without taking it away: containers and volumes
// in the engine, handlers, folders. It removes nothing of a run that may still live, nothing that was to be kept, and nothing of other
// machines that use the same engine. It goes on after a problem and joins the problems.
//
// It returns a line for each run of which something was removed.
func Sweep(ctx context.Context, engine *Engine, emulation EmulationConfig) ([]string, error) {
	s := &sweep{self: thisProcess(), homes: abandonedHomes(), swept: map[string][]string{}, failed: map[string]bool{}}
	for run := range s.homes {
		s.swept[run] = nil
	}
	s.inEngine(ctx, engine)
	s.handlers(ctx, emulation)
	s.folders()
	var lines []string
	for _, run := range slices.Sorted(maps.Keys(s.swept)) {
		if what := s.swept[run]; len(what) > 0 {
			lines = append(lines, fmt.Sprintf("run %s: %s", run, strings.Join(what, ", ")))
		}
	}
	return lines, errors.Join(s.problems...)
}

type sweep struct {
	self     owner
	homes    map[string]*Home    // folders of ended runs
	swept    map[string][]string // what was removed of each ended run
	failed   map[string]bool     // runs of which something could not be removed
	blind    bool                // something of them may have been overlooked
	problems []error
}

// inEngine removes the containers of ended runs and, of these runs, volumes whose container is gone.
func (s *sweep) inEngine(ctx context.Context, engine *Engine) {
	containers, volumes, err := engine.ofRuns(ctx, "")
	if err != nil {
		s.problems, s.blind = append(s.problems, err), true
	}
	for _, thing := range append(containers, volumes...) {
		run := thing.labels[LabelRun]
		_, ended := s.swept[run]
		if !ended && !certainlyGone(thing.labels[LabelOwner], s.self) || thing.labels[LabelKept] != "" {
			continue
		}
		s.note(run, thing.String(), thing.remove(ctx))
	}
}

func (s *sweep) handlers(ctx context.Context, config EmulationConfig) {
	leftovers, err := Leftovers(config)
	if err != nil {
		s.problems, s.blind = append(s.problems, err), true
	}
	runs := map[string]bool{}
	for _, left := range leftovers {
		if _, ended := s.swept[left.Run]; ended {
			runs[left.Run] = true
		}
	}
	for run := range runs {
		config.Run = run
		names, err := Unregister(config)
		if err != nil && config.Helper != nil { // the ended run registered them in a container too
			var more []string
			more, err = config.Helper.Unregister(ctx, run)
			names = append(names, more...)
		}
		for _, name := range names {
			s.note(run, "handler "+name, nil)
		}
		if err != nil {
			s.note(run, "", err)
		}
	}
}

// folders come last: as long as a run has its folder, the next sweep knows that it has ended.
func (s *sweep) folders() {
	for run, home := range s.homes {
		if keep := s.blind || s.failed[run] || home.kept; keep {
			_ = home.Close(keep) // the next sweep takes it
			continue
		}
		s.note(run, "folder "+home.folder, home.Close(false))
	}
}

// note records that something of an ended run was removed, or why it was not.
func (s *sweep) note(run, what string, err error) {
	if err != nil {
		s.problems = append(s.problems, err)
		s.failed[run] = true
		return
	}
	s.swept[run] = append(s.swept[run], what)
}

// labelled is a container or volume of some run.
type labelled struct {
	kind, name string
	labels     map[string]string
	remove     func(context.Context) error
}

// String is its kind and its name, not longer than people need.
func (l labelled) String() string {
	name := l.name
	if len(name) == 64 { // the engine's own hexadecimal name
		name = name[:12]
	}
	return l.kind + " " + name
}

// ofRuns lists the containers and volumes that a run has in the engine, or, if run is empty, that all runs have.
func (e *Engine) ofRuns(ctx context.Context, run string) (containers, volumes []labelled, err error) {
	label := LabelRun
	if run != "" {
		label += "=" + run
	}
	filter := make(client.Filters).Add("label", label)
	list, err := e.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	if err != nil {
		return nil, nil, fmt.Errorf("containers of runs: listing: %w", err)
	}
	for _, c := range list.Items {
		name := c.ID
		if len(c.Names) > 0 {
			name = strings.TrimPrefix(c.Names[0], "/")
		}
		containers = append(containers, labelled{"container", name, c.Labels, func(ctx context.Context) error { return e.remove(ctx, name) }})
	}
	found, err := e.api.VolumeList(ctx, client.VolumeListOptions{Filters: filter})
	if err != nil {
		return containers, nil, fmt.Errorf("volumes of runs: listing: %w", err)
	}
	for _, v := range found.Items {
		volumes = append(volumes, labelled{"volume", v.Name, v.Labels, func(ctx context.Context) error { return e.removeVolume(ctx, v.Name) }})
	}
	return containers, volumes, nil
}

// removePatience is how long it may take until somebody else, who takes the same things away, has done so: a volume is in use as long as
// its container is going away.
const removePatience = 10 * time.Second

// remove takes away a container and its unnamed volumes. One that is not there, or is still being removed in the end, is no error.
func (e *Engine) remove(ctx context.Context, name string) error {
	err := insist(ctx, func() error {
		_, err := e.api.ContainerRemove(ctx, name, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		return err
	})
	if err != nil && !errdefs.IsConflict(err) {
		return fmt.Errorf("container %s: removing: %w", name, err)
	}
	return nil
}

func (e *Engine) removeVolume(ctx context.Context, name string) error {
	err := insist(ctx, func() error {
		_, err := e.api.VolumeRemove(ctx, name, client.VolumeRemoveOptions{Force: true})
		return err
	})
	if err != nil {
		return fmt.Errorf("volume %s: removing: %w", name, err)
	}
	return nil
}

// insist tries to remove something until it is not there, as long as the engine says that something else is going on with it.
func insist(ctx context.Context, remove func() error) error {
	ctx, cancel := context.WithTimeout(ctx, removePatience)
	defer cancel()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		err := remove()
		if errdefs.IsNotFound(err) {
			return nil
		}
		if !errdefs.IsConflict(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-again.C:
		}
	}
}

// RemoveRun takes away every container and volume that the run has left in the engine, and returns their names. An empty run
// means all runs of this program.
func (e *Engine) RemoveRun(ctx context.Context, run string) ([]string, error) {
	containers, volumes, err := e.ofRuns(ctx, run)
	problems := []error{err}
	var removed []string
	for _, thing := range append(containers, volumes...) {
		if err := thing.remove(ctx); err != nil {
			problems = append(problems, err)
			continue
		}
		removed = append(removed, thing.String())
	}
	return removed, errors.Join(problems...)
}
