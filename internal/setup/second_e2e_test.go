//go:build e2e && linux

package setup

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestASecondEmulatorIsAskedFirst(t *testing.T) {
	config := newTestConfig(t)
	first := emulateOne(t, config, "linux/mips")
	if first.Way != WayRegistered {
		t.Fatalf("the first emulator: %+v", first)
	}
	real, err := os.ReadFile(first.Emulator)
	if err != nil {
		t.Fatal(err)
	}
	host, _ := architectureOf(runtime.GOARCH)
	folder := t.TempDir()
	writeFiles(t, folder, map[string]string{
		"twin": string(real), "broken": string(host.program(1)), "text": "not a program", "other": string(real) + "one byte more is another file",
	})
	var candidates []string
	for _, name := range []string{"gone", "twin", "text", "broken"} {
		candidates = append(candidates, filepath.Join(folder, name))
	}

	got, err := Second(t.Context(), config, first, candidates)
	if err != nil {
		t.Fatal(err)
	}
	if got.Way != WayMissing || !strings.Contains(got.Problem, "broken was registered and removed again") || !strings.Contains(got.Problem, "text: it is not an ELF program") || strings.Contains(got.Problem, "twin") {
		t.Errorf("without another emulator that works: %+v", got)
	}
	if diff := cmp.Diff([]string{first.Handler}, ownEntries(t, config)); diff != "" {
		t.Errorf("handlers (-want +got):\n%s", diff)
	}

	other := filepath.Join(folder, "other")
	if got, err = Second(t.Context(), config, first, append(candidates, other)); err != nil {
		t.Fatal(err)
	}
	want := first
	want.Handler, want.Emulator = first.Handler+secondSuffix, other
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the second emulator (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{first.Handler, want.Handler}, ownEntries(t, config)); diff != "" {
		t.Errorf("handlers (-want +got):\n%s", diff)
	}
}
