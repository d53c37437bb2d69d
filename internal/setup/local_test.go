package setup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// programs is a folder with executables of these names.
func programs(t *testing.T, names ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLocalCommand(t *testing.T) {
	t.Parallel()
	both, daemon, kit := programs(t, "buildkitd", "rootlesskit"), programs(t, "buildkitd"), programs(t, "rootlesskit")
	for _, test := range []struct {
		name      string
		path      []string
		uid       int
		want      []string
		problem   string
		hintHolds string
	}{
		{name: "root", path: []string{both}, want: []string{both + "/buildkitd"}},
		{name: "another user", path: []string{"/nonexistent", both}, uid: 1000, want: []string{both + "/rootlesskit", both + "/buildkitd", "--oci-worker-no-process-sandbox"}},
		{name: "the first of two", path: []string{daemon, both}, want: []string{daemon + "/buildkitd"}},
		{name: "not installed", path: []string{kit, ""}, problem: "buildkitd is not in PATH", hintHolds: "install BuildKit (buildkitd and runc)"},
		{name: "no rootlesskit", path: []string{daemon}, uid: 1000, problem: "this user is not root, and rootlesskit is not in PATH", hintHolds: "install rootlesskit and uidmap"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := localCommand(test.path, test.uid)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("localCommand() differs (-want +got):\n%s", diff)
			}
			var local *LocalError
			if test.problem == "" && err == nil {
				return
			}
			if !errors.As(err, &local) || local.Err.Error() != test.problem || !strings.Contains(local.Hint(), test.hintHolds) {
				t.Errorf("localCommand() gives %v, want %q", err, test.problem)
			}
		})
	}
}

func TestLocalErrorHint(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ words, want string }{
		{"buildkitd: failed to find runc binary", "install runc beside buildkitd"},
		{"[rootlesskit:parent] error: exec: \"newuidmap\": executable file not found", "install uidmap"},
		{"buildkitd: mount: operation not permitted", "as root it must be privileged"},
		{"buildkitd: something else", "its last words say why"},
	} {
		e := &LocalError{Err: errors.New(test.words)}
		if !strings.Contains(e.Hint(), test.want) {
			t.Errorf("the hint for %q is %q, want %q in it", test.words, e.Hint(), test.want)
		}
	}
}

func TestLocalConfigNamesItsOwnCopies(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	config := LocalConfig{
		TOML:  []byte("ca = ['/etc/buildkit/certs/01-ca.pem', '/etc/buildkit/other.pem']\n"),
		Files: map[string][]byte{"certs/01-ca.pem": []byte("authority")},
	}
	if err := config.write(folder); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, name := range []string{"buildkitd.toml", "certs/01-ca.pem"} {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		got[name] = string(text)
	}
	want := map[string]string{
		"buildkitd.toml": "ca = ['" + folder + "/certs/01-ca.pem', '/etc/buildkit/other.pem']\n", "certs/01-ca.pem": "authority",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the files differ (-want +got):\n%s", diff)
	}
}

func TestLocalBuilderTakesNoFolderOfOthers(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	_, err := StartLocal(t.Context(), LocalConfig{Folder: folder, Path: []string{programs(t, "buildkitd", "rootlesskit")}})
	if err == nil || !strings.Contains(err.Error(), "creating: file exists") {
		t.Errorf("StartLocal() gives %v, want the folder refused", err)
	}
	if _, err := os.Stat(folder); err != nil {
		t.Errorf("the folder is gone: %v", err)
	}
}

func TestLocalBuilderSaysThatASocketsPathIsTooLong(t *testing.T) {
	t.Parallel()
	_, err := StartLocal(t.Context(), LocalConfig{Folder: "/" + strings.Repeat("x", maxSocketPath), Path: []string{programs(t, "buildkitd", "rootlesskit")}})
	var local *LocalError
	if !errors.As(err, &local) || !strings.Contains(local.Error(), "the path of its socket is too long: ") || local.Hint() != "set TMPDIR to a folder with a shorter path" {
		t.Errorf("StartLocal() gives %v", err)
	}
}

// A program that is no buildkitd: it ends at once, or it never answers, and does not want to end.
func TestLocalBuilderThatIsNoneIsEnded(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, script, want string }{
		{"it ends", "echo these are my words; exit 3", "it ended before it answered; its last words:\nthese are my words"},
		{"it hangs", "trap '' TERM; while :; do sleep 1; done", "waiting for it: enough; its last words:\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, script := range map[string]string{"buildkitd": test.script, "rootlesskit": `exec "$@"`} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("enough"))
			defer cancel()
			folder := filepath.Join(t.TempDir(), "buildkitd")
			_, err := StartLocal(ctx, LocalConfig{Folder: folder, Path: []string{dir}, Before: func(context.Context) error { return nil }})
			if err == nil || !strings.HasPrefix(err.Error(), "local builder: starting buildkitd: "+test.want) {
				t.Fatalf("StartLocal() gives %v, want %q", err, test.want)
			}
			if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the folder is still there: %v", err)
			}
			if left := processes(t, folder); len(left) > 0 {
				t.Errorf("processes are still there: %q", left)
			}
		})
	}
}

// processes are the command lines that hold a text.
func processes(t *testing.T, part string) []string {
	t.Helper()
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is well-formed
	var out []string
	for _, file := range files {
		if line, err := os.ReadFile(file); err == nil && strings.Contains(string(line), part) {
			out = append(out, string(line))
		}
	}
	return out
}

func TestLastLines(t *testing.T) {
	t.Parallel()
	var l lastLines
	for i := range 5000 {
		_, _ = fmt.Fprintf(&l, "line %d ö\n", i) // never fails
	}
	lines := strings.Split(l.String(), "\n")
	if len(lines) != tailLines || lines[len(lines)-1] != "line 4999 ö" {
		t.Errorf("String() ends with %q of %d lines, want the last %d", lines[len(lines)-1], len(lines), tailLines)
	}
	if len(l.text) > tailBytes {
		t.Errorf("%d bytes are kept, want %d at most", len(l.text), tailBytes)
	}
}
