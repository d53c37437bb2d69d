package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/org/multiarch-action/internal/setup"
)

func (a *app) cleanupCommand() *cobra.Command {
	var id string
	var all bool
	cmd := &cobra.Command{
		Use:   "cleanup (--run ID | --all)",
		Short: "Remove what a run was asked to keep, or could not remove itself",
		Long: `Remove the builder container, its volume and the emulators' handlers of a run. They carry the run's id
as a label or in their name; nothing else is ever touched.`,
		Example: `  multiarch-action cleanup --run 3f9a1c0b7d21
  multiarch-action cleanup --all`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if id == "" {
				id = a.host.State("run")
			}
			if (id == "") == !all {
				return &usageError{command: cmd.CommandPath(), err: errors.New("say which run: --run ID, or --all for every run of this program on this machine")}
			}
			return a.cleanup(cmd.Context(), id)
		},
	}
	cmd.Flags().StringVar(&id, "run", "", "id of the run (default on GitHub: the run of this step)")
	cmd.Flags().BoolVar(&all, "all", false, "of every run, also of those that are still going on")
	return cmd
}

// cleanup removes what one run left, or with an empty id what all runs left.
func (a *app) cleanup(ctx context.Context, id string) error {
	engine, err := setup.Connect(ctx, a.Getenv, func(text string) { a.say("cleanup", "%s", text) })
	var problems []error
	var removed []string
	if err == nil {
		defer func() { _ = engine.Close() }() // only asked
		removed, err = engine.RemoveRun(ctx, id)
	}
	problems = append(problems, err)
	folders, err := setup.RemoveHomes(id)
	problems = append(problems, err)
	for _, folder := range folders {
		removed = append(removed, "folder "+folder)
	}
	leftovers, err := setup.Leftovers(setup.EmulationConfig{})
	problems = append(problems, err)
	var runs []string
	for _, left := range leftovers {
		if (id == "" || left.Run == id) && !slices.Contains(runs, left.Run) {
			runs = append(runs, left.Run)
		}
	}
	for _, run := range runs {
		names, err := setup.Unregister(setup.EmulationConfig{Run: run})
		problems = append(problems, err)
		for _, name := range names {
			removed = append(removed, "handler "+name)
		}
	}
	for _, what := range removed {
		fmt.Fprintf(a.Stderr, "removed  %s\n", what)
	}
	if len(removed) == 0 {
		fmt.Fprintln(a.Stderr, "nothing to remove")
	}
	return errors.Join(problems...)
}
