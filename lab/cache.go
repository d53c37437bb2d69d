package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// cacheKey names a cache entry: what it is, its version, and a hash over everything else that decides its content.
// The parts are length-prefixed, so that two lists of parts never hash alike by being cut differently.
func cacheKey(name, version string, parts ...string) string {
	var all strings.Builder
	for _, part := range append([]string{name, version}, parts...) {
		fmt.Fprintf(&all, "%d:%s", len(part), part)
	}
	hash := sha256.Sum256([]byte(all.String()))
	return strings.ReplaceAll(name, "/", "-") + "-" + version + "-" + hex.EncodeToString(hash[:])[:12]
}

// cached gives the folder of a cache entry and whether it had to be made. An entry is made in a folder of its own and
// then renamed, so an interrupted lab never leaves one that looks finished.
func (l *lab) cached(ctx context.Context, key string, make func(ctx context.Context, dir string) error) (string, bool, error) {
	dir := l.state("cache", key)
	if _, err := os.Stat(dir); err == nil {
		return dir, false, nil
	}
	if err := os.MkdirAll(l.state("cache"), 0o755); err != nil {
		return "", false, fmt.Errorf("cache: making its folder: %w", err)
	}
	unfinished, err := os.MkdirTemp(l.state("cache"), unfinishedPrefix)
	if err != nil {
		return "", false, fmt.Errorf("cache: making %s: %w", key, err)
	}
	defer func() { _ = os.RemoveAll(unfinished) }() // what stays behind is swept by the next lab
	if err := os.Chmod(unfinished, 0o755); err != nil {
		return "", false, fmt.Errorf("cache: making %s: %w", key, err)
	}
	if err := make(ctx, unfinished); err != nil {
		return "", false, err
	}
	if err := os.Rename(unfinished, dir); err != nil {
		return "", false, fmt.Errorf("cache: finishing %s: %w", key, err)
	}
	return dir, true, nil
}

// unfinishedPrefix begins the name of every cache entry in the making.
const unfinishedPrefix = "unfinished-"

// sweepCache removes what an interrupted lab left in the making. Only for who holds the lock.
func (l *lab) sweepCache() error {
	left, err := filepath.Glob(l.state("cache", unfinishedPrefix+"*"))
	if err != nil {
		return fmt.Errorf("cache: looking for unfinished entries: %w", err)
	}
	for _, dir := range left {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("cache: removing what an interrupted lab left: %w", err)
		}
	}
	return nil
}

// filesText gives the content of files, each after its name, as one part of a cache key.
func filesText(paths ...string) (string, error) {
	var b strings.Builder
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("cache: reading what decides a key: %w", err)
		}
		fmt.Fprintf(&b, "%s %d\n%s", filepath.Base(path), len(content), content)
	}
	return b.String(), nil
}
