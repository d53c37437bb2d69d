package verify

import (
	"context"
	"slices"
	"strings"

	"github.com/org/multiarch-action/internal/plan"
)

// programs checks what the image starts.
func (r *run) programs(ctx context.Context) error {
	_, known := platformMachines[r.platform.Architecture()]
	if r.platform.OS() != "linux" || !known {
		r.report(command{}, plan.Finding{
			Check: checkProgramUnchecked,
			Found: "an image for " + r.platform.String(),
			Why:   "only the programs of Linux images are checked, so nothing is known about these",
		})
		return nil
	}
	if err := r.loadUser(ctx); err != nil {
		return err
	}
	if err := r.settings(ctx); err != nil {
		return err
	}
	if len(r.entrypoint()) == 0 && len(r.config.Cmd) == 0 {
		r.report(command{}, plan.Finding{
			Check: checkProgramNone,
			Found: "neither ENTRYPOINT nor CMD",
			Why:   "the image has nothing to start, so no program was checked",
		})
		return nil
	}
	return r.entry(ctx)
}

// entry follows what the image starts, and what its Cmd names if the way there could not be seen: an entrypoint that
// is not a shell script may still start it.
func (r *run) entry(ctx context.Context) error {
	c := command{
		argv: slices.Concat(r.entrypoint(), r.config.Cmd),
		env:  environment(r.config.Env),
		dir:  below("/", r.config.WorkingDir),
	}
	if c.argv[0] == "" {
		r.report(c, plan.Finding{
			Check: checkProgramMissing, Path: configPath, Expected: "the name of a program", Found: "an empty word as the first of ENTRYPOINT or CMD",
			Why: `a container ends with "executable file not found in $PATH", exit code 127`, Fix: "write the program's path there",
		})
		return nil
	}
	if err := r.start(ctx, c); err != nil {
		return err
	}
	if len(r.entrypoint()) == 0 || len(r.config.Cmd) == 0 {
		return nil
	}
	c.argv, c.sure, c.by = r.config.Cmd, guessed, byProgram
	return r.startOnce(ctx, c)
}

// entrypoint is the config's. One that is a single empty word is none: so it is written where a base image's is to be undone, and Docker
// takes it for that (moby daemon/create.go, mergeAndVerifyConfig).
func (r *run) entrypoint() []string {
	if e := r.config.Entrypoint; len(e) != 1 || e[0] != "" {
		return e
	}
	return nil
}

// environment reads the variables of a config. Of two with one name the last counts, as in runc.
func environment(list []string) map[string]string {
	env := map[string]string{"PATH": runtimePath}
	for _, entry := range list {
		if name, value, ok := strings.Cut(entry, "="); ok {
			env[name] = value
		}
	}
	return env
}
