// Package cli is the program's face: its commands, its flags and its exit codes, and the wiring of the stages. Start at Run.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/org/multiarch-action/internal/ci"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/report"
)

// World is everything that the program touches.
type World struct {
	Args    []string // without the program's name
	Getenv  func(string) string
	Stdin   io.Reader  // read only where it is asked for; nil: there is none
	Stdout  io.Writer  // results for machines
	Stderr  io.Writer  // for people
	Parent  func() int // the number of the process that started this one; nil: nobody knows
	Version string     // empty: what Go recorded in the program
}

// Exit codes.
const (
	ExitOK        = 0
	ExitFailed    = 1   // the world failed: engine, build, registry
	ExitUsage     = 2   // the request was wrong; nothing was started
	ExitRejected  = 3   // verification found something; no tag was moved
	ExitCancelled = 130 // as a shell reports SIGINT
)

// errRejected ends a run whose report says what verification found.
var errRejected = errors.New("verification found errors; no tag was moved")

// Run executes a command line and returns the exit code. All errors are printed here and nowhere else.
func Run(ctx context.Context, world World) int {
	app := &app{World: world, stdin: &stdin{from: world.Stdin}}
	app.host = ci.Detect(world.Getenv, app.log())
	ctx, app.cancel = app.untilOrphaned(ctx)
	defer app.cancel(nil)
	root := app.command()
	root.SetArgs(app.arguments())
	err := root.ExecuteContext(ctx)
	code := app.exitCode(ctx, err)
	switch {
	case code == ExitOK, app.unread:
	case code == ExitCancelled:
		app.print("multiarch-action: cancelled%s\n", whyCancelled(ctx))
	default:
		app.explain(err)
	}
	app.host.ShowProblems()
	return code
}

// Command returns the command tree, for those who describe it. It is not for execution.
func Command() *cobra.Command {
	none := func(string) string { return "" }
	command := (&app{World: World{Getenv: none}, host: ci.Detect(none, io.Discard)}).command()
	command.DisableAutoGenTag = true
	return command
}

type app struct {
	World
	host       *ci.Host
	cancel     context.CancelCauseFunc // ends the command
	unread     bool                    // the results; whoever wanted them has ended
	keychain   authn.Keychain          // who we are for registries; nil: whom docker's configuration says
	muted      bool                    // nothing is said, because programs read standard error
	stdin      *stdin
	notes      []string // about flags, for the plan
	understood bool     // the command line; what goes wrong from then on is not the request's fault
}

// arguments are those of the command line; without any, what the host wants of a plugin.
func (a *app) arguments() []string {
	if len(a.Args) > 0 {
		return a.Args
	}
	var names []string
	for _, input := range slices.Concat(plan.BuildInputs(), plan.PublishInputs()) {
		names = append(names, input.Name)
	}
	if command := a.host.PluginCommand(names); command != "" {
		return []string{command}
	}
	return a.Args
}

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "multiarch-action",
		Short: "Build an image for many platforms, prove each of them, and only then move the tags",
		Long: `multiarch-action builds a container image for many platforms with BuildKit and QEMU, checks in every
platform's image that what it starts is a program of that architecture, pushes by digest, assembles the
index, reads it back, and only then moves the tags. A failed run moves no tag.`,
		Example: `  multiarch-action build --platform linux/amd64,linux/arm64 -t ghcr.io/owner/app:1.4 --push .
  multiarch-action build --platform linux/arm64 --test 'app --version' .`,
		Version:                    a.version(),
		SilenceErrors:              true,
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
		Args:                       noSuchCommand,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRun:           func(*cobra.Command, []string) { a.understood = true },
	}
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &usageError{command: cmd.CommandPath(), err: err}
	})
	root.AddCommand(
		a.buildCommand(), a.planCommand(), a.publishCommand(), a.promoteCommand(), a.setupCommand(), a.verifyCommand(), a.inspectCommand(),
		a.migrateCommand(), a.cleanupCommand(), helperCommand(), guardCommand(), a.inspectorCommand(),
	)
	return root
}

func (a *app) version() string {
	if a.Version != "" {
		return a.Version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// usageError is a command line that cannot be understood.
type usageError struct {
	command string
	err     error
}

// Error gives the cause.
func (e *usageError) Error() string { return e.err.Error() }

// Unwrap returns the cause.
func (e *usageError) Unwrap() error { return e.err }

// Hint names the page that helps.
func (e *usageError) Hint() string { return "see " + e.command + " --help" }

// noSuchCommand refuses what stands where a command should be.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("there is no command %q", args[0])
	if similar := cmd.SuggestionsFor(args[0]); len(similar) > 0 {
		text += "; did you mean " + strings.Join(similar, " or ") + "?"
	}
	return &usageError{command: cmd.CommandPath(), err: errors.New(text)}
}

// noArguments refuses all that is not a flag.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return &usageError{command: cmd.CommandPath(), err: fmt.Errorf("no argument is expected, and there is %q", args)}
}

func (a *app) exitCode(ctx context.Context, err error) int {
	var inputs plan.InputErrors
	var usage *usageError
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &inputs), errors.As(err, &usage), !a.understood:
		return ExitUsage
	case ctx.Err() != nil:
		return ExitCancelled
	case errors.Is(err, errRejected), errors.Is(err, errBad), errors.Is(err, errBadStyle):
		return ExitRejected
	}
	return ExitFailed
}

// explain prints an error: what is wrong, then, apart from it, what to do.
func (a *app) explain(err error) {
	var inputs plan.InputErrors
	if errors.As(err, &inputs) {
		for _, problem := range inputs {
			inTerms := a.host.InTerms(*problem, plan.BuildInputs())
			a.problem(inTerms.Error())
		}
		return
	}
	a.problem(err.Error(), explanationOf(err).Lines(err.Error())...)
}

// problem shows what ended the run, with what it means: on a host that shows problems as one of them, else on lines.
func (a *app) problem(text string, meaning ...report.Line) {
	lines := []string{text}
	for _, l := range meaning {
		lines = append(lines, l.Name+": "+l.Text)
	}
	if a.host.Ended(strings.Join(lines, "\n")) {
		return
	}
	lines[0] = "error: " + text
	for _, line := range lines {
		a.print("multiarch-action: %s\n", line)
	}
}

// results takes text for programs that read standard output. Archives and raw documents go there directly.
func (a *app) results() io.Writer {
	return a.host.Results(watched{a.Stdout, func() { a.unread = true }})
}

// log is where people read. When nobody does, the command ends.
func (a *app) log() io.Writer {
	return watched{a.Stderr, func() {
		if a.cancel != nil {
			a.cancel(errUnread)
		}
	}}
}

// print writes to people. What others wrote may be part of it, and must not act on the host.
func (a *app) print(format string, args ...any) {
	_, _ = io.WriteString(a.coloured(a.log()), ci.Harmless(fmt.Sprintf(format, args...))) // watched sees its error
}

// terminal returns stderr if a person sits in front of it.
func (a *app) terminal() (*os.File, bool) {
	file, ok := a.Stderr.(*os.File)
	return file, ok && isTerminal(file) && a.Getenv("TERM") != "dumb"
}

// coloured returns a writer for a report, in colours where they are shown or asked for (no-color.org, force-color.org).
func (a *app) coloured(w io.Writer) io.Writer {
	_, shown := a.terminal()
	if a.Getenv("NO_COLOR") == "" && (shown || a.host.ShowsColours() || a.Getenv("FORCE_COLOR") != "") {
		return report.Coloured(w)
	}
	return w
}

func isTerminal(file *os.File) bool { return term.IsTerminal(int(file.Fd())) }
