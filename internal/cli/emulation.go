package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/org/multiarch-action/internal/setup"
)

// emulatorImage is where emulators come from that this machine does not have; nil if from nowhere.
func (r *run) emulatorImage() (*setup.EmulatorImage, error) {
	image := r.plan.BinfmtImage
	if image == "" {
		return nil, nil
	}
	references, err := r.plan.Builder.Config.References(image)
	if err != nil {
		return nil, fmt.Errorf("emulator image %s: making its addresses: %w", image, err)
	}
	cache, err := os.UserCacheDir()
	if err == nil {
		cache = filepath.Join(cache, "multiarch-action", "emulators")
	}
	return &setup.EmulatorImage{
		Name: image, References: references, Transport: r.registry.Transport, Keychain: r.registry.Keychain, Cache: cache,
		Say: func(text string) { r.say("setup", "%s", text) },
	}, nil
}

// newHelper registers emulators where this process may not.
func (a *app) newHelper(run, image string) *setup.Helper {
	program, _ := os.Executable() // a helper that does not find this program says so
	return &setup.Helper{
		Connect: func(ctx context.Context) (*setup.Engine, error) { return a.connect(ctx, "setup") },
		Image:   image, Program: program, Run: run, Version: a.version(),
		Say: func(text string) { a.say("setup", "%s", text) },
	}
}

// confirm lets the builder say what its containers run.
func (r *run) confirm(ctx context.Context) error {
	if r.builder == nil {
		return nil // it is not a container
	}
	emulation, err := r.builder.Confirm(ctx, r.emulation)
	if err != nil {
		return err
	}
	for i, e := range emulation {
		if before := r.emulation[i]; e.Way != before.Way || e.Problem != before.Problem {
			r.say("setup", "builder %s: %s", r.builder.Name, inWords(e))
		}
	}
	r.emulation = emulation
	return nil
}

// inWords says how an architecture's programs run, and by which way that came about.
func inWords(e setup.Emulation) string {
	var text string
	switch e.Way {
	case setup.WayMissing:
		return fmt.Sprintf("%s: programs for it do not run here: %s%s", e.Architecture, e.Problem, cure(e))
	case setup.WayNative:
		text = e.Architecture + ": runs natively"
	case setup.WayBuiltin:
		text = e.Architecture + ": " + emulator(e)
	default:
		text = fmt.Sprintf("%s: %s (%s), proved by executing a program", e.Architecture, e.Way, emulator(e))
	}
	if e.Problem != "" {
		text += "; " + e.Problem + cure(e)
	}
	return text
}

func cure(e setup.Emulation) string {
	if e.Hint == "" {
		return ""
	}
	return "; " + e.Hint
}

// emulator names what runs an architecture's programs and where it came from, or is empty.
func emulator(e setup.Emulation) string {
	var text string
	switch {
	case e.Way == setup.WayNative || e.Way == setup.WayMissing:
		return ""
	case e.Way == setup.WayBuiltin:
		return "the builder's own QEMU"
	case e.Version != "":
		text = "QEMU " + e.Version
	case e.Emulator != "":
		text = e.Emulator
	default:
		text = "an unnamed emulator"
	}
	if e.Origin != "" {
		text += " from " + withoutDigest(e.Origin)
	}
	if e.Container {
		text += ", through a privileged container"
	}
	return text
}

// withoutDigest shortens an image's name to what people read, if anything is left of it.
func withoutDigest(image string) string {
	short, _, _ := strings.Cut(image, "@")
	return short
}

// closeHandlers removes what the run has registered, by whom it was registered.
func (r *run) closeHandlers(ctx context.Context) error {
	if r.plan.KeepHandlers {
		for _, e := range r.emulation {
			if e.Way == setup.WayRegistered {
				r.say("close", "emulators stay registered; remove them by: multiarch-action cleanup --run %s", setup.KeptRun)
				break
			}
		}
		return nil
	}
	if r.helper.Used() {
		_, err := r.helper.Unregister(ctx, r.id)
		return err
	}
	_, err := setup.Unregister(setup.EmulationConfig{Run: r.id})
	return err
}
