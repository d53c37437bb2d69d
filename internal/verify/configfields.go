package verify

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
)

// clockSkew is how far in the future a config may have been made.
const clockSkew = 24 * time.Hour

// Config checks a config as it was published: its platform, and whether it fits the layers of its manifest. layers is
// their number, or negative where the manifest was not read; where names the config in findings. It does not fit a
// config that is still in the builder, which gets its layers when it is exported.
func Config(p plan.Platform, config ocispec.Image, layers int, where string) []plan.Finding {
	list := findingList{platform: p.String(), where: where}
	list.rootfs(config, layers)
	list.history(config, layers)
	list.created(config.Created, time.Now())
	list.secrets(config)
	return append(checkConfig(p, config.Platform, where), list.findings...)
}

// findingList collects findings about one thing.
type findingList struct {
	platform, where string
	findings        []plan.Finding
}

func (l *findingList) add(f plan.Finding) {
	f.Severity, f.Platform, f.Path = severityOf(f.Check), l.platform, l.where
	l.findings = append(l.findings, f)
}

func (l *findingList) rootfs(config ocispec.Image, layers int) {
	if t := config.RootFS.Type; t != "" && t != "layers" {
		l.add(plan.Finding{
			Check: checkConfigRootfs, Expected: "rootfs of the type layers", Found: "the type " + shown(t),
			Why: "container engines must refuse every other type", Fix: fixConfig,
		})
	}
	if diffs := len(config.RootFS.DiffIDs); layers >= 0 && diffs != layers {
		l.add(plan.Finding{
			Check: checkConfigDiffIDs, Expected: fmt.Sprintf("a diff id for each of %s", count(layers, "layer")), Found: count(diffs, "diff id"),
			Why: "container engines refuse to unpack the image: \"mismatched image rootfs and manifest layers\"", Fix: fixConfig,
		})
	}
}

const fixConfig = "make the image anew, with a tool that writes config and manifest together"

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// history is optional, so that none at all is fine.
func (l *findingList) history(config ocispec.Image, layers int) {
	if len(config.History) == 0 || layers < 0 {
		return
	}
	filled := 0
	for _, h := range config.History {
		if !h.EmptyLayer {
			filled++
		}
	}
	if filled == layers {
		return
	}
	l.add(plan.Finding{
		Check: checkConfigHistory, Expected: fmt.Sprintf("history of %s", count(layers, "layer")), Found: fmt.Sprintf("history of %d", filled),
		Why: "tools that show which step made which layer show wrong ones, and some refuse the image", Fix: fixConfig,
	})
}

// created may be missing, and reproducible builds set it to the beginning of time.
func (l *findingList) created(at *time.Time, now time.Time) {
	if at == nil || !at.After(now.Add(clockSkew)) {
		return
	}
	l.add(plan.Finding{
		Check: checkConfigCreated, Expected: "a time in the past", Found: at.UTC().Format(time.RFC3339),
		Why: "tools that keep the newest images, or delete the oldest, decide wrongly", Fix: "set the clock of the build machine, or SOURCE_DATE_EPOCH",
	})
}

// credential are texts by which their issuers mark credentials, so that they are found where they leak.
var credential = regexp.MustCompile(`\b(gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,}|glpat-[A-Za-z0-9_-]{20}|AKIA[0-9A-Z]{16}|xox[abprs]-[A-Za-z0-9-]{20,}|npm_[A-Za-z0-9]{36}|dckr_pat_[A-Za-z0-9_-]{20,})\b|-----BEGIN [A-Z ]*PRIVATE KEY-----`)

// secrets looks for credentials that everybody can read who can pull the image. They are not shown.
func (l *findingList) secrets(config ocispec.Image) {
	var where []string
	for _, entry := range config.Config.Env {
		if name, value, _ := strings.Cut(entry, "="); credential.MatchString(value) {
			where = append(where, "the variable "+shown(name))
		}
	}
	for i, h := range config.History {
		if credential.MatchString(h.CreatedBy) {
			where = append(where, fmt.Sprintf("step %d of the history", i+1))
		}
	}
	if len(where) == 0 {
		return
	}
	l.add(plan.Finding{
		Check: checkConfigSecret, Expected: "no credentials", Found: "what looks like one in " + strings.Join(where, ", "),
		Why: "everybody who can pull the image can read it", Fix: "revoke it; give it to the build with RUN --mount=type=secret, and to the program when it is started",
	})
}

// settings checks what of a config matters when the image is started, beside its program.
func (r *run) settings(ctx context.Context) error {
	for _, entry := range r.config.Env {
		if name, value, ok := strings.Cut(entry, "="); !ok || name == "" || name == "PATH" && value == "" {
			r.report(command{}, plan.Finding{
				Check: checkConfigEnv, Path: configPath, Expected: "variables as NAME=value, and PATH not empty", Found: shown(name),
				Why: "container engines leave it out, or refuse to start the image", Fix: "correct the line with ENV, or the tool that made the config",
			})
		}
	}
	return r.workdir(ctx)
}

// workdir looks at the folder in which the image starts. Runtimes make one that is missing.
func (r *run) workdir(ctx context.Context) error {
	dir := r.config.WorkingDir
	if dir == "" || dir == "/" {
		return nil
	}
	f := plan.Finding{
		Check: checkConfigWorkdir, Path: configPath, Expected: "a folder that the image's user may enter",
		Why: "no container can be started in it", Fix: "correct WORKDIR, or RUN chmod before the line with USER",
	}
	at, err := r.tree.resolve(ctx, below("/", dir))
	var absent *lookupError
	switch {
	case errors.As(err, &absent):
		return nil
	case err != nil:
		return err
	case !at.file.Mode.IsDir():
		f.Found = fmt.Sprintf("WORKDIR %s, which is %s", shown(dir), describeMode(at.file))
		r.report(command{}, f)
		return nil
	}
	at.path = path.Join(at.path, "x") // what is asked is whether everything above this may be entered
	at.file = File{Mode: 0o777}
	what, err := r.forbidden(ctx, at, 1)
	if what != "" {
		f.Found = fmt.Sprintf("WORKDIR %s, and for USER %s %s", shown(dir), shown(r.config.User), what)
		r.report(command{}, f)
	}
	return err
}

func describeMode(f File) string {
	if f.Mode.IsRegular() {
		return "a file"
	}
	return fileKind(f.Mode)
}
