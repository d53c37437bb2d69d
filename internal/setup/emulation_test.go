package setup

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/plan"
)

func parsePlatforms(t testing.TB, texts ...string) []plan.Platform {
	t.Helper()
	var list []plan.Platform
	for _, text := range texts {
		p, err := plan.ParsePlatform(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}

func TestEmulateRefusesRunsThatCannotBeInNames(t *testing.T) {
	t.Parallel()
	for _, run := range []string{"", "a/b", "a:b", "a b", "a\n"} {
		_, err := Emulate(t.Context(), EmulationConfig{Run: run}, nil)
		if err == nil {
			t.Errorf("%q: got no error", run)
		}
	}
	_, err := Unregister(EmulationConfig{Run: "a:b"})
	want := `emulation: naming handlers after run "a:b": use 1 to 100 letters, digits, dots, dashes and underscores`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestEmulateNothing(t *testing.T) {
	t.Parallel()
	got, err := Emulate(t.Context(), EmulationConfig{Run: "7"}, nil)
	if got != nil || err != nil {
		t.Errorf("got %v, %v, want nothing", got, err)
	}
}

func TestWantedArchitectures(t *testing.T) {
	t.Parallel()
	var got []string
	for _, e := range wantedArchitectures(parsePlatforms(t, "linux/arm/v6", "linux/arm64", "linux/arm/v7", "windows/arm64", "linux/arm64/v8")) {
		line := e.OS + " " + e.Architecture + ":"
		for _, p := range e.Platforms {
			line += " " + p.String()
		}
		got = append(got, line)
	}
	want := []string{"linux arm: linux/arm/v6 linux/arm/v7", "linux arm64: linux/arm64", "windows arm64: windows/arm64"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLeftoversAreOursOnly(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, name := range []string{"status", "register", "qemu-arm", "multiarch-7-arm", "multiarch-7-s390x", "multiarch-7-8-arm", "multiarch-x"} {
		if err := os.WriteFile(filepath.Join(root, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Leftovers(EmulationConfig{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	want := []Leftover{{"multiarch-7-8-arm", "7-8", "arm"}, {"multiarch-7-arm", "7", "arm"}, {"multiarch-7-s390x", "7", "s390x"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestUnregisterGoesOnAfterAnError(t *testing.T) {
	t.Parallel()
	root := t.TempDir() // not binfmt_misc: nothing goes away here
	for _, name := range []string{"multiarch-7-arm", "multiarch-7-s390x", "multiarch-8-arm"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte("before"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	removed, err := Unregister(EmulationConfig{Run: "7", Root: root})
	want := "multiarch-7-arm: removing the handler: it is still listed in " + root + "\n" +
		"multiarch-7-s390x: removing the handler: it is still listed in " + root
	if removed != nil || err == nil || err.Error() != want {
		t.Errorf("got %q, %v, want nothing, %s", removed, err, want)
	}
	if other, err := os.ReadFile(filepath.Join(root, "multiarch-8-arm")); err != nil || string(other) != "before" {
		t.Errorf("the handler of another run: got %q, %v, want it untouched", other, err)
	}
}

func TestNoLeftoversWhereNothingIsMounted(t *testing.T) {
	t.Parallel()
	config := EmulationConfig{Run: "7", Root: filepath.Join(t.TempDir(), "absent")}
	if got, err := Leftovers(config); got != nil || err != nil {
		t.Errorf("got %v, %v, want nothing", got, err)
	}
	if got, err := Unregister(config); got != nil || err != nil {
		t.Errorf("got %v, %v, want nothing", got, err)
	}
}
