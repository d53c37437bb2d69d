package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/setup"
)

func (a *app) cleanupCommand() *cobra.Command {
	var id, name string
	var all bool
	cmd := &cobra.Command{
		Use:   "cleanup (--run ID | --name NAME | --all)",
		Short: "Remove what a run was asked to keep, or could not remove itself",
		Long: `Remove the builder container, its volume and the emulators' handlers of a run. They carry the run's id
as a label or in their name; nothing else is ever touched. Handlers that were to stay, as those of
multiarch-action setup, are those of the run "kept". In a job of GitLab no flag is needed: it is for after_script.`,
		Example: `  multiarch-action cleanup --run 3f9a1c0b7d21
  multiarch-action cleanup --name ci
  multiarch-action cleanup --run kept
  multiarch-action cleanup --all`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if runs, known := a.host.States("run"); known && id == "" && name == "" && !all {
				return a.cleanupJob(cmd.Context(), runs)
			}
			if given := count(id != "", name != "", all); given != 1 {
				return &usageError{command: cmd.CommandPath(), err: errors.New("say which run: --run ID, --name NAME of its builder, or --all for every run of this program on this machine")}
			}
			if name != "" {
				return a.cleanupBuilder(cmd.Context(), name)
			}
			return a.cleanup(cmd.Context(), id)
		},
	}
	cmd.Flags().StringVar(&id, "run", "", "id of the run (default on GitHub: the run of this step; on GitLab: all runs of this job)")
	cmd.Flags().StringVar(&name, "name", "", "name of a builder: of the run that made it")
	cmd.Flags().BoolVar(&all, "all", false, "of every run, also of those that are still going on")
	return cmd
}

func count(given ...bool) int {
	n := 0
	for _, g := range given {
		if g {
			n++
		}
	}
	return n
}

// cleanupJob removes what the runs of this job left.
func (a *app) cleanupJob(ctx context.Context, runs []string) error {
	var problems []error
	for _, run := range runs {
		err := a.cleanup(ctx, run)
		if err == nil {
			err = a.host.ForgetState("run", run)
		}
		problems = append(problems, err)
	}
	if len(runs) == 0 {
		fmt.Fprintln(a.Stderr, "nothing to remove")
	}
	return errors.Join(problems...)
}

// cleanupBuilder removes what the run left that made a builder.
func (a *app) cleanupBuilder(ctx context.Context, name string) error {
	engine, err := a.connect(ctx, "cleanup")
	if err != nil {
		return err
	}
	id, err := engine.RunOf(ctx, name)
	if err = errors.Join(err, engine.Close()); err != nil {
		return err
	}
	return a.cleanup(ctx, id)
}

// cleanup removes what one run left, or with an empty id what all runs left.
func (a *app) cleanup(ctx context.Context, id string) error {
	engine, err := a.connect(ctx, "cleanup")
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
	handlers, err := a.cleanupHandlers(ctx, id)
	problems = append(problems, err)
	for _, handler := range handlers {
		removed = append(removed, "handler "+handler)
	}
	for _, what := range removed {
		a.print("removed  %s\n", what)
	}
	if len(removed) == 0 {
		fmt.Fprintln(a.Stderr, "nothing to remove")
	}
	return errors.Join(problems...)
}

// cleanupHandlers removes the handlers of a run, or with an empty id those of all runs: through a container, where this process
// may not.
func (a *app) cleanupHandlers(ctx context.Context, id string) (removed []string, err error) {
	leftovers, err := setup.Leftovers(setup.EmulationConfig{})
	if err != nil {
		return nil, err
	}
	var runs []string
	for _, left := range leftovers {
		if (id == "" || left.Run == id) && !slices.Contains(runs, left.Run) {
			runs = append(runs, left.Run)
		}
	}
	var problems []error
	for _, run := range runs {
		names, err := setup.Unregister(setup.EmulationConfig{Run: run})
		problems = append(problems, err)
		removed = append(removed, names...)
	}
	if err = errors.Join(problems...); err == nil {
		return removed, nil
	}
	names, inContainer := a.newHelper("cleanup", cmp.Or(a.host.Input("buildkit-image", plan.BuildkitImage), plan.BuildkitImage)).Unregister(ctx, id)
	if inContainer != nil {
		return removed, errors.Join(err, inContainer)
	}
	return append(removed, names...), nil
}
