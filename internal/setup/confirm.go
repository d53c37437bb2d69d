package setup

import (
	"context"
	"fmt"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// unprobed are the architectures for which BuildKit has no program to execute (buildkit util/archutil): that it does not list
// them says nothing.
var unprobed = []string{"mips", "mipsle"}

// Confirm compares how programs run on this machine with what the builder has found out by executing programs in its own
// container. A difference becomes a problem of the result. What nothing here runs, the builder may: because it is on another
// machine, or by an emulator of its own (WayBuiltin).
func (b *Builder) Confirm(ctx context.Context, emulations []Emulation) ([]Emulation, error) {
	workers, err := b.Client.ListWorkers(ctx)
	if err != nil {
		return nil, fmt.Errorf("builder %s: asking for its platforms: %w", b.Name, err)
	}
	listed := map[string]bool{}
	for _, worker := range workers {
		for _, p := range worker.Platforms {
			if p.OS == "linux" {
				listed[p.Architecture] = true
			}
		}
	}
	confirmed := slices.Clone(emulations)
	for i, e := range confirmed {
		brings := false
		if guest, known := architectureOf(e.Architecture); e.Way == WayMissing && known && e.OS == "linux" {
			if brings, err = b.brings(ctx, guest); err != nil {
				return nil, err
			}
		}
		confirmed[i] = e.confirmed(listed, brings)
	}
	return confirmed, nil
}

// builtin is the name under which BuildKit looks for an emulator of its own (buildkit solver/llbsolver/ops/exec_binfmt.go).
func (a architecture) builtin() string {
	switch a.name {
	case "amd64", "386", "arm64", "arm", "ppc64le", "s390x", "riscv64":
		return "buildkit-qemu-" + a.qemu
	}
	return "buildkit-qemu-" + a.name
}

// brings reports whether the builder's image has an emulator of its own for an architecture.
func (b *Builder) brings(ctx context.Context, guest architecture) (bool, error) {
	if b.engine == nil {
		return false, nil
	}
	path := "/usr/bin/" + guest.builtin()
	_, err := b.engine.api.ContainerStatPath(ctx, b.Name, client.ContainerStatPathOptions{Path: path})
	if errdefs.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("builder %s: looking for %s: %w", b.Name, path, err)
	}
	return true, nil
}

// confirmed is the result in the light of what BuildKit lists. brings says that the builder has an emulator of its own.
func (e Emulation) confirmed(listed map[string]bool, brings bool) Emulation {
	guest, known := architectureOf(e.Architecture)
	if !known || e.OS != "linux" || slices.Contains(unprobed, e.Architecture) {
		return e
	}
	switch {
	case e.Way == WayMissing && listed[e.Architecture]:
		e.Way, e.Problem, e.Hint = WayPresent, "", ""
	case e.Way == WayMissing && brings && !listed[guest.cover()]:
		e.Way = WayBuiltin
		e.Problem = "the builder emulates them for build steps only: without programs that change their user (sudo), without chroot, and with no second foreign architecture in a step; " + e.Problem
	case listed[e.Architecture] && e.Container:
		e.Problem, e.Hint = "", "" // this process sees less than the containers, for which it is
	case !listed[e.Architecture] && e.Way != WayMissing:
		e.Problem = fmt.Sprintf("programs for %s run on this machine, and the builder's containers do not run them", e.Architecture)
		e.Hint = "start a new builder: one that ran before looks for emulators only now and then; or register them on the builder's machine"
	}
	return e
}

// cover is the architecture whose programs BuildKit takes this one's for, if it can run those: it does not use an emulator of
// its own then.
func (a architecture) cover() string {
	switch a.name {
	case "arm":
		return "arm64"
	case "386":
		return "amd64"
	}
	return ""
}
