package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// clone makes the bare repository and the checkout of the commit, and reads the commit's time, which is the release's.
func (r *release) clone(ctx context.Context) error {
	out, err := git(ctx, r.source, nil, "log", "-1", "--format=%H %ct")
	if err != nil {
		return err
	}
	commit, seconds, _ := strings.Cut(out, " ")
	r.commit = commit
	if r.epoch, err = strconv.ParseInt(seconds, 10, 64); err != nil {
		return err
	}
	r.date = time.Unix(r.epoch, 0).UTC().Format(time.RFC3339)
	source, err := filepath.Abs(r.source)
	if err != nil {
		return err
	}
	for _, step := range []struct {
		folder    string
		arguments []string
	}{
		{r.folder, []string{"init", "--quiet", "--bare", r.repository()}},
		{r.repository(), []string{"fetch", "--quiet", source, "HEAD"}}, // and no branch, whatever they are called
		{r.repository(), []string{"worktree", "add", "--quiet", "--detach", r.checkout(), commit}},
	} {
		if _, err := git(ctx, step.folder, nil, step.arguments...); err != nil {
			return err
		}
	}
	fmt.Printf("release: source      %s of %s\n", commit[:12], r.date)
	return nil
}

// commitPrograms makes the commit that people pin: the source and, in dist, the programs for runners with their sums. Its parent is
// the source's commit, its time that one's, and it lives on a branch of its own, which the version's tag names.
func (r *release) commitPrograms(ctx context.Context) error {
	index := []string{"GIT_INDEX_FILE=" + filepath.Join(r.folder, "index")}
	if _, err := git(ctx, r.repository(), index, "read-tree", r.commit); err != nil {
		return err
	}
	var names []string
	for _, target := range r.targets {
		if slices.Contains(actionTargets, target) {
			names = append(names, programOf(target))
		}
	}
	sums := filepath.Join(r.folder, sumsFile)
	if err := r.writeSums(sums, names); err != nil {
		return err
	}
	files := map[string]string{sumsFile: sums}
	for _, name := range names {
		files[name] = filepath.Join(r.programs(), name)
	}
	for name, file := range files {
		mode := "100755"
		if name == sumsFile {
			mode = "100644"
		}
		blob, err := git(ctx, r.repository(), nil, "hash-object", "-w", "--no-filters", file)
		if err != nil {
			return err
		}
		if _, err := git(ctx, r.repository(), index, "update-index", "--add", "--cacheinfo", mode+","+blob+",dist/"+name); err != nil {
			return err
		}
	}
	tree, err := git(ctx, r.repository(), index, "write-tree")
	if err != nil {
		return err
	}
	return r.tag(ctx, tree)
}

func (r *release) tag(ctx context.Context, tree string) error {
	who := []string{"NAME=multiarch-action", "EMAIL=multiarch-action@users.noreply.github.com", "DATE=" + r.date}
	var environment []string
	for _, variable := range who {
		environment = append(environment, "GIT_AUTHOR_"+variable, "GIT_COMMITTER_"+variable)
	}
	commit, err := git(ctx, r.repository(), environment, "commit-tree", tree, "-p", r.commit, "-m", "Release "+r.version)
	if err != nil {
		return err
	}
	for _, arguments := range [][]string{{"branch", "--force", "release/" + r.version, commit}, {"tag", "--force", r.version, commit}} {
		if _, err := git(ctx, r.repository(), environment, arguments...); err != nil {
			return err
		}
	}
	fmt.Printf("release: commit      %s on branch release/%s, tag %s\n", commit, r.version, r.version)
	return nil
}

// git runs one command of Git and returns its words without the last line end.
func git(ctx context.Context, folder string, environment []string, arguments ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", arguments...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), environment...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(arguments, " "), err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
}
