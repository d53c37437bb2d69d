package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCacheKeysDifferWhereverAnythingDiffers(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for name, key := range map[string]string{
		"plain":                     cacheKey("runc", "v1", "flags", "sums"),
		"another name":              cacheKey("crun", "v1", "flags", "sums"),
		"another version":           cacheKey("runc", "v2", "flags", "sums"),
		"another part":              cacheKey("runc", "v1", "flags", "other sums"),
		"parts in another order":    cacheKey("runc", "v1", "sums", "flags"),
		"parts cut differently":     cacheKey("runc", "v1", "flagss", "ums"),
		"one part more, and empty":  cacheKey("runc", "v1", "flags", "sums", ""),
		"parts joined":              cacheKey("runc", "v1", "flagssums"),
		"parts joined with a colon": cacheKey("runc", "v1", "5:flags4:sums"),
	} {
		if other, twice := seen[key]; twice {
			t.Errorf("%q and %q have the same key %s", name, other, key)
		}
		seen[key] = name
	}
	if first, second := cacheKey("runc", "v1", "x"), cacheKey("runc", "v1", "x"); first != second || !strings.HasPrefix(first, "runc-v1-") {
		t.Errorf("got %s and %s, want the same key twice, beginning with name and version", first, second)
	}
}

func TestAnInterruptedMakingLeavesNothingThatLooksFinished(t *testing.T) {
	t.Parallel()
	l := testLab(t)
	interrupted := errors.New("interrupted")
	_, _, err := l.cached(t.Context(), "thing", func(_ context.Context, dir string) error {
		write(t, filepath.Join(dir, "half"), "x")
		return interrupted
	})
	if !errors.Is(err, interrupted) {
		t.Errorf("got error %v, want %v", err, interrupted)
	}
	if left, err := os.ReadDir(l.state("cache")); err != nil || len(left) != 0 {
		t.Errorf("got %v (%v) left in the cache, want nothing", left, err)
	}
}

func TestACachedThingIsMadeOnce(t *testing.T) {
	t.Parallel()
	l := testLab(t)
	for _, want := range []bool{true, false} {
		dir, made, err := l.cached(t.Context(), "thing", func(_ context.Context, dir string) error {
			write(t, filepath.Join(dir, "whole"), "x")
			return nil
		})
		if err != nil || made != want || !isFile(filepath.Join(dir, "whole")) {
			t.Errorf("got made %v (%v), want %v and the file", made, err, want)
		}
	}
}

func TestSweepRemovesOnlyWhatIsUnfinished(t *testing.T) {
	t.Parallel()
	l := testLab(t)
	write(t, l.state("cache", unfinishedPrefix+"1", "half"), "x")
	write(t, l.state("cache", "runc-v1-abc", "runc"), "x")
	if err := l.sweepCache(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(l.state("cache"))
	if err != nil || len(left) != 1 || left[0].Name() != "runc-v1-abc" {
		t.Errorf("got %v (%v), want only runc-v1-abc", left, err)
	}
}

func TestEveryToolHasAVersionInItsOwnModule(t *testing.T) {
	t.Parallel()
	for _, one := range tools {
		version, err := one.version(filepath.Join("tools", one.folder))
		if err != nil {
			t.Errorf("%s: %v", one.name, err)
		}
		if !strings.HasPrefix(version, "v") {
			t.Errorf("%s: got version %q", one.name, version)
		}
	}
}
