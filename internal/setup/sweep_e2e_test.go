//go:build e2e && linux

package setup

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// newRun is the id of a run that nobody else has.
func newRun() string {
	raw := make([]byte, 6)
	_, _ = rand.Read(raw) // never fails
	return hex.EncodeToString(raw)
}

// registerHarmless registers a handler of a run for programs that do not exist.
func registerHarmless(t *testing.T, run string) (path string) {
	t.Helper()
	entry := binfmtEntry{name: handlerName(run, "loong64"), interpreter: "/bin/true", magic: []byte("no program " + run)}
	if err := os.WriteFile(filepath.Join(binfmtRoot, "register"), []byte(entry.line()), 0o200); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := removeEntry(binfmtRoot, entry.name); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(binfmtRoot, entry.name)
}

func TestSweepRemovesHandlersOfEndedRunsOnly(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	engine, err := Connect(t.Context(), os.Getenv, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = engine.Close() }()
	if o := reachBinfmt(binfmtRoot); o != nil {
		t.Fatalf("binfmt_misc is needed: %s; %s", o.problem, o.hint)
	}
	ended, kept, living, unknown := newRun(), newRun(), newRun(), newRun()
	claim(t, ended, false).die(t)
	claim(t, kept, true).die(t)
	alive := claim(t, living, false)
	handlers := map[string]string{}
	for _, run := range []string{ended, kept, living, unknown} {
		handlers[run] = registerHarmless(t, run)
	}

	lines, err := Sweep(t.Context(), engine, EmulationConfig{Run: living})
	if err != nil {
		t.Error(err)
	}
	text := strings.Join(lines, "\n")
	for _, want := range []string{
		"run " + ended + ": handler multiarch-" + ended + "-loong64, folder " + homeOf(ended),
		"run " + kept + ": handler multiarch-" + kept + "-loong64",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("Sweep() says\n%s\nwithout %q", text, want)
		}
	}
	for run, want := range map[string]bool{ended: false, kept: false, living: true, unknown: true} {
		if _, err := os.Stat(handlers[run]); (err == nil) != want {
			t.Errorf("the handler of %s is there: %t, want %t", run, err == nil, want)
		}
	}
	if _, err := os.Stat(homeOf(kept)); err != nil {
		t.Errorf("the folder of a kept builder is gone: %v", err)
	}
	if err := alive.Close(false); err != nil {
		t.Error(err)
	}
}

func TestSweepThatCannotLookKeepsTheFolders(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	engine, err := Connect(t.Context(), os.Getenv, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = engine.Close() }()
	ended := claim(t, newRun(), false)
	ended.die(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if lines, err := Sweep(ctx, engine, EmulationConfig{Run: "none"}); err == nil || len(lines) > 0 {
		t.Errorf("Sweep() = %q, %v, want an error alone", lines, err)
	}
	if _, err := os.Stat(ended.Folder()); err != nil {
		t.Errorf("the next sweep does not know of the run: %v", err)
	}
}
