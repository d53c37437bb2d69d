// Command release makes everything that a release consists of, from a commit and nothing else: programs for all systems, their sums,
// a bill of materials, manual pages, and the commit that people pin the action by. The same commit and the same Go give the same bytes.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "release: error:", err)
		os.Exit(1)
	}
}

// A version as semver.org has it, with the v that Go and GitHub want.
var version = regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)

func run(ctx context.Context) error {
	r := release{source: "."}
	var targets string
	flag.StringVar(&r.version, "version", "", "version to release, for example v1.4.0")
	flag.StringVar(&r.folder, "out", "bin/release", "folder for the results; what is in it is replaced")
	flag.StringVar(&targets, "targets", strings.Join(allTargets, ","), "systems and architectures to build for")
	flag.Parse()
	if !version.MatchString(r.version) {
		return fmt.Errorf("--version %q is not a version; write it like v1.4.0 or v1.4.0-rc.1", r.version)
	}
	r.targets = strings.Split(targets, ",")
	folder, err := filepath.Abs(r.folder)
	if err != nil {
		return err
	}
	r.folder = folder
	return r.make(ctx)
}

// release is one release while it is made.
type release struct {
	version string
	source  string   // folder of the checkout
	folder  string   // of the results
	targets []string // such as linux/arm64

	commit string // that it is made from
	date   string // of that commit, in RFC 3339, UTC
	epoch  int64  // the same, in seconds since 1970
}

func (r *release) make(ctx context.Context) error {
	if err := os.RemoveAll(r.folder); err != nil {
		return err
	}
	if err := os.MkdirAll(r.programs(), 0o755); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{r.clone, r.build, r.describe, r.manual, r.sum, r.commitPrograms} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// programs is the folder of what people download.
func (r *release) programs() string { return filepath.Join(r.folder, "programs") }

// repository is a bare one, which holds the release commit.
func (r *release) repository() string { return filepath.Join(r.folder, "repository.git") }

// checkout holds the source as it is in the commit, whatever the developer's folder holds.
func (r *release) checkout() string { return filepath.Join(r.folder, "source") }
