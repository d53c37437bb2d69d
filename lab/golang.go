package main

import (
	"compress/gzip"
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1"
)

// golangImage is the lab's Debian with this machine's Go: for stages that run on the build platform.
func (l *lab) golangImage() baseImage {
	platforms, _ := platformsOf(isHost)
	parts := strings.SplitN(goVersion(), ".", 3)
	image := baseImage{name: "library/golang", tags: []string{"latest", parts[0], strings.Join(parts[:2], ".")}, platforms: platforms}
	image.recipe = golangRecipe() + " " + debianRecipe
	image.make = func(ctx context.Context) (v1.ImageIndex, error) {
		host, err := hostArch()
		if err != nil {
			return nil, err
		}
		debian, err := l.memos.debian[host.debian](ctx)
		if err != nil {
			return nil, err
		}
		golang, err := l.memos.golang(ctx)
		if err != nil {
			return nil, err
		}
		one, err := layeredImage(platforms[0], v1.Config{
			Env: []string{
				"PATH=/go/bin:/usr/local/go/bin:" + strings.TrimPrefix(searchPath, "PATH="),
				"GOPATH=/go", "GOTOOLCHAIN=local", "GOLANG_VERSION=" + goVersion(),
			},
			Cmd: []string{"bash"}, WorkingDir: "/go",
		}, debian, golang)
		return indexOf(one), err
	}
	return image
}

func goVersion() string { return strings.TrimPrefix(runtime.Version(), "go") }

// golangRecipe names everything that decides what the Go layer holds.
func golangRecipe() string { return "golang 1 " + goVersion() }

// golangLayer packs this machine's Go.
func (l *lab) golangLayer(ctx context.Context) (string, error) {
	dir, _, err := l.cached(ctx, cacheKey("golang-layer", goVersion(), golangRecipe()), func(ctx context.Context, dir string) error {
		return l.log.step(ctx, "golang layer", func(ctx context.Context) (string, error) {
			root, err := output(child(ctx, "go", "env", "GOROOT"))
			if err != nil {
				return "", fmt.Errorf("asking Go where it is: %w", err)
			}
			if root, err = filepath.EvalSymlinks(strings.TrimSpace(root)); err != nil {
				return "", fmt.Errorf("finding Go: %w", err)
			}
			entries, err := golangTree(root)
			if err != nil {
				return "", err
			}
			return "packed " + root, packLayer(filepath.Join(dir, "layer.tar.gz"), gzip.BestSpeed, entries)
		})
	})
	return filepath.Join(dir, "layer.tar.gz"), err
}

// golangTree gives Go without what only Go's own developers need. Whoever unpacked it here doesn't matter there.
func golangTree(root string) ([]entry, error) {
	leaveOut := []string{"test", "api", "doc", "misc"}
	entries, err := walkTree(root, "usr/local/go", func(name string) bool { return slices.Contains(leaveOut, name) })
	if err != nil {
		return nil, err
	}
	for i := range entries {
		entries[i].uid, entries[i].gid = 0, 0
	}
	entries = append(entries, dirEntry("usr/local/go", 0o755), dirEntry("go", 0o1777), dirEntry("go/bin", 0o1777), dirEntry("go/src", 0o1777))
	return append(entries, certificateEntries()...), nil
}
