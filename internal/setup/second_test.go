package setup

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOthersHaveAnotherContent(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	crashed, twin, another, anotherTwin := write("crashed", "a"), write("twin", "a"), write("another", "b"), write("anotherTwin", "b")
	gone := filepath.Join(folder, "gone")
	for _, test := range []struct {
		name, crashed string
		paths, want   []string
	}{
		{"the crashed one and its copies", crashed, []string{crashed, twin}, nil},
		{"another, once", crashed, []string{twin, another, anotherTwin}, []string{another}},
		{"what is not there", crashed, []string{gone, folder}, nil},
		{"the crashed one is gone", gone, []string{gone, crashed, another}, []string{crashed, another}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, others(test.crashed, test.paths)); diff != "" {
				t.Errorf("others() differs (-want +got):\n%s", diff)
			}
		})
	}
}
