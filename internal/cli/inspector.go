package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/spf13/cobra"

	"github.com/org/multiarch-action/internal/build"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/setup"
	"github.com/org/multiarch-action/internal/verify"
)

// Where an image has few files, asking the builder for them is faster than starting a program there, and where it has many, slower: a
// request takes less than a thousandth of a second of its processor, the first one a hundredth, and a program a tenth. Fastest is what the
// builder remembers, so where it has not built anything it is asked for the program's answer.
const (
	fewRequests  = 40
	fewLibraries = 8 // in /usr/lib; images that have packages have more
)

// inspect checks a platform's image where the builder has it. The few files that most levels need are asked for; of all files those of
// a large image are looked at by this program on the builder itself.
func (v *verification) inspect(ctx context.Context, p plan.Platform, config ocispec.Image, files *build.Files) ([]plan.Finding, verify.Programs, error) {
	if v.level != plan.VerifyFull || p.OS() != "linux" { // there is nothing to look for in files for other systems
		return verify.Inspect(ctx, v.level, p, config, snapshot{files})
	}
	remembered := files.Inspectable() == nil && files.Cached(ctx)
	if few := files.AtMost(fewRequests); !remembered && seemsSmall(ctx, few) {
		findings, programs, err := verify.Inspect(ctx, v.level, p, config, snapshot{few})
		if !errors.Is(err, build.ErrManyRequests) {
			return findings, programs, err
		}
	}
	inspection, err := inspectThere(ctx, versionedRequest{v.version, verify.RequestFor(v.level, p, config)}, files)
	if err == nil {
		return append(verify.ConfigPlatform(p, config), inspection.Findings...), inspection.Programs, nil
	}
	if ctx.Err() != nil {
		return nil, verify.Programs{}, context.Cause(ctx)
	}
	v.saidSlow.Do(func() { v.slow(err.Error()) })
	return verify.Inspect(ctx, v.level, p, config, snapshot{files})
}

// seemsSmall guesses. An image that has many files elsewhere is found out by the number of requests.
func seemsSmall(ctx context.Context, files *build.Files) bool {
	if _, err := files.Lstat(ctx, "/usr"); errors.Is(err, fs.ErrNotExist) {
		return true
	}
	libraries, err := files.Count(ctx, "/usr/lib")
	return err == nil && libraries <= fewLibraries
}

// inspectThere lets a program on the builder look at the files.
func inspectThere(ctx context.Context, request versionedRequest, files *build.Files) (inspection verify.Inspection, err error) {
	text, err := json.Marshal(request)
	if err != nil {
		return inspection, fmt.Errorf("request to look at files: encoding: %w", err)
	}
	answer, err := files.Inspect(ctx, text)
	if err != nil {
		return inspection, err
	}
	if err := json.Unmarshal(answer, &inspection); err != nil {
		return inspection, fmt.Errorf("what was found in files on the builder: reading: %w", err)
	}
	return inspection, nil
}

// inspectorFor finds the program that looks at files on a builder: this one, or the one for the builder's platform beside it, as in a
// release. The first platform that a builder lists is its own.
func inspectorFor(listed []plan.Platform) (*build.Inspector, error) {
	program, err := os.Executable()
	if err != nil || len(listed) == 0 {
		return nil, errors.Join(errors.New("this program's file or the builder's own platform is not known"), err)
	}
	native := listed[0]
	if native.OS() != runtime.GOOS || native.Architecture() != runtime.GOARCH {
		program = filepath.Join(filepath.Dir(program), fmt.Sprintf("multiarch-action-%s-%s", native.OS(), native.Architecture()))
		if _, err := os.Stat(program); err != nil {
			return nil, fmt.Errorf("this program is for %s/%s, the builder runs %s, and there is no %s", runtime.GOOS, runtime.GOARCH, native, program)
		}
	}
	if err := setup.StaticProgram(program); err != nil {
		return nil, fmt.Errorf("%s cannot run in a container: %w", program, err)
	}
	return &build.Inspector{File: program, Platform: native, Command: inspectorCommandName}, nil
}

// inspectorCommandName is the command of this program that build.Inspector runs.
const inspectorCommandName = "internal-inspect"

// versionedRequest names the version that asks, because a program of another one would look for other things.
type versionedRequest struct {
	Version string
	verify.Request
}

func (a *app) inspectorCommand() *cobra.Command {
	return &cobra.Command{
		Use: inspectorCommandName + " FOLDER ANSWER REQUEST...", Hidden: true, Args: cobra.MinimumNArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.inspectFolder(cmd.Context(), args[0], args[1], strings.Join(args[2:], ""))
		},
	}
}
