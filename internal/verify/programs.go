package verify

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
)

// Program is an ELF program that an image starts.
type Program struct {
	Path string // without links
	// Fingerprint is the same for the same file. It is made from the size and both ends of it: headers, build id and
	// sections are there, and a whole program would have to be moved to see more.
	Fingerprint string
	machine     machine
}

// edge is how much of each end of a program makes its fingerprint.
const edge = 4 << 10

// Inspect checks one platform's image at a level: VerifyManifest only its config, VerifyStatic also the programs it starts, VerifyFull
// with every file of it, which needs files that are a Walker. It also lists the ELF programs that were found to be started, for Across.
// The list is nil where there was nothing to look for, and empty where nothing was found. An error means that the image could not be
// read; what is wrong with the image is in the findings.
func Inspect(ctx context.Context, level plan.Level, p plan.Platform, config ocispec.Image, files Files) ([]plan.Finding, []Program, error) {
	findings := checkConfig(p, config.Platform, configPath)
	if level == plan.VerifyManifest || level == plan.VerifyOff {
		return findings, nil, nil
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
	started, err := r.startedPrograms(ctx)
	if err != nil {
		return Inspection{}, fmt.Errorf("%s: reading its programs: %w", p, err)
	}
	if request.Level == plan.VerifyFull {
		w, ok := files.(Walker)
		if !ok {
			return Inspection{}, fmt.Errorf("%s: verifying the image: its files cannot be listed", p)
		}
		if err := r.all(ctx, w); err != nil {
			return Inspection{}, fmt.Errorf("%s: verifying the image: %w", p, err)
		}
	}
	return Inspection{Findings: r.findings, Programs: started}, nil
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
		fingerprint, err := r.fingerprint(ctx, place{path: path, file: r.tree.known[path].file})
		if err != nil {
			return nil, err
		}
		list = append(list, Program{Path: path, Fingerprint: fingerprint, machine: file.program.machine})
	}
	slices.SortFunc(list, func(a, b Program) int {
		if a.Path < b.Path {
			return -1
		}
		return 1
	})
	return list, nil
}

func (r *run) fingerprint(ctx context.Context, at place) (string, error) {
	size := at.file.Size
	begin, err := r.readAt(ctx, at, 0, min(edge, size))
	if err != nil {
		return "", err
	}
	end, err := r.readAt(ctx, at, max(0, size-edge), min(edge, size))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(slices.Concat(begin, end), "%d", size))), nil
}
