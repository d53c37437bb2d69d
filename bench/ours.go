package main

import (
	"context"
	"errors"
	"strings"
)

// ours builds as a newcomer does.
type ours struct {
	*bench
	kept string   // the running builder, for warm runs
	more []string // further flags
}

func (o *ours) build(w workload, more ...string) step {
	return append(step{
		o.program, "build", "--platform", strings.Join(platforms, ","), "-t", w.ref("ours"), "--push", "--progress", "plain", w.folder,
	}, append(more, o.more...)...)
}

func (o *ours) cold(ctx context.Context, w workload) (figure, error) {
	return o.time(ctx, o.build(w, "--buildkitd-config", w.config, "--buildkit-image", o.image))
}

func (o *ours) start(ctx context.Context, w workload) error {
	text, err := o.command(ctx, append([]string{
		o.program, "build", "--platform", "linux/amd64", "--buildkitd-config", w.config,
		"--buildkit-image", o.image, "-t", w.ref("ours"), "--push", "--keep-builder", "--progress", "quiet", "examples/hello",
	}, o.more...)...)
	if err != nil {
		return err
	}
	_, after, found := strings.Cut(text, "close    builder ")
	if !found {
		return errors.New("the program does not say which builder it kept:\n" + text)
	}
	o.kept, _, _ = strings.Cut(after, " ")
	return nil
}

func (o *ours) warm(ctx context.Context, w workload) (figure, error) {
	return o.time(ctx, o.build(w, "--builder", o.kept))
}

func (o *ours) stop() {
	if o.kept != "" {
		o.cleanUp(o.program, "cleanup", "--run", strings.TrimPrefix(o.kept, "multiarch-action-"))
	}
}
