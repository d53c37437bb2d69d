package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/org/multiarch-action/internal/plan"
)

func (a *app) buildCommand() *cobra.Command {
	var dryRun bool
	cmd := a.planned(func(ctx context.Context, p *plan.Plan, inputs plan.Inputs, asJSON bool) error {
		if dryRun {
			return a.printPlan(p, asJSON)
		}
		p, err := a.forBuilder(ctx, p, inputs)
		if err != nil {
			return err
		}
		return a.build(ctx, p, asJSON)
	})
	cmd.Use = "build [flags] [CONTEXT]"
	cmd.Aliases = []string{"b"} // as docker buildx has it
	cmd.Short = "Build, verify, push and tag an image for many platforms"
	cmd.Long = `Build an image for every platform, verify each before it is pushed, push by digest, assemble the index,
read it back, and move the tags.

Every flag can also be given in the environment: --platform as MULTIARCH_PLATFORMS, and so on by the
names in docs/inputs.md. A flag wins over the environment.

Exit status: 0 done; 1 the engine, the build or a registry failed; 2 the request was wrong, nothing was
started; 3 verification found something, no tag was moved; 130 cancelled.`
	cmd.Example = `  multiarch-action build --platform linux/amd64,linux/arm64 -t ghcr.io/owner/app:1.4 --push .
  multiarch-action build --platform linux/arm64,linux/riscv64 --test 'uname -m' examples/hello
  multiarch-action build --platform linux/arm64 -t app:dev --load .
  multiarch-action build --platform linux/amd64,linux/arm64 -t ghcr.io/owner/app:1.4 --push --dry-run --json .`
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "print what would be done, and do nothing")
	shortFlag(cmd, "check", "", "short for --call check", "call", string(plan.CallCheck))
	cmd.Flags().BoolP(quietFlag, "q", false, "print nothing but the image's ID on success, as with --progress quiet")
	cmd.Flags().Bool("json", false, "print the report, or with --dry-run the plan, as JSON on standard output")
	return cmd
}

func (a *app) planCommand() *cobra.Command {
	cmd := a.planned(func(_ context.Context, p *plan.Plan, _ plan.Inputs, asJSON bool) error { return a.printPlan(p, asJSON) })
	cmd.Use = "plan [flags] [CONTEXT]"
	cmd.Short = "Print what build would do: platforms, tags, labels, version"
	cmd.Long = `Print what build would do with the same flags and environment, and do nothing. Nothing is asked of a registry
or an engine. On GitHub the outputs version, tags, labels, annotations and json are set.`
	cmd.Example = `  multiarch-action plan --platform linux/amd64 --image ghcr.io/owner/app -t type=semver,pattern={{version}} -t type=sha .`
	cmd.Flags().Bool("json", false, "print the plan as JSON on standard output")
	return cmd
}

// planned makes a command of one that does something with a plan. It gets the flags of all inputs of the build; the command adds json.
func (a *app) planned(do func(ctx context.Context, p *plan.Plan, inputs plan.Inputs, asJSON bool) error) *cobra.Command {
	var inputs plan.Inputs
	cmd := &cobra.Command{
		Args: oneContext,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				inputs.Context = args[0]
			}
			defer a.stdin.close()
			if err := beQuiet(cmd.Flags()); err != nil {
				return err
			}
			if err := a.fromEnvironment(cmd.Flags(), plan.BuildInputs(), &inputs); err != nil {
				return err
			}
			p, err := a.plan(cmd.Context(), inputs)
			if err != nil {
				return err
			}
			asJSON, err := cmd.Flags().GetBool("json")
			if err == nil {
				err = a.streams(p, asJSON)
			}
			if err != nil {
				return err
			}
			return do(cmd.Context(), p, inputs, asJSON)
		},
	}
	inputFlags(cmd, plan.BuildInputs(), &inputs)
	peerFlags(cmd, &a.notes)
	cmd.Flags().SortFlags = false
	return cmd
}

// shortFlag gives a command a flag that docker buildx build has for a value of another flag.
func shortFlag(cmd *cobra.Command, name, letter, help, flag, value string) {
	cmd.Flags().BoolFuncP(name, letter, help, func(text string) error {
		on, err := strconv.ParseBool(text)
		if err != nil || !on {
			return err
		}
		return cmd.Flags().Set(flag, value)
	})
}

// inputFlags gives a command a flag for each row of the table that has one.
func inputFlags(cmd *cobra.Command, table []plan.Input, inputs *plan.Inputs) {
	for _, input := range table {
		if input.Flag != "" {
			cmd.Flags().VarPF(&inputFlag{input: input, inputs: inputs}, input.Flag, input.Short, input.Help).NoOptDefVal = noOptDefault(input)
		}
	}
}

// inputFlag is one row of the table of inputs as a flag.
type inputFlag struct {
	input  plan.Input
	inputs *plan.Inputs
}

// String is the default, for the help text.
func (f *inputFlag) String() string { return f.input.Default }

// Type is the kind of value, for the help text.
func (f *inputFlag) Type() string { return string(f.input.Kind) }

// Set keeps the text; a list grows.
func (f *inputFlag) Set(text string) error {
	if !f.input.IsList() {
		*f.input.Text(f.inputs) = text
		return nil
	}
	values, err := f.input.FlagValues(text)
	list := f.input.List(f.inputs)
	*list = append(*list, values...)
	return err
}

func noOptDefault(input plan.Input) string {
	if input.Kind == plan.KindBool || input.Kind == plan.KindKey {
		return "true"
	}
	return input.Alone
}

// fromEnvironment fills in what the command line has not said.
func (a *app) fromEnvironment(flags *pflag.FlagSet, table []plan.Input, inputs *plan.Inputs) error {
	var problems plan.InputErrors
	for _, input := range table {
		text := a.host.Input(input.Name, input.Default)
		switch {
		case text == "" || said(flags, input, inputs):
		case input.IsList():
			values, err := input.Kind.Split(text)
			if err != nil {
				// The text may hold a secret.
				problems = append(problems, &plan.InputError{Input: input.Label(), Rule: err.(*plan.InputError).Rule, Hint: err.(*plan.InputError).Hint}) //nolint:errorlint // Split returns nothing else
			}
			*input.Environment(inputs) = values
		case input.Kind == plan.KindBool: // a block of YAML ends with a line end
			*input.Text(inputs) = strings.TrimSpace(text)
		default:
			*input.Text(inputs) = text
		}
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}

// said tells whether the command line holds an input: as a flag, or as an argument.
func said(flags *pflag.FlagSet, input plan.Input, inputs *plan.Inputs) bool {
	switch {
	case input.Flag != "":
		return flags.Changed(input.Flag)
	case input.IsList():
		return len(*input.List(inputs)) > 0
	}
	return *input.Text(inputs) != ""
}

func (a *app) plan(ctx context.Context, inputs plan.Inputs) (*plan.Plan, error) {
	world, err := a.planWorld(ctx)
	if err != nil {
		return nil, err
	}
	p, err := plan.New(inputs, world)
	if err == nil {
		p.Notes = append(p.Notes, a.notes...)
	}
	if _, terminal := a.terminal(); err == nil && p.Progress == plan.ProgressTTY && !terminal {
		return nil, plan.InputErrors{{Input: "--progress", Value: "tty", Rule: "standard error is not a terminal", Hint: "write plain, or leave it out"}}
	}
	return p, err
}

// streams refuses an image or files on a standard output that is to carry something else.
func (a *app) streams(p *plan.Plan, asJSON bool) error {
	if !slices.ContainsFunc(p.Outputs, func(o plan.Output) bool { return o.Dest == plan.Stdout }) {
		return nil
	}
	problem := &plan.InputError{Input: "--output", Hint: "name a file by dest=FILE"}
	if file, ok := a.Stdout.(*os.File); ok && isTerminal(file) {
		problem.Rule = "an archive on a terminal is of no use"
	} else if asJSON {
		problem.Rule = "standard output cannot hold an archive and JSON"
	} else {
		return nil
	}
	return plan.InputErrors{problem}
}

// planWorld is what a plan may ask of the machine.
func (a *app) planWorld(ctx context.Context) (plan.World, error) {
	dir, err := os.Getwd()
	if err != nil {
		return plan.World{}, fmt.Errorf("working directory: reading: %w", err)
	}
	return plan.World{
		Dir: dir, Machine: plan.MachinePlatform(), Stat: os.Stat, ReadFile: os.ReadFile, ReadDir: os.ReadDir, EvalSymlinks: filepath.EvalSymlinks, Getenv: a.Getenv, Checks: checkIDs(), Run: a.host.Run(),
		Event: func() (plan.Event, error) { return a.host.Event(ctx, dir) }, Now: time.Now(),
		Source:    func(paths, written []string) (plan.Event, error) { return a.host.Source(ctx, paths, written) },
		ReadStdin: a.stdin.read, DefaultContext: a.host.DefaultContext(), GitServer: a.host.GitServer(), CacheService: a.host.CacheService(),
	}, nil
}

func (a *app) printPlan(p *plan.Plan, asJSON bool) error {
	outputs, err := metadataOutputs(p.Metadata)
	if err == nil {
		err = a.host.SetOutputs(outputs)
	}
	if err != nil {
		return err
	}
	if asJSON {
		encoder := json.NewEncoder(a.results())
		encoder.SetIndent("", "  ")
		return encoder.Encode(p)
	}
	for _, note := range p.Notes {
		a.say("plan", "%s", note)
	}
	for _, line := range planLines(p) {
		fmt.Fprintln(a.results(), line)
	}
	return nil
}

// planLines say in words what would be done.
func planLines(p *plan.Plan) []string {
	if method := p.Call.Method; method != plan.CallBuild {
		return append([]string{fmt.Sprintf("ask for the %s of %s", method, p.Dockerfile)}, builderLines(p.Builder)...)
	}
	lines := []string{"build " + p.Dockerfile + " with the context " + plan.Printable(p.Context)}
	for _, platform := range p.Platforms {
		lines = append(lines, "  for "+platform.String())
	}
	lines = append(lines, metadataLines(p.Metadata)...)
	lines = append(lines, builderLines(p.Builder)...)
	lines = append(lines, courseLines(p.Course)...)
	lines = append(lines, testLines(p)...)
	return append(lines, destinationLines(p)...)
}

// destinationLines say where the result would go.
func destinationLines(p *plan.Plan) []string {
	var lines []string
	if p.Attest.Any() {
		lines = append(lines, "attest each with "+strings.Join(p.Attest.Names(), " and "))
	}
	if p.Push {
		for _, repo := range p.Repositories() {
			lines = append(lines, "push by digest to "+repo.Name())
		}
	}
	for _, output := range p.Outputs {
		to := output.Dest
		if to == plan.Stdout {
			to = "standard output"
		}
		lines = append(lines, fmt.Sprintf("write type=%s to %s", output.Type, to))
	}
	switch {
	case p.Staged != nil:
		lines = append(lines, stagingLine(p.Staged))
	case p.Push && !p.ByDigest:
		for _, tag := range p.Tags {
			lines = append(lines, "move the tag "+tag.Name())
		}
	}
	if p.Load {
		lines = append(lines, "load it into the Docker engine")
	}
	return lines
}

// testLines say what would be executed in the images. A command that is the same everywhere is said once.
func testLines(p *plan.Plan) []string {
	var texts, lines []string
	for _, platform := range p.Platforms {
		text := "nothing"
		if test, ok := p.Tests.Commands[platform.String()]; ok {
			text = testText(test)
		}
		texts = append(texts, text)
		lines = append(lines, fmt.Sprintf("  test %s with %s", platform, text))
	}
	switch {
	case len(p.Tests.Commands) == 0:
		lines = nil
	case len(slices.Compact(texts)) == 1:
		lines = []string{"  test each with " + texts[0]}
	}
	if p.Tests.Entrypoint != nil {
		lines = append(lines, fmt.Sprintf("  start each as it is, for %s if it has no HEALTHCHECK", p.Tests.Entrypoint.Lives))
	}
	return lines
}

// testText is the smoke test as it was written.
func testText(t plan.SmokeTest) string {
	text := t.Command
	if len(t.Args) > 0 {
		text = fmt.Sprintf("%q", t.Args)
	}
	if t.Expect != "" {
		text += fmt.Sprintf(", whose output must hold %q", t.Expect)
	}
	return text
}

// say tells people what is going on, one line at a time.
func (a *app) say(stage, format string, args ...any) {
	if a.muted {
		return
	}
	a.print("%-8s %s\n", stage, fmt.Sprintf(format, args...))
}

func (a *app) build(ctx context.Context, p *plan.Plan, asJSON bool) error {
	r, err := newRun(a, p)
	if err != nil {
		return err
	}
	if p.Call.Method != plan.CallBuild {
		return r.ask(ctx)
	}
	return r.execute(ctx, asJSON)
}
