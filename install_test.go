//go:build unix

package main_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// The program of a release is a script here; what is tested is which one is taken, and when none is.
func TestInstallTakesOnlyWhatTheSumsName(t *testing.T) {
	t.Parallel()
	program := "#!/bin/sh\necho multiarch-action version v1.4.0\n"
	name := "multiarch-action-" + runtime.GOOS + "-" + runtime.GOARCH
	sums := fmt.Sprintf("%x  other-%s\n%x  %s\n", sha256.Sum256(nil), name, sha256.Sum256([]byte(program)), name)
	for _, test := range []struct {
		name, version string
		files         map[string]string
		want          string // of what is printed; with "error" nothing is installed
	}{
		{"a version", "v1.4.0", map[string]string{"/download/v1.4.0/SHA256SUMS": sums, "/download/v1.4.0/" + name: program}, "installed multiarch-action version v1.4.0 as "},
		{"the latest", "", map[string]string{"/latest/download/SHA256SUMS": sums, "/latest/download/" + name: program}, "installed multiarch-action version v1.4.0 as "},
		{"another program", "v1.4.0", map[string]string{"/download/v1.4.0/SHA256SUMS": sums, "/download/v1.4.0/" + name: program + "\n"}, "error: %s/download/v1.4.0/" + name + " is not the program that was released: its SHA-256 is "},
		{"no sum", "v1.4.0", map[string]string{"/download/v1.4.0/SHA256SUMS": "", "/download/v1.4.0/" + name: program}, "error: %s/download/v1.4.0/SHA256SUMS does not name " + name},
		{"no release", "v9.9.9", nil, "error: downloading %s/download/v9.9.9/SHA256SUMS"},
		{"no version", "1.4", nil, `error: "1.4" is not a version; write it like v1.4.0`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if content, ok := test.files[r.URL.Path]; ok {
					_, _ = w.Write([]byte(content))
					return
				}
				http.NotFound(w, r)
			}))
			t.Cleanup(server.Close)
			folder := filepath.Join(t.TempDir(), "bin")
			cmd := exec.CommandContext(t.Context(), "./install.sh", strings.Fields(test.version)...)
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "MULTIARCH_FROM=" + server.URL, "MULTIARCH_BIN=" + folder}
			out, err := cmd.CombinedOutput()
			want := strings.ReplaceAll(test.want, "%s", server.URL)
			if !strings.Contains(string(out), want) {
				t.Errorf("got %q, want %q", out, want)
			}
			_, missing := os.Stat(filepath.Join(folder, "multiarch-action"))
			if failed := strings.HasPrefix(want, "error"); failed != (err != nil) || failed != (missing != nil) {
				t.Errorf("got %v and a program that is there: %t", err, missing == nil)
			}
		})
	}
}
