package ci_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/org/multiarch-action/internal/ci"
)

// A checkout is modified where what is built is not what the commit holds.
func TestSourcesThatAreNotInTheCommit(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		write   []string // files that are written after the commit
		paths   []string // besides the context
		written []string
		env     map[string]string
		want    bool
	}{
		"nothing changed":              {},
		"a file is changed":            {write: []string{"app/a.c"}, want: true},
		"a file is new":                {write: []string{"app/new.c"}, want: true},
		"a file elsewhere is changed":  {write: []string{"README"}},
		"which is the Dockerfile":      {write: []string{"README"}, paths: []string{"README"}, want: true},
		"a file is ignored":            {write: []string{"app/a.o"}},
		"a context is ignored":         {write: []string{"dist/app"}, paths: []string{"dist"}, want: true},
		"a context is outside":         {paths: []string{".."}, want: true},
		"what the run writes":          {write: []string{"app/out.tar", "app/out/index.json"}, written: []string{"app/out.tar", "app/out", "../elsewhere"}},
		"the host tells of its commit": {write: []string{"app/a.c"}, env: map[string]string{"JENKINS_URL": "x", "GIT_COMMIT": commit}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "checkout")
			write := func(text string, names ...string) {
				for _, name := range names {
					path := filepath.Join(dir, name)
					if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			write("*.o\ndist\n", "app/a.c", "README", ".gitignore")
			for _, args := range [][]string{{"init", "--quiet"}, {"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "--message", "a"}} {
				if out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir}, args...)...).CombinedOutput(); err != nil {
					t.Fatalf("git %v: %v\n%s", args, err, out)
				}
			}
			write("changed\n", test.write...)
			in := func(names []string) []string {
				var out []string
				for _, name := range names {
					out = append(out, filepath.Join(dir, name))
				}
				return out
			}
			host := ci.Detect(func(name string) string { return test.env[name] }, io.Discard)
			got, err := host.Source(t.Context(), in(append([]string{"app"}, test.paths...)), in(test.written))
			if err != nil {
				t.Fatal(err)
			}
			if got.SHA == "" || got.Modified != test.want {
				t.Errorf("the commit is %q, and Modified %t, want %t", got.SHA, got.Modified, test.want)
			}
			// For tags and labels all files count that Git knows, and no others.
			changed := test.env == nil && (slices.Contains(test.write, "app/a.c") || slices.Contains(test.write, "README"))
			if got, err = host.Event(t.Context(), dir); err != nil || got.Modified != changed {
				t.Errorf("of the event Modified is %t (%v), want %t", got.Modified, err, changed)
			}
		})
	}
}
