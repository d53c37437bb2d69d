package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
)

// newRootCommand gives a fresh command tree, so that two calls of run share nothing.
func newRootCommand(getenv func(string) string, stdout, stderr io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:   "lab",
		Short: "Brings up a real engine, BuildKit, QEMU, registries and base images on one Linux machine",
		Long: `Brings up what the project is tried and tested against: a Docker Engine, the BuildKit
image, binfmt_misc and QEMU, two registries, and base images for eight platforms.

Where an engine runs already, it is used. Where Docker Hub is in reach, images are
pulled. Everything else is built from the Go module proxy and from Debian's packages
and kept in the git-ignored folder .lab at the repository's root.

Environment: DOCKER_HOST names another engine; LAB_HUB names another registry to pull
from (host:port), or is "off" to build everything here.`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.CompletionOptions.DisableDefaultCmd = true
	use := func(do func(context.Context, *lab, []string) error) func(*cobra.Command, []string) error {
		return func(cmd *cobra.Command, args []string) error {
			l, err := openLab(getenv, stdout, stderr)
			if err != nil {
				return err
			}
			return do(cmd.Context(), l, args)
		}
	}
	root.AddCommand(upCommand(use), downCommand(use), statusCommand(use), envCommand(use), toolCommand(use), packagesCommand(use))
	return root
}

// user turns a function over the lab into what cobra calls.
type user = func(func(context.Context, *lab, []string) error) func(*cobra.Command, []string) error

func upCommand(use user) *cobra.Command {
	return &cobra.Command{
		Use:   "up",
		Short: "Bring everything up; what is there already is found and kept",
		Long: `Brings everything up, with one line per step when it is done. Run it as often as you
like: what is there already is found and kept, and what was killed is started again.
It needs root only to install or start a Docker Engine, to mount binfmt_misc, and to
make the Debian base images where Docker Hub is out of reach.`,
		Args: cobra.NoArgs,
		RunE: use(func(ctx context.Context, l *lab, _ []string) error { return l.up(ctx) }),
	}
}

func downCommand(use user) *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "End what `lab up` started, and nothing else",
		Long: `Ends the registries and the engine that "lab up" started. A process is ended only when
its id, its start time and the machine's boot are those that were recorded. An engine
that ran before stays. Images, caches and the binfmt_misc mount stay too.`,
		Args: cobra.NoArgs,
		RunE: use(func(ctx context.Context, l *lab, _ []string) error { return l.down(ctx) }),
	}
}

func packagesCommand(use user) *cobra.Command {
	return &cobra.Command{
		Use:   "packages",
		Short: "Install what the tests need of the system: a C compiler, git, Node and the like",
		Long: `Installs the Debian packages of a C compiler, for Go's race detector, of git, of Node, for
the workflow that uses the action, of rsync, for pipelines of GitLab, and of xmllint, where
these programs are not there. Only installing needs root.`,
		Args: cobra.NoArgs,
		RunE: use(func(ctx context.Context, l *lab, _ []string) error {
			return l.ensurePackages(ctx, "for the tests", testPackages...)
		}),
	}
}

func statusCommand(use user) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Say what runs where, one line each",
		Args:  cobra.NoArgs,
		RunE:  use(func(ctx context.Context, l *lab, _ []string) error { return l.status(ctx) }),
	}
}

func envCommand(use user) *cobra.Command {
	return &cobra.Command{
		Use:   "env",
		Short: "Print KEY=value lines for tests and the Makefile",
		Long: `Prints KEY=value lines for tests and the Makefile: where the registries are, the
certificate, user and password of the second one, the BuildKit image, its
configuration file, the folder of the emulators, and the image that usually installs
emulators.`,
		Args: cobra.NoArgs,
		RunE: use(func(ctx context.Context, l *lab, _ []string) error { return l.env(ctx) }),
	}
}

func toolCommand(use user) *cobra.Command {
	return &cobra.Command{
		Use:       "tool NAME...",
		Short:     "Build the named tools if need be and print their paths",
		Long:      "Builds the named tools from the Go module proxy, or installs them by npm, in the versions\nthat lab/tools pins, and prints their absolute paths, one on a line.\n\nNames: " + toolNames(),
		Args:      cobra.MatchAll(cobra.MinimumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: toolNameList(),
		RunE:      use(func(ctx context.Context, l *lab, args []string) error { return l.printTools(ctx, args) }),
	}
}

// openLab finds the repository and gives a lab over it. It starts nothing.
func openLab(getenv func(string) string, stdout, stderr io.Writer) (*lab, error) {
	here, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("lab: finding the working directory: %w", err)
	}
	root, err := findRoot(here)
	if err != nil {
		return nil, err
	}
	return newLab(root, getenv, stdout, stderr), nil
}

// findRoot walks up from dir to the folder that holds both go.mod and lab/: a tool's own go.mod below lab/tools must
// not be taken for the repository's.
func findRoot(dir string) (string, error) {
	for at := dir; ; at = filepath.Dir(at) {
		if isFile(filepath.Join(at, "go.mod")) && isFile(filepath.Join(at, "lab", "buildkitd.toml")) {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", withHint(fmt.Errorf("lab: finding the repository from %q: no folder above holds go.mod and lab/", dir),
				"run it inside a checkout of the repository")
		}
	}
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// toolNameList gives the tools that a person may ask for by name.
func toolNameList() []string {
	names := make([]string, 0, len(tools))
	for _, t := range tools {
		names = append(names, t.name)
	}
	slices.Sort(names)
	return names
}
