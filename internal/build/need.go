package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/solver/pb"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
)

// needTimeout is how long base images may be asked for. An emulator that is not needed costs less than a longer wait.
const needTimeout = 5 * time.Second

// Need says whether the build of one platform executes programs that the build platform does not run by itself.
type Need struct {
	Platform plan.Platform
	Needs    bool // it does, or that cannot be told
	// Foreign are the platforms whose programs are executed, by architecture other than the build platform's. Mostly it is the
	// platform itself; a stage of the Dockerfile may name another.
	Foreign []plan.Platform
	Why     string // one sentence without a full stop, for example "RUN make (Dockerfile:7) executes on linux/arm64"
}

// NeedRequest is what Needs looks at.
type NeedRequest struct {
	Plan          *plan.Plan
	BuildPlatform plan.Platform // of the builder's machine: what $BUILDPLATFORM will be
	BaseImages    BaseImages
}

// Needs tells for each platform of the plan, in its order, whether its build executes anything foreign. It converts the Dockerfile as
// the builder will (buildkit frontend/dockerfile/dockerfile2llb) and looks at the platform of each command in the result. Base images
// are asked for only where the Dockerfile itself executes nothing foreign, because they may bring commands along (ONBUILD). What
// cannot be told, within needTimeout, counts as needed.
//
// The builder's own emulators do not make a difference here, but one thing of theirs does: it takes a machine that runs arm64
// programs for one that runs arm programs, and amd64 for 386 (solver/llbsolver/ops/exec_binfmt.go), and then uses none of its own. So
// an emulator for one of a pair calls for the other's, if both are executed; here both are needed on their own account.
func Needs(ctx context.Context, request NeedRequest) []Need {
	ctx, cancel := context.WithTimeout(ctx, needTimeout)
	defer cancel()
	online := request.BaseImages.resolver(ctx)
	needs := make([]Need, len(request.Plan.Platforms))
	var wait sync.WaitGroup
	for i, p := range request.Plan.Platforms {
		wait.Go(func() {
			a := &analysis{NeedRequest: request, online: online}
			a.Plan = request.Plan.For(p)
			a.dockerfile, a.problem = a.read()
			needs[i] = a.need(ctx, p)
		})
	}
	wait.Wait()
	return needs
}

// analysis is what Needs does for one platform.
type analysis struct {
	NeedRequest
	dockerfile []byte
	problem    error // why nothing can be told
	online     llb.ImageMetaResolver
}

// read returns the Dockerfile, if the converter at hand is the one that the builder will use for it.
func (a *analysis) read() ([]byte, error) {
	text := a.Plan.DockerfileText
	if a.Plan.Dockerfile != plan.Stdin {
		if !filepath.IsAbs(a.Plan.Dockerfile) {
			return nil, errors.New("only the builder will see the Dockerfile")
		}
		var err error
		if text, err = os.ReadFile(a.Plan.Dockerfile); err != nil {
			return nil, err
		}
	}
	frontend, _, _, _ := parser.DetectSyntax(text)
	for _, arg := range a.Plan.BuildArgs {
		if arg.Name == "BUILDKIT_SYNTAX" {
			frontend, _, _ = strings.Cut(strings.TrimSpace(arg.Value), " ")
		}
	}
	if !knownFrontend(frontend) {
		return nil, fmt.Errorf("the Dockerfile's syntax is that of the frontend %s", frontend)
	}
	return text, nil
}

// knownFrontend reports whether a frontend image reads Dockerfiles as the converter does: docker/dockerfile and its kin.
func knownFrontend(image string) bool {
	if image == "" || image == "dockerfile.v0" {
		return true
	}
	ref, err := reference.ParseNormalizedNamed(image)
	return err == nil && strings.HasPrefix(reference.TrimNamed(ref).Name(), "docker.io/docker/dockerfile")
}

// need tells about one platform.
func (a *analysis) need(ctx context.Context, p plan.Platform) Need {
	if a.problem != nil {
		return a.unknown(p, a.problem)
	}
	var need Need
	for _, images := range []llb.ImageMetaResolver{offline{}, a.online} {
		commands, err := a.commands(ctx, p, images)
		if err != nil {
			need = a.unknown(p, err) // offline perhaps only for want of a base image's variable
			continue
		}
		if a.Plan.Tests.Any(p) && a.foreign(p) {
			commands = append([]command{{platform: p}}, commands...)
		}
		if need = a.judge(p, commands); need.Needs {
			break
		}
	}
	return need
}

// unknown is the answer where there is none. What the machine runs by itself needs no emulator in any case, as far as one can see.
func (a *analysis) unknown(p plan.Platform, cause error) Need {
	need := Need{Platform: p, Needs: a.foreign(p), Why: "cannot be told: " + oneLine(cause.Error())}
	if need.Needs {
		need.Foreign = []plan.Platform{p}
	}
	return need
}

func (a *analysis) foreign(p plan.Platform) bool {
	return p.OS() != a.BuildPlatform.OS() || p.Architecture() != a.BuildPlatform.Architecture()
}

// judge sums up the commands of one platform's build.
func (a *analysis) judge(p plan.Platform, commands []command) Need {
	need := Need{Platform: p}
	for _, c := range commands {
		if !a.foreign(c.platform) {
			continue
		}
		if !need.Needs {
			need.Needs, need.Why = true, c.String()
		}
		if !containsPlatform(need.Foreign, c.platform) {
			need.Foreign = append(need.Foreign, c.platform)
		}
	}
	switch {
	case need.Needs:
	case !a.foreign(p):
		need.Why = "executes nothing foreign: it is the build platform's architecture"
	case len(commands) == 0:
		need.Why = "executes nothing: files are only copied"
	default:
		need.Why = "executes nothing foreign: cross-compiled on " + a.BuildPlatform.String()
	}
	return need
}

func containsPlatform(list []plan.Platform, p plan.Platform) bool {
	for _, other := range list {
		if other.Equal(p) {
			return true
		}
	}
	return false
}

// commands lists what the build of a platform executes, in an order in which the builder could.
func (a *analysis) commands(ctx context.Context, p plan.Platform, images llb.ImageMetaResolver) ([]command, error) {
	result, err := a.convert(ctx, p, images)
	if err != nil {
		return nil, err
	}
	definition, err := result.State.Marshal(ctx)
	if err != nil {
		return nil, err
	}
	return commandsOf(definition, p)
}

// convert makes of the Dockerfile what the builder will be given for a platform.
func (a *analysis) convert(ctx context.Context, p plan.Platform, images llb.ImageMetaResolver) (*dockerfile2llb.Result, error) {
	target, capabilities := p.Spec(), pb.Caps.CapSet(pb.Caps.All())
	return dockerfile2llb.Dockerfile2LLB(ctx, a.dockerfile, dockerfile2llb.ConvertOpt{
		Config: dockerui.Config{
			BuildArgs: a.buildArgs(), Target: a.Plan.Target, BuildPlatforms: []ocispec.Platform{a.BuildPlatform.Spec()},
		},
		TargetPlatform: &target, MetaResolver: images, LLBCaps: &capabilities,
		SourceMap: llb.NewSourceMap(nil, filepath.Base(a.Plan.Dockerfile), "Dockerfile", a.dockerfile),
	})
}

// buildArgs is a new map each time, because the converter changes it.
func (a *analysis) buildArgs() map[string]string {
	args := map[string]string{}
	if epoch := a.Plan.SourceDateEpoch; epoch != nil {
		args["SOURCE_DATE_EPOCH"] = strconv.FormatInt(*epoch, 10)
	}
	for _, arg := range a.Plan.BuildArgs {
		args[arg.Name] = arg.Value
	}
	return args
}

// command is one program that a build executes.
type command struct {
	platform plan.Platform
	text     string // the instruction; empty: the smoke test
	place    string // file and line; may be empty
}

// String says what is executed where.
func (c command) String() string {
	if c.text == "" {
		return "the smoke test executes on " + c.platform.String()
	}
	text := oneLine(c.text)
	if c.place != "" {
		text += " (" + c.place + ")"
	}
	return text + " executes on " + c.platform.String()
}

// commandsOf finds the commands in a definition. An operation without a platform is for the target.
func commandsOf(definition *llb.Definition, target plan.Platform) ([]command, error) {
	var out []command
	for i, raw := range definition.Def {
		var op pb.Op
		if err := op.Unmarshal(raw); err != nil {
			return nil, fmt.Errorf("operation %d of the Dockerfile: decoding: %w", i, err)
		}
		if op.GetExec() == nil {
			continue
		}
		c := command{platform: target}
		if p := op.Platform; p != nil {
			c.platform = plan.PlatformOf(ocispec.Platform{
				OS: p.OS, Architecture: p.Architecture, Variant: p.Variant, OSVersion: p.OSVersion, OSFeatures: p.OSFeatures,
			})
		}
		c.text, c.place = instruction(definition, raw)
		out = append(out, c)
	}
	return out, nil
}

// oneLine is text short enough for a sentence.
func oneLine(text string) string {
	const longest = 100
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest-1]) + "…"
	}
	return text
}
