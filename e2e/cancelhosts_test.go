//go:build e2e

package e2e

import (
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// onAct runs a workflow that uses the released action, in a repository of its own.
func onAct(h *hosts) func(*testing.T, *cell) io.Reader {
	return func(t *testing.T, c *cell) io.Reader {
		t.Helper()
		var env strings.Builder
		for _, name := range slices.Sorted(maps.Keys(c.environment())) {
			env.WriteString("          " + name + ": " + strconv.Quote(c.environment()[name]) + "\n")
		}
		file := c.file("workflow.yml")
		text := "on: push\njobs:\n  image:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: " + releasedAction + "\n        env:\n" + env.String()
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		repository := c.repository(t)
		return h.start(t, c, w.act, "push", "-W", file, "-C", repository, "-P", "ubuntu-latest=-self-hosted", "--no-cache-server",
			"--local-repository", releasedAction+"="+releasedFolder(t))
	}
}

// onGitLab runs a job with gitlab-ci-local.
func onGitLab(h *hosts) func(*testing.T, *cell) io.Reader {
	return func(t *testing.T, c *cell) io.Reader {
		t.Helper()
		repository := c.repository(t)
		text := "image:\n  script:\n    - " + w.program + " build\n"
		if err := os.WriteFile(filepath.Join(repository, ".gitlab-ci.yml"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		args := []string{"--force-shell-executor"}
		for name, value := range c.environment() {
			args = append(args, "--variable", name+"="+value)
		}
		return h.startIn(t, c, repository, w.gitlab, append(args, "image")...)
	}
}

// repository is a Git repository with a commit.
func (c *cell) repository(t *testing.T) string {
	t.Helper()
	dir := c.file("repository")
	must(t, "git", "init", "-q", dir)
	must(t, "git", "-C", dir, "-c", "user.name=test", "-c", "user.email=test@example.org", "commit", "-q", "--allow-empty", "-m", "nothing")
	return dir
}

// interrupted is Ctrl-C for the runner alone, which waits for it.
func (h *hosts) interrupted(t *testing.T, c *cell) {
	t.Helper()
	one := h.of(c)
	if err := one.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Error(err)
	}
	<-one.ended
}
