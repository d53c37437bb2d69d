package cli

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/org/multiarch-action/internal/setup"
)

// startLocal makes a buildkitd that is a process of this run the default builder.
func (r *run) startLocal(ctx context.Context, before func(context.Context) error) error {
	r.configured()
	config, err := r.plan.Builder.Config.TOML()
	if err != nil {
		return fmt.Errorf("builder configuration: encoding: %w", err)
	}
	l, err := setup.StartLocal(ctx, setup.LocalConfig{
		Folder: filepath.Join(cmp.Or(r.home.Folder(), os.TempDir()), "buildkitd-"+r.id), Path: filepath.SplitList(r.Getenv("PATH")), TOML: config, Files: r.plan.Builder.Files, Before: before,
	})
	if err != nil {
		return err
	}
	r.own = &node{name: "local", here: true, version: l.Version, client: l.Client, close: l.Close, logs: l.Logs}
	return nil
}
