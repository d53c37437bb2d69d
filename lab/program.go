package main

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
)

// programKey gives the cache key of a program of the lab's own images, by its folder below lab.
func (l *lab) programKey(folder string) (string, error) {
	source, err := filesText(filepath.Join(l.root, "lab", folder, "main.go"))
	return cacheKey(folder, "1", source, runtime.Version(), runtime.GOARCH), err
}

// program gives the path of such a program, building it if it isn't in the cache.
func (l *lab) program(ctx context.Context, folder string) (string, error) {
	key, err := l.programKey(folder)
	if err != nil {
		return "", err
	}
	dir, _, err := l.cached(ctx, key, func(ctx context.Context, dir string) error {
		cmd := child(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", filepath.Join(dir, folder), "./lab/"+folder)
		cmd.Dir = l.root
		cmd.Env = append(cmd.Env, "CGO_ENABLED=0")
		if err := quiet(cmd); err != nil {
			return fmt.Errorf("building lab/%s: %w", folder, err)
		}
		return nil
	})
	return filepath.Join(dir, folder), err
}
