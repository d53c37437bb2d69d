package cli

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/org/multiarch-action/internal/setup"
)

// startLocal makes a buildkitd that is a process of this run the default builder.
func (r *run) startLocal(ctx context.Context, before func(context.Context) error) error {
	r.configured()
	config, err := r.plan.Builder.Config.TOML()
	if err != nil {
		return fmt.Errorf("builder configuration: encoding: %w", err)
	}
	local := setup.LocalConfig{
		Folder: filepath.Join(cmp.Or(r.home.Folder(), os.TempDir()), "buildkitd-"+r.id), Path: filepath.SplitList(r.Getenv("PATH")), TOML: config, Files: r.plan.Builder.Files, Before: before,
	}
	if program, err := os.Executable(); err == nil {
		local.Guard = []string{program, setup.GuardCommand, "--"}
	}
	l, err := setup.StartLocal(ctx, local)
	if err != nil {
		return err
	}
	r.own = &node{name: "local", here: true, version: l.Version, client: l.Client, close: l.Close, logs: l.Logs}
	return nil
}

// guardCommand runs the buildkitd of a setup.Local.
func guardCommand() *cobra.Command {
	return &cobra.Command{
		Use: setup.GuardCommand + " -- COMMAND", Hidden: true, Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return setup.GuardLocal(cmd.Context(), args, cmd.ErrOrStderr())
		},
	}
}
