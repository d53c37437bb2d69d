package ci

import (
	"cmp"
	"context"
	"net/url"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/org/multiarch-action/internal/plan"
)

// checkout is a folder that may be part of a Git checkout. It is asked through the git program: that honours worktrees, submodules and the
// user's configuration as go-git does not, costs no megabyte, and where it is not installed there is hardly a checkout.
type checkout struct{ dir string }

// event is what a build of the checkout is for: the tag that its commit has, or else its branch.
func (c checkout) event(ctx context.Context) plan.Event {
	e := plan.Event{SHA: c.git(ctx, "rev-parse", "--verify", "--quiet", "HEAD")}
	if e.SHA == "" {
		return plan.Event{}
	}
	branch := c.git(ctx, "symbolic-ref", "--quiet", "--short", "HEAD")
	tag := c.git(ctx, "describe", "--exact-match", "--tags", "HEAD")
	e.Name, e.Ref = "push", branchRef(branch)
	if branch == "" || tag != "" {
		e.Ref = tagRef(tag)
	}
	_, e.DefaultBranch, _ = strings.Cut(c.git(ctx, "symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD"), "/")
	e.CommitTime = c.commitTime(ctx, e.SHA)
	e.Repository = repositoryAt(c.git(ctx, "remote", "get-url", "origin"))
	e.Repository.Name = cmp.Or(e.Repository.Name, path.Base(strings.ReplaceAll(c.git(ctx, "rev-parse", "--show-toplevel"), `\`, "/")))
	e.Modified = c.git(ctx, "status", "--porcelain", "--untracked-files=no") != ""
	return e
}

// modified reports whether files at the paths are not what the commit holds: changed, new, or ignored as a whole. What cannot be told, such as
// of a path that is elsewhere, is not in the commit.
func (c checkout) modified(ctx context.Context, paths, written []string) bool {
	args := append([]string{"status", "--porcelain", "--"}, paths...)
	top := c.git(ctx, "rev-parse", "--show-toplevel")
	for _, path := range written {
		if within, err := filepath.Rel(top, path); err == nil && filepath.IsLocal(within) { // git refuses others
			args = append(args, ":(exclude,literal)"+path)
		}
	}
	changes, err := c.run(ctx, args...)
	if err != nil || changes != "" {
		return true
	}
	return slices.ContainsFunc(paths, func(path string) bool {
		_, problem := c.run(ctx, "check-ignore", "--quiet", "--", path)
		return problem == nil
	})
}

// commitTime is when a commit was made; zero, if the checkout does not know.
func (c checkout) commitTime(ctx context.Context, sha string) time.Time {
	seconds, err := strconv.ParseInt(c.git(ctx, "show", "--no-patch", "--format=%ct", sha, "--"), 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

// git returns the one line that a command prints, or nothing where it fails: then there is no answer.
func (c checkout) git(ctx context.Context, args ...string) string {
	out, _ := c.run(ctx, args...)
	line, _, _ := strings.Cut(out, "\n")
	return line
}

// run returns what a command prints; nothing with an error.
func (c checkout) run(ctx context.Context, args ...string) (string, error) {
	// Without the option status would refresh the index, which is the user's.
	out, err := exec.CommandContext(ctx, "git", append([]string{"--no-optional-locks", "-C", c.dir}, args...)...).Output()
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(out)), nil
}

// repositoryAt is the repository behind a remote's address, https://host/owner/app.git or git@host:owner/app.git. An address can carry a
// password, which does not come along.
func repositoryAt(address string) plan.Repository {
	if host, path, found := strings.Cut(address, ":"); found && !strings.Contains(address, "://") {
		address = "ssh://" + host + "/" + path
	}
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return plan.Repository{}
	}
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), ".git")
	host := u.Host
	if u.Scheme != "http" && u.Scheme != "https" {
		host = u.Hostname() // the port is that of ssh
	}
	scheme := "https"
	if u.Scheme == "http" {
		scheme = "http"
	}
	return plan.Repository{Name: path.Base(u.Path), URL: scheme + "://" + host + "/" + strings.TrimPrefix(u.Path, "/")}
}
