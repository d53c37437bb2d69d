package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"

	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	"github.com/tonistiigi/fsutil"
	fstypes "github.com/tonistiigi/fsutil/types"

	"github.com/org/multiarch-action/internal/plan"
)

// Inspector is a program that runs on the builder itself to look at the files of images there: to ask the builder for thousands of
// them takes longer than to build many images.
type Inspector struct {
	File     string        // of the program, which is linked statically
	Platform plan.Platform // of the program, and of the builder
	// Command is the program's first argument. Then follow the folder where the files are, the file to write the answer to, and the
	// request, which may be in parts.
	Command string
}

// Where the program finds things on the builder.
const (
	inspectorMount = "multiarch-action" // name under which the builder asks for the program
	insideProgram  = "/program"
	insideImage    = "/image"
	insideAnswers  = "/answers"
	insideAnswer   = "answer"
	requestPart    = 64 << 10 // of one argument, of which Linux takes 128 KiB (execve(2), MAX_ARG_STRLEN)
	longestAnswer  = 8 << 20
)

var (
	errNoFiles     = errors.New("the image has no files")
	errNoInspector = errors.New("no program was named that does it")
)

// Inspectable is an error that says why Inspect cannot work; nil: it can.
func (f *Files) Inspectable() error {
	if f.ref == nil {
		return errNoFiles
	}
	return f.run.noInspector
}

// Inspect runs the Inspector on the builder with the image's files mounted read-only, and without a network, and returns its answer.
// The builder remembers the answer for the same program, request and files.
func (f *Files) Inspect(ctx context.Context, request []byte) ([]byte, error) {
	if err := f.Inspectable(); err != nil {
		return nil, err
	}
	definition, err := f.inspection(ctx, request)
	if err != nil {
		return nil, err
	}
	result, err := f.api.Solve(ctx, gateway.SolveRequest{Definition: definition.ToPB(), Evaluate: true})
	if err != nil {
		return nil, fmt.Errorf("builder: looking at the files there: %w", err)
	}
	ref, err := result.SingleRef()
	if err != nil {
		return nil, err
	}
	answer, err := ref.ReadFile(ctx, gateway.ReadRequest{Filename: insideAnswer, Range: &gateway.FileRange{Length: longestAnswer}})
	if err != nil {
		return nil, fmt.Errorf("builder: reading what was found in the files there: %w", err)
	}
	return answer, nil
}

// Cached reports whether the builder had all of the image already, as far as it has told until now.
func (f *Files) Cached(ctx context.Context) bool {
	if f.ref == nil {
		return true
	}
	state, err := f.ref.ToState()
	if err != nil {
		return false
	}
	definition, err := state.Marshal(ctx)
	if err != nil {
		return false
	}
	return !slices.ContainsFunc(definition.Def, func(raw []byte) bool {
		var op pb.Op
		if err := op.Unmarshal(raw); err != nil {
			return true
		}
		// Sources are always looked at, if only to see whether they have changed.
		return op.GetSource() == nil && f.run.log.executed(digest.FromBytes(raw).String())
	})
}

// inspection is the step that looks at the files. Only the step's own inputs make it another step: that the builder should compare the
// content of the image would cost more than to look at it.
func (f *Files) inspection(ctx context.Context, request []byte) (*llb.Definition, error) {
	files, err := f.ref.ToState()
	if err != nil {
		return nil, err
	}
	i := f.run.inspector
	platform := llb.Platform(i.Platform.Spec())
	program := llb.Local(inspectorMount, llb.SharedKeyHint(inspectorMount), llb.LocalUniqueID(inspectorMount),
		llb.WithCustomName("[internal] load the program that looks at files"))
	step := skeleton().Run(
		llb.Args(i.args(request)), llb.Network(pb.NetMode_NONE), llb.ReadonlyRootFS(), platform,
		// It ends before a garbage collection would be worth its time, and needs no second thread.
		llb.AddEnv("GOGC", "off"), llb.AddEnv("GOMEMLIMIT", "256MiB"), llb.AddEnv("GOMAXPROCS", "1"),
		llb.AddMount(insideProgram, program, llb.Readonly),
		llb.AddMount(insideImage, files, llb.Readonly, llb.ContentCache(llb.MountContentCacheOff)),
		llb.WithCustomNamef("[%s] look at its files", f.name),
	)
	return step.AddMount(insideAnswers, llb.Scratch()).Marshal(ctx, platform)
}

// skeleton is a root with nothing but the places where the builder mounts something.
func skeleton() llb.State {
	places := llb.Mkdir("/etc", 0o755).Mkfile("/etc/hosts", 0o644, nil).Mkfile("/etc/resolv.conf", 0o644, nil)
	for _, dir := range []string{"/dev", "/proc", "/sys", insideProgram, insideImage, insideAnswers} {
		places = places.Mkdir(dir, 0o755)
	}
	return llb.Scratch().File(places, llb.WithCustomName("[internal] make a root for the program that looks at files"))
}

func (i *Inspector) args(request []byte) []string {
	args := []string{path.Join(insideProgram, inspectorMount), i.Command, insideImage, path.Join(insideAnswers, insideAnswer)}
	for len(request) > requestPart {
		args = append(args, string(request[:requestPart]))
		request = request[requestPart:]
	}
	return append(args, string(request))
}

// executable is a folder with one program, as it is sent to the builder. The builder keeps it: it is sent again if it has changed.
type executable string

// Walk visits the program.
func (e executable) Walk(_ context.Context, _ string, visit fs.WalkDirFunc) error {
	info, err := os.Stat(string(e))
	if err != nil {
		return err
	}
	stat := &fstypes.Stat{Path: inspectorMount, Mode: 0o755, Size: info.Size(), ModTime: info.ModTime().UnixNano()}
	return visit(inspectorMount, &fsutil.DirEntryInfo{Stat: stat}, nil)
}

// Open opens the program.
func (e executable) Open(string) (io.ReadCloser, error) { return os.Open(string(e)) }
