package verify

import (
	"context"
	"fmt"
	"slices"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/fingerprint"
	"github.com/org/multiarch-action/internal/plan"
)

// Program is an ELF file of an image: a program or a library.
type Program struct {
	Path        string // without links
	Fingerprint uint64 // as the package fingerprint makes it
	machine     machine
	reached     bool // it lies where programs or libraries are looked for by their names
}

// Programs are the ELF files of an image, as far as Across compares them with those of other platforms.
type Programs struct {
	// Started are those that the image was found to start: nil where there was nothing to look for, empty where nothing was found.
	Started []Program
	// Own are the fingerprints of all programs and libraries that the platform runs, in order; only at the level VerifyFull.
	Own []uint64
	// Foreign are programs and libraries for other machines that nothing explains; only at the level VerifyFull.
	Foreign []Program
}

// Inspect checks one platform's image at a level: VerifyManifest only its config, VerifyStatic also the programs it starts, VerifyFull
// with every file of it, which needs files that are a Walker. It also lists programs, for Across. An error means that the image could not
// be read; what is wrong with the image is in the findings.
func Inspect(ctx context.Context, level plan.Level, p plan.Platform, config ocispec.Image, files Files) ([]plan.Finding, Programs, error) {
	findings := checkConfig(p, config.Platform, configPath)
	if level == plan.VerifyManifest || level == plan.VerifyOff {
		return findings, Programs{}, nil
	}
	inspection, err := InspectFiles(ctx, RequestFor(level, p, config), files)
	return append(findings, inspection.Findings...), inspection.Programs, err
}

// ConfigPlatform is the part of Inspect that compares a config with the platform that it is for.
func ConfigPlatform(p plan.Platform, config ocispec.Image) []plan.Finding {
	return checkConfig(p, config.Platform, configPath)
}

// InspectFiles does the part of Inspect that reads files, which can be done where the files are.
func InspectFiles(ctx context.Context, request Request, files Files) (Inspection, error) {
	p := plan.PlatformOf(request.Platform)
	r := newRun(p, request.Config, files)
	if err := r.programs(ctx); err != nil {
		return Inspection{}, fmt.Errorf("%s: verifying the image: %w", p, err)
	}
	found := Programs{}
	var err error
	if found.Started, err = r.startedPrograms(ctx); err != nil {
		return Inspection{}, fmt.Errorf("%s: reading its programs: %w", p, err)
	}
	if request.Level == plan.VerifyFull {
		w, ok := files.(Walker)
		if !ok {
			return Inspection{}, fmt.Errorf("%s: verifying the image: its files cannot be listed", p)
		}
		if found.Own, found.Foreign, err = r.all(ctx, w); err != nil {
			return Inspection{}, fmt.Errorf("%s: verifying the image: %w", p, err)
		}
	}
	return Inspection{Findings: r.findings, Programs: found}, nil
}

func (r *run) startedPrograms(ctx context.Context) ([]Program, error) {
	if len(r.started) == 0 {
		return nil, nil
	}
	list := []Program{}
	for path := range r.started {
		file := r.contents[path]
		if !file.isELF {
			continue
		}
		print, err := r.fingerprint(ctx, place{path: path, file: r.tree.known[path].file})
		if err != nil {
			return nil, err
		}
		list = append(list, Program{Path: path, Fingerprint: print, machine: file.program.machine})
	}
	slices.SortFunc(list, func(a, b Program) int {
		if a.Path < b.Path {
			return -1
		}
		return 1
	})
	return list, nil
}

// fingerprint makes the fingerprint of a file, if nobody knows it yet.
func (r *run) fingerprint(ctx context.Context, at place) (uint64, error) {
	if at.file.Fingerprint != 0 {
		return at.file.Fingerprint, nil
	}
	if known, ok := r.prints[at.path]; ok {
		return known, nil
	}
	size := at.file.Size
	begin, err := r.readAt(ctx, at, 0, min(fingerprint.Edge, size))
	if err != nil {
		return 0, err
	}
	end, err := r.readAt(ctx, at, max(0, size-fingerprint.Edge), min(fingerprint.Edge, size))
	if err != nil {
		return 0, err
	}
	print := fingerprint.Of(begin, end, size)
	if r.started[at.path] { // all files ask for it, and those a second time
		r.prints[at.path] = print
	}
	return print, nil
}
