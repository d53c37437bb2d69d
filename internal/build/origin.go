package build

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	"github.com/opencontainers/go-digest"
	fstypes "github.com/tonistiigi/fsutil/types"

	"github.com/org/multiarch-action/internal/plan"
)

// Bounds of the search for what made a file, which is made only for what verification has found.
const (
	originTimeout  = 10 * time.Second
	maxOriginSteps = 127 // no image has more layers
)

// locate says of findings which instruction made the last file on the way. The builder does not tell which layer a file is in, but what it
// has built step by step is all there: the step before which a file was not yet as it is has made it. What cannot be told is left out.
func (j *job) locate(ctx context.Context, c gateway.Client, s *solved, findings []plan.Finding) {
	if s.ref == nil || len(findings) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, originTimeout)
	defer cancel()
	o, err := newOrigins(ctx, c, s.ref)
	if err != nil {
		return
	}
	for i := range findings {
		way := strings.Split(findings[i].Path, " → ")
		for last := len(way) - 1; last >= 0; last-- {
			name := way[last]
			if unquoted, err := strconv.Unquote(name); err == nil {
				name = unquoted
			}
			if layer, ok := o.of(ctx, name); ok {
				findings[i].Layer = layer
				break
			}
		}
	}
}

// origins are the steps that made the files of an image, the last first.
type origins struct {
	client     gateway.Client
	definition *pb.Definition
	steps      []origin
}

// origin is one state of an image's files on their way.
type origin struct {
	vertex digest.Digest
	output int64
	made   string // the instruction
	base   bool   // it is an image that the Dockerfile names
	files  *Files // nil: not asked for yet
}

func newOrigins(ctx context.Context, c gateway.Client, ref gateway.Reference) (*origins, error) {
	state, err := ref.ToState()
	if err != nil {
		return nil, err
	}
	definition, err := state.Marshal(ctx)
	if err != nil {
		return nil, err
	}
	o := &origins{client: c, definition: definition.ToPB()}
	ops := map[string]*pb.Op{}
	var last *pb.Op
	for _, raw := range o.definition.Def {
		last = &pb.Op{}
		if err := last.Unmarshal(raw); err != nil {
			return nil, fmt.Errorf("definition: decoding: %w", err)
		}
		ops[digest.FromBytes(raw).String()] = last
	}
	if last == nil || len(last.Inputs) == 0 {
		return o, nil
	}
	for at := last.Inputs[0]; at != nil && len(o.steps) < maxOriginSteps; {
		op := ops[at.Digest]
		_, base := op.GetOp().(*pb.Op_Source)
		o.steps = append(o.steps, origin{vertex: digest.Digest(at.Digest), output: at.Index, made: o.instruction(op, at.Digest), base: base})
		at = before(op, at.Index)
	}
	o.steps[0].files = &Files{ref: ref}
	return o, nil
}

// before is the state of the files that an operation changed; nil: it began with none.
func before(op *pb.Op, output int64) *pb.Input {
	input := int64(-1)
	switch o := op.GetOp().(type) {
	case *pb.Op_Exec:
		for _, m := range o.Exec.Mounts {
			if m.Dest == "/" {
				input = m.Input
			}
		}
	case *pb.Op_File:
		input = beforeActions(o.File.Actions, output, int64(len(op.Inputs)))
	case *pb.Op_Merge: // COPY --link lays files over a state that it does not know
		if len(o.Merge.Inputs) > 0 {
			input = o.Merge.Inputs[0].Input
		}
	}
	if input < 0 || input >= int64(len(op.Inputs)) {
		return nil
	}
	return op.Inputs[input]
}

// beforeActions follows actions, whose inputs are inputs of the operation or, counted on, other actions.
func beforeActions(actions []*pb.FileAction, output, inputs int64) int64 {
	at := int64(-1)
	for i, a := range actions {
		if a.Output == output {
			at = int64(i)
		}
	}
	for steps := 0; at >= 0 && steps <= len(actions); steps++ {
		in := actions[at].Input
		if in < inputs {
			return in
		}
		at = in - inputs
		if at >= int64(len(actions)) {
			return -1
		}
	}
	return -1
}

// stepPrefix is what the frontend writes in front of an instruction: [linux/arm64 stage-1 2/3], and LINK for one with --link.
var stepPrefix = regexp.MustCompile(`^(LINK )?\[[^\]]*\] (LINK )?`)

// longestInstruction is how much of an instruction is shown, in characters.
const longestInstruction = 100

// instruction is the text of an operation in the Dockerfile, with the line if it is known.
func (o *origins) instruction(op *pb.Op, vertex string) string {
	if source := op.GetSource(); source != nil {
		_, name, _ := strings.Cut(source.Identifier, "://")
		return "FROM " + name
	}
	name := ""
	if meta := o.definition.Metadata[vertex]; meta != nil {
		name = stepPrefix.ReplaceAllString(strings.TrimSpace(meta.Description["llb.customname"]), "")
	}
	if cut := []rune(strings.Join(strings.Fields(name), " ")); len(cut) > longestInstruction {
		name = string(cut[:longestInstruction]) + "…"
	}
	if source := o.definition.Source; source != nil && source.Locations[vertex] != nil {
		for _, location := range source.Locations[vertex].Locations {
			if len(location.Ranges) > 0 && int(location.SourceIndex) < len(source.Infos) {
				name += fmt.Sprintf(" (%s:%d)", path.Base(source.Infos[location.SourceIndex].Filename), location.Ranges[0].Start.Line)
				break
			}
		}
	}
	return name
}

// of finds the step that made a file. ok is false if there is no such file, or no telling.
func (o *origins) of(ctx context.Context, name string) (layer plan.Layer, ok bool) {
	if !strings.HasPrefix(name, "/") || len(o.steps) == 0 {
		return plan.Layer{}, false
	}
	now, err := o.steps[0].files.Lstat(ctx, name)
	if err != nil {
		return plan.Layer{}, false
	}
	for i := range o.steps {
		s := &o.steps[i]
		if i+1 == len(o.steps) {
			return plan.Layer{Made: s.made, Base: s.base}, s.made != ""
		}
		earlier, err := o.files(ctx, &o.steps[i+1])
		if err != nil {
			return plan.Layer{}, false
		}
		then, err := earlier.Lstat(ctx, name)
		if ctx.Err() != nil {
			return plan.Layer{}, false
		}
		if err != nil || !same(now, then) {
			return plan.Layer{Made: s.made}, s.made != ""
		}
	}
	return plan.Layer{}, false
}

func same(a, b *fstypes.Stat) bool {
	return a.Mode == b.Mode && a.Size == b.Size && a.ModTime == b.ModTime && a.Linkname == b.Linkname && a.Uid == b.Uid && a.Gid == b.Gid
}

// files are the image's files after a step. The builder has them, because it has built what comes behind.
func (o *origins) files(ctx context.Context, s *origin) (*Files, error) {
	if s.files != nil {
		return s.files, nil
	}
	end := &pb.Op{Inputs: []*pb.Input{{Digest: s.vertex.String(), Index: s.output}}}
	raw, err := end.Marshal()
	if err != nil {
		return nil, fmt.Errorf("definition: encoding: %w", err)
	}
	definition := o.definition.CloneVT()
	definition.Def[len(definition.Def)-1] = raw
	result, err := o.client.Solve(ctx, gateway.SolveRequest{Definition: definition})
	if err != nil {
		return nil, err
	}
	ref, err := result.SingleRef()
	if err != nil {
		return nil, err
	}
	s.files = &Files{ref: ref}
	return s.files, nil
}
