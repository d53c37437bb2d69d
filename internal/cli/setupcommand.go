package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/setup"
)

// setupFlags are what the set-up command has beside its inputs.
type setupFlags struct {
	name      string
	noBuilder bool
	asJSON    bool
}

func (a *app) setupCommand() *cobra.Command {
	var inputs plan.Inputs
	var flags setupFlags
	cmd := &cobra.Command{
		Use:   "setup [flags]",
		Short: "Register emulators and start a builder, both of which stay",
		Long: `Make programs of the platforms run on this machine, by emulators where they do not run natively, and start
a builder that further commands use. Both stay until multiarch-action cleanup. A builder of the name that
runs already is used as it is.

What is reported to run was executed. If a platform that was asked for cannot be made to run, the exit
status is 1 and the error names each with its cause. Without --platform all architectures are set up
that an emulator can be had for.`,
		Example: `  multiarch-action setup --platform linux/arm64,linux/arm/v7 --name ci
  multiarch-action setup --no-builder --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.fromEnvironment(cmd.Flags(), plan.BuildInputs(), &inputs); err != nil {
				return err
			}
			return a.setup(cmd.Context(), inputs, flags)
		},
	}
	inputFlags(cmd, plan.SetupInputs(), &inputs)
	cmd.Flags().StringVar(&flags.name, "name", "", "name of the builder (default: made from the run's id)")
	cmd.Flags().BoolVar(&flags.noBuilder, "no-builder", false, "register emulators only")
	cmd.Flags().BoolVar(&flags.asJSON, "json", false, "print the result as JSON on standard output")
	cmd.Flags().SortFlags = false
	return cmd
}

// setup sets up what stays, and takes the builder away again if not everything runs that was asked for.
func (a *app) setup(ctx context.Context, inputs plan.Inputs, flags setupFlags) error {
	p, err := a.setupPlan(inputs, flags)
	if err != nil {
		return err
	}
	r, err := newRun(a, p)
	if err != nil {
		return err
	}
	r.builderName = flags.name
	everything := len(p.Platforms) == 0
	if everything {
		p.Platforms = setup.Programs()
	}
	if err = r.emulateAndStart(ctx, flags.noBuilder); err == nil {
		failed := notRunning(r.emulation, everything)
		err = errors.Join(failed, r.printSetup(flags.asJSON, failed == nil))
	}
	p.Builder.Keep = err == nil
	if err != nil && r.builder != nil && p.Builder.Use == "" {
		r.builder.Discard()
	}
	return errors.Join(err, r.close(ctx))
}

func (a *app) setupPlan(inputs plan.Inputs, flags setupFlags) (*plan.Plan, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("working directory: reading: %w", err)
	}
	p, err := plan.NewSetup(inputs, plan.World{Dir: dir, Stat: os.Stat, ReadFile: os.ReadFile, Getenv: a.Getenv})
	var problems plan.InputErrors
	if err != nil && !errors.As(err, &problems) {
		return nil, err
	}
	switch {
	case flags.name == "":
	case flags.noBuilder:
		problems = append(problems, &plan.InputError{Input: "--name", Value: flags.name, Rule: "--no-builder is given too", Hint: "leave out one of the two"})
	case !setup.ValidBuilderName(flags.name):
		problems = append(problems, &plan.InputError{
			Input: "--name", Value: flags.name, Rule: "it cannot be the name of a container",
			Hint: "use a letter or a digit, then letters, digits, dots, dashes and underscores",
		})
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return p, nil
}

func (r *run) emulateAndStart(ctx context.Context, noBuilder bool) error {
	if noBuilder {
		return r.emulate(ctx)
	}
	r.claimHome()
	return r.setup(ctx)
}

// notRunning is an error that names each architecture that does not run, with its cause and cure. Of everything there is, those
// for which there is no emulator do not count.
func notRunning(emulations []setup.Emulation, everything bool) error {
	var failed []string
	foreign := false
	for _, e := range emulations {
		switch {
		case e.Way == setup.WayNative && e.Problem == "":
		case e.NoEmulator && everything:
		case e.Way == setup.WayMissing, e.Problem != "" && e.Way != setup.WayBuiltin:
			failed = append(failed, fmt.Sprintf("%s: %s%s", e.Architecture, e.Problem, cure(e)))
		default:
			foreign = true
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("set-up: programs of %d of %d architectures cannot be relied on to run:\n  %s", len(failed), len(emulations), strings.Join(failed, "\n  "))
	}
	if everything && !foreign {
		last := emulations[len(emulations)-1]
		return errors.New("set-up: no emulator can be had for any architecture: " + last.Problem + cure(last))
	}
	return nil
}

// setupResult is what a set-up prints. The names of the first two lists are those of the binfmt program of tonistiigi/binfmt.
type setupResult struct {
	Supported     []plan.Platform   `json:"supported"`     // natively or by emulation, proved by executing a program
	Emulators     []string          `json:"emulators"`     // names of the handlers that are registered, of whomever
	Architectures []setup.Emulation `json:"architectures"` // how each runs, or why it does not
	Builder       *setupBuilder     `json:"builder,omitempty"`
}

type setupBuilder struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	Version string `json:"version"` // of BuildKit
	Run     string `json:"run"`     // id for multiarch-action cleanup --run
}

func (r *run) setupResult(stays bool) setupResult {
	result := setupResult{Supported: []plan.Platform{}, Emulators: setup.Handlers(), Architectures: r.emulation}
	for _, e := range r.emulation {
		if e.Way != setup.WayMissing && e.Way != setup.WayBuiltin {
			result.Supported = append(result.Supported, e.Platforms...)
		}
	}
	if r.builder != nil && stays {
		result.Builder = &setupBuilder{
			Name: r.builder.Name, Address: "docker-container://" + r.builder.Name, Version: r.builder.Version, Run: r.builder.Run,
		}
	}
	return result
}

// printSetup prints the result, with the builder if that stays.
func (r *run) printSetup(asJSON, stays bool) error {
	result := r.setupResult(stays)
	if asJSON {
		encoder := json.NewEncoder(r.results())
		encoder.SetIndent("", "  ")
		return encoder.Encode(result)
	}
	w := tabwriter.NewWriter(r.results(), 0, 8, 2, ' ', 0)
	if b := result.Builder; b != nil {
		fmt.Fprintf(w, "builder\t%s\nbuildkit\t%s\naddress\t%s\n", b.Name, b.Version, b.Address)
	}
	for _, e := range result.Architectures {
		for _, p := range e.Platforms {
			fmt.Fprintf(w, "%s\t%s\n", p, runsBy(e))
		}
	}
	return w.Flush()
}

// runsBy says in a few words how programs run.
func runsBy(e setup.Emulation) string {
	switch e.Way {
	case setup.WayNative:
		return "native"
	case setup.WayMissing:
		return "does not run"
	}
	return "emulated by " + emulator(e)
}

// helperCommand runs in the container of a setup.Helper.
func helperCommand() *cobra.Command {
	return &cobra.Command{
		Use: setup.HelperCommand + " FILE", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return setup.ServeHelper(cmd.Context(), args[0]) },
	}
}
