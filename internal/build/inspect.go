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
	"strconv"
	"strings"

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
	// Command is the program's first argument. Then follow for each image Separator, the folder where its files are, the file to write the
	// answer to, and the request, which may be in parts.
	Command string
}

// Separator stands in front of what is about one image among the arguments of an Inspector. No part of a request is like it: requests are JSON.
const Separator = "--"

// Where the program finds things on the builder.
const (
	inspectorMount = "multiarch-action" // name under which the builder asks for the program
	insideProgram  = "/program"
	insideImages   = "/images"
	insideAnswers  = "/answers"
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
	one := &inspecting{files: f, request: request}
	err := inspect(ctx, []*inspecting{one})
	return one.answer, err
}

// inspect looks at the files of images in one step.
func inspect(ctx context.Context, images []*inspecting) error {
	definition, err := inspection(ctx, images)
	if err != nil {
		return err
	}
	result, err := images[0].files.api.Solve(ctx, gateway.SolveRequest{Definition: definition.ToPB(), Evaluate: true})
	if err != nil {
		return fmt.Errorf("builder: looking at the files there: %w", err)
	}
	ref, err := result.SingleRef()
	if err != nil {
		return err
	}
	for i, one := range images {
		one.answer, err = ref.ReadFile(ctx, gateway.ReadRequest{Filename: answerName(i), Range: &gateway.FileRange{Length: longestAnswer}})
		if err != nil {
			return fmt.Errorf("builder: reading what was found in the files there: %w", err)
		}
	}
	return nil
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
func inspection(ctx context.Context, images []*inspecting) (*llb.Definition, error) {
	i := images[0].files.run.inspector
	platform := llb.Platform(i.Platform.Spec())
	program := llb.Local(inspectorMount, llb.SharedKeyHint(inspectorMount), llb.LocalUniqueID(inspectorMount),
		llb.WithCustomName("[internal] load the program that looks at files"))
	options := []llb.RunOption{
		llb.Network(pb.NetMode_NONE), llb.ReadonlyRootFS(), platform, llb.AddMount(insideProgram, program, llb.Readonly),
		// It ends before a garbage collection would be worth its time.
		llb.AddEnv("GOGC", "off"), llb.AddEnv("GOMEMLIMIT", "256MiB"),
	}
	if len(images) == 1 {
		options = append(options, llb.AddEnv("GOMAXPROCS", "1"), llb.WithCustomNamef("[%s] look at its files", images[0].files.name))
	} else {
		var names []string
		for _, one := range images {
			names = append(names, one.files.name)
		}
		options = append(options, llb.WithCustomNamef("[internal] look at the files of %s", strings.Join(names, ", ")))
	}
	args := []string{path.Join(insideProgram, inspectorMount), i.Command}
	for n, one := range images {
		files, err := one.files.ref.ToState()
		if err != nil {
			return nil, err
		}
		folder := path.Join(insideImages, strconv.Itoa(n))
		options = append(options, llb.AddMount(folder, files, llb.Readonly, llb.ContentCache(llb.MountContentCacheOff)))
		args = append(args, Separator, folder, path.Join(insideAnswers, answerName(n)))
		args = append(args, inParts(one.request)...)
	}
	step := skeleton(len(images)).Run(append(options, llb.Args(args))...)
	return step.AddMount(insideAnswers, llb.Scratch()).Marshal(ctx, platform)
}

func answerName(n int) string { return "answer" + strconv.Itoa(n) }

// skeleton is a root with nothing but the places where the builder mounts something.
func skeleton(images int) llb.State {
	places := llb.Mkdir("/etc", 0o755).Mkfile("/etc/hosts", 0o644, nil).Mkfile("/etc/resolv.conf", 0o644, nil)
	for _, dir := range []string{"/dev", "/proc", "/sys", insideProgram, insideImages, insideAnswers} {
		places = places.Mkdir(dir, 0o755)
	}
	for n := range images {
		places = places.Mkdir(path.Join(insideImages, strconv.Itoa(n)), 0o755)
	}
	return llb.Scratch().File(places, llb.WithCustomName("[internal] make a root for the program that looks at files"))
}

// inParts cuts a request into arguments.
func inParts(request []byte) []string {
	var parts []string
	for len(request) > requestPart {
		parts = append(parts, string(request[:requestPart]))
		request = request[requestPart:]
	}
	return append(parts, string(request))
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
