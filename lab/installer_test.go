//go:build e2e

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestTheInstallerInTheEngineRegistersEmulators starts it as people do. It takes an architecture that no other test has a use for.
func TestTheInstallerInTheEngineRegistersEmulators(t *testing.T) { //nolint:paralleltest // other tests kill the engine
	bring(t, thisLab(t))
	const handler = "qemu-loongarch64"
	status := filepath.Join(binfmtDir, handler)
	if _, err := os.Stat(status); err == nil {
		t.Fatalf("%s is registered already; remove it by: echo -1 | sudo tee %s", handler, status)
	}
	t.Cleanup(func() { _ = os.WriteFile(status, []byte("-1"), 0) }) // mostly gone by then
	if emulators := runInstaller(t, "--install", "loong64"); !slices.Contains(emulators, handler) {
		t.Errorf("after --install it reports %v, want %s among them", emulators, handler)
	}
	text, err := os.ReadFile(status)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"enabled\n", "interpreter /usr/bin/qemu-loongarch64\n", "flags: POCF\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the handler is\n%swant in it %q", text, want)
		}
	}
	if emulators := runInstaller(t, "--uninstall", handler); slices.Contains(emulators, handler) {
		t.Errorf("after --uninstall it reports %v", emulators)
	}
	if _, err := os.Stat(status); err == nil {
		t.Errorf("%s is still registered", handler)
	}
}

// runInstaller gives the handlers that it reports.
func runInstaller(t *testing.T, args ...string) []string {
	t.Helper()
	text, err := output(child(t.Context(), "docker", append([]string{"run", "--rm", "--privileged", installerName}, args...)...))
	if err != nil {
		t.Fatal(err)
	}
	var report struct{ Supported, Emulators []string }
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		t.Fatal(err)
	}
	if host, err := hostArch(); err != nil || !slices.Contains(report.Supported, host.platform) {
		t.Errorf("it reports that this machine runs %v (%v), want %s among them", report.Supported, err, host.platform)
	}
	return report.Emulators
}
