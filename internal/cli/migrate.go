package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/org/multiarch-action/internal/migrate"
	"github.com/org/multiarch-action/internal/plan"
)

func (a *app) migrateCommand() *cobra.Command {
	var write bool
	cmd := &cobra.Command{
		Use:   "migrate [flags] FILE",
		Short: "Move a GitHub workflow over from docker's actions",
		Long: `Read a workflow that chains docker's actions (setup-qemu, setup-buildx, login, metadata, build-push) and
print it with one step of this action in their place. A matrix that pushes platforms by digest, with a job
that merges them, becomes jobs that hand their platforms over and one that publishes them. Everything else
stays as it is, byte for byte. What has no counterpart stands in a comment above the step, and is said.

FILE may be - for standard input.`,
		Example: `  multiarch-action migrate .github/workflows/image.yml | diff .github/workflows/image.yml -
  multiarch-action migrate --write .github/workflows/image.yml`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return nil
			}
			return &usageError{command: cmd.CommandPath(), err: fmt.Errorf("one workflow file is expected, and there are %d", len(args))}
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.migrate(args[0], write) },
	}
	cmd.Flags().BoolVar(&write, "write", false, "write the file instead of printing it")
	return cmd
}

func (a *app) migrate(file string, write bool) error {
	if write && file == "-" {
		return &usageError{command: "multiarch-action migrate", err: errors.New("--write needs a file, and - is standard input")}
	}
	read := func() ([]byte, error) { return os.ReadFile(file) }
	if file == "-" && a.Stdin != nil {
		read = func() ([]byte, error) { return io.ReadAll(a.Stdin) }
	}
	text, err := read()
	if err != nil {
		return fmt.Errorf("workflow: reading: %w", err)
	}
	known := migrate.Known{}
	for _, input := range slices.Concat(plan.BuildInputs(), plan.PublishInputs()) {
		known.Inputs = append(known.Inputs, input.Name)
	}
	moved, err := migrate.Workflow(string(text), known)
	if err != nil {
		return fmt.Errorf("workflow %s: %w", file, err)
	}
	for _, note := range moved.Notes {
		a.say("migrate", "not moved over: %s", note)
	}
	if !write {
		_, err := io.WriteString(a.results(), moved.Text)
		return err
	}
	if err := os.WriteFile(file, []byte(moved.Text), 0o644); err != nil {
		return fmt.Errorf("workflow: writing: %w", err)
	}
	a.say("migrate", "%s: %d steps of %s", file, moved.Steps, migrate.Action)
	return nil
}
