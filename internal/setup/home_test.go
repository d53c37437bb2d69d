package setup

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func claim(t *testing.T, run string, keep bool) *Home {
	t.Helper()
	home, err := Claim(run, keep)
	if err != nil {
		t.Fatal(err)
	}
	return home
}

// die frees the lock as the kernel does when a process is killed.
func (h *Home) die(t *testing.T) {
	t.Helper()
	if err := h.lock.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOnlyHomesOfEndedRunsAreAbandoned(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	living := claim(t, "aaaaaaaaaaaa", false)
	killed := claim(t, "bbbbbbbbbbbb", false)
	kept := claim(t, "cccccccccccc", true)
	killed.die(t)
	kept.die(t)
	if err := os.Mkdir(filepath.Join(os.TempDir(), "multiarch-action-of others"), 0o700); err != nil {
		t.Fatal(err)
	}

	first := abandonedHomes()
	if diff := cmp.Diff([]string{"bbbbbbbbbbbb", "cccccccccccc"}, slices.Sorted(maps.Keys(first))); diff != "" {
		t.Errorf("abandonedHomes() differs (-want +got):\n%s", diff)
	}
	if second := abandonedHomes(); len(second) != 0 {
		t.Errorf("two sweeps have the same folders: %v", second)
	}
	for _, home := range first {
		if err := home.Close(home.kept); err != nil {
			t.Error(err)
		}
	}
	for _, test := range []struct {
		home *Home
		want bool
	}{{living, true}, {killed, false}, {kept, true}} {
		if _, err := os.Stat(test.home.Folder()); (err == nil) != test.want {
			t.Errorf("%s is there: %t, want %t", test.home.Folder(), err == nil, test.want)
		}
	}
}

func TestClosedHomeIsGone(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	home := claim(t, "aaaaaaaaaaaa", false)
	for range 2 {
		if err := home.Close(false); err != nil {
			t.Error(err)
		}
	}
	left, err := os.ReadDir(os.TempDir())
	if err != nil || len(left) > 0 {
		t.Errorf("left in %s: %v, %v", os.TempDir(), left, err)
	}
}

func TestHomeNeedsAFolder(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "gone"))
	home, err := Claim("aaaaaaaaaaaa", false)
	if err == nil {
		t.Fatal("Claim() gives no error")
	}
	if got := home.Folder(); got != "" {
		t.Errorf("Folder() = %q, want none", got)
	}
	if err := home.Close(false); err != nil {
		t.Error(err)
	}
}
