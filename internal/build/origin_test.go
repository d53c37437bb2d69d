package build

import (
	"testing"

	"github.com/moby/buildkit/solver/pb"
)

func TestBefore(t *testing.T) {
	t.Parallel()
	inputs := []*pb.Input{{Digest: "a"}, {Digest: "b", Index: 3}}
	file := func(actions ...*pb.FileAction) *pb.Op {
		return &pb.Op{Inputs: inputs, Op: &pb.Op_File{File: &pb.FileOp{Actions: actions}}}
	}
	exec := func(mounts ...*pb.Mount) *pb.Op {
		return &pb.Op{Inputs: inputs, Op: &pb.Op_Exec{Exec: &pb.ExecOp{Mounts: mounts}}}
	}
	for name, test := range map[string]struct {
		op     *pb.Op
		output int64
		want   *pb.Input
	}{
		"a command's root":            {exec(&pb.Mount{Dest: "/src", Input: 0}, &pb.Mount{Dest: "/", Input: 1}), 0, inputs[1]},
		"a command without files":     {exec(&pb.Mount{Dest: "/", Input: -1}), 0, nil},
		"a copy":                      {file(&pb.FileAction{Input: 1, SecondaryInput: 0, Output: 0}), 0, inputs[1]},
		"a copy behind another":       {file(&pb.FileAction{Input: 0, Output: -1}, &pb.FileAction{Input: 2, Output: 0}), 0, inputs[0]},
		"a copy to nothing":           {file(&pb.FileAction{Input: -1, Output: 0}), 0, nil},
		"actions in a circle":         {file(&pb.FileAction{Input: 3, Output: 0}, &pb.FileAction{Input: 2}), 0, nil},
		"an action that is not there": {file(&pb.FileAction{Input: 9, Output: 0}), 0, nil},
		"an output that is not there": {file(&pb.FileAction{Input: 0, Output: 0}), 1, nil},
		"files over other files":      {&pb.Op{Inputs: inputs, Op: &pb.Op_Merge{Merge: &pb.MergeOp{Inputs: []*pb.MergeInput{{Input: 1}, {Input: 0}}}}}, 0, inputs[1]},
		"an image":                    {&pb.Op{Op: &pb.Op_Source{Source: &pb.SourceOp{Identifier: "docker-image://x"}}}, 0, nil},
		"an input that is not there":  {&pb.Op{Op: &pb.Op_Exec{Exec: &pb.ExecOp{Mounts: []*pb.Mount{{Dest: "/", Input: 0}}}}}, 0, nil},
	} {
		if got := before(test.op, test.output); got != test.want {
			t.Errorf("%s: before() = %v, want %v", name, got, test.want)
		}
	}
}
