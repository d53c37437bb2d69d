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
	guest, _ := architectureOf("mips")
	name, parent := guest.emulators()[0], t.TempDir()
	second := config
	second.SearchPath = []string{filepath.Join(parent, "gone")}
	for folder, content := range map[string]string{
		"twin": string(real), "broken": string(host.program(1)), "text": "not a program", "other": string(real) + "one byte more is another file",
	} {
		path := filepath.Join(parent, folder)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		writeFiles(t, path, map[string]string{name: content})
		if folder != "other" {
			second.SearchPath = append(second.SearchPath, path)
		}
	}

	got, err := Second(t.Context(), second, first)
	if err != nil {
		t.Fatal(err)
	}
	if got.Way != WayMissing || !strings.Contains(got.Problem, "broken/"+name+" was registered and removed again") || !strings.Contains(got.Problem, "text/"+name+": it is not an ELF program") || strings.Contains(got.Problem, "twin") {
		t.Errorf("without another emulator that works: %+v", got)
	}
	if diff := cmp.Diff([]string{first.Handler}, ownEntries(t, config)); diff != "" {
		t.Errorf("handlers (-want +got):\n%s", diff)
	}

	second.SearchPath = append(second.SearchPath, filepath.Join(parent, "other"))
	if got, err = Second(t.Context(), second, first); err != nil {
		t.Fatal(err)
	}
	want := first
	want.Handler, want.Emulator = first.Handler+secondSuffix, filepath.Join(parent, "other", name)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the second emulator (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{first.Handler, want.Handler}, ownEntries(t, config)); diff != "" {
		t.Errorf("handlers (-want +got):\n%s", diff)
	}
}
