package setup

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFindEmulator(t *testing.T) {
	t.Parallel()
	host, _ := architectureOf("amd64")
	guest, _ := architectureOf("arm64")
	foreign, _ := architectureOf("s390x")
	static, dynamic := string(host.program(1)), host.program(1)
	dynamic[64] = 3 // p_type of the only program header: PT_INTERP
	for _, test := range []struct {
		name    string
		files   map[string]string // path below the folder; a name that ends in "!" is not executable
		search  []string
		want    string
		skipped []string
	}{
		{"nothing there", nil, []string{"a", "b"}, "", nil},
		{"the static name is first", map[string]string{"a/qemu-aarch64": static, "a/qemu-aarch64-static": static}, []string{"a"}, "a/qemu-aarch64-static", nil},
		{"the first folder wins", map[string]string{"a/qemu-aarch64": static, "b/qemu-aarch64-static": static}, []string{"a", "b"}, "a/qemu-aarch64", nil},
		{
			"unusable ones are skipped",
			map[string]string{
				"a/qemu-aarch64": string(dynamic), "b/qemu-aarch64": string(foreign.program(1)), "c/qemu-aarch64": "#!/bin/sh\n",
				"d/qemu-aarch64!": static, "e/qemu-aarch64/x": "", "f:g/qemu-aarch64": static, "h/qemu-aarch64": static,
			},
			[]string{"a", "b", "c", "d", "e", "f:g", "h"},
			"h/qemu-aarch64",
			[]string{
				"a/qemu-aarch64: it is dynamically linked, so it would not run in containers",
				"b/qemu-aarch64: it is not a program for amd64",
				"c/qemu-aarch64: it is not an ELF program",
				"d/qemu-aarch64: it is not executable",
				"e/qemu-aarch64: it is not a regular file",
				"f:g/qemu-aarch64: its path has a colon or a line break in it, which a handler cannot name",
			},
		},
		{"a folder counts once", map[string]string{"a/qemu-aarch64": "x"}, []string{"a", "a/", "a/."}, "", []string{"a/qemu-aarch64: it is not an ELF program"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			writeFiles(t, folder, test.files)
			var search []string
			for _, s := range test.search {
				search = append(search, folder+"/"+s)
			}
			got, skipped := findEmulator(search, guest, host)
			for i := range skipped {
				skipped[i] = strings.TrimPrefix(skipped[i], folder+"/")
			}
			if diff := cmp.Diff(test.want, strings.TrimPrefix(got, folder+"/")); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.skipped, skipped); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func writeFiles(t *testing.T, folder string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		name, plain := strings.CutSuffix(name, "!")
		mode := os.FileMode(0o755)
		if plain {
			mode = 0o644
		}
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		syscall.ForkLock.RLock() // as prober.write does: tests execute these files
		err := os.WriteFile(path, []byte(content), mode)
		syscall.ForkLock.RUnlock()
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestFindEmulatorIgnoresRelativeFolders(t *testing.T) {
	host, _ := architectureOf("amd64")
	guest, _ := architectureOf("arm64")
	t.Chdir(t.TempDir())
	writeFiles(t, ".", map[string]string{"qemu-aarch64": string(host.program(1))})
	if got, skipped := findEmulator([]string{"", "."}, guest, host); got != "" || skipped != nil {
		t.Errorf("got %q, %q, want nothing", got, skipped)
	}
}

func TestNoEmulatorText(t *testing.T) {
	t.Parallel()
	guest, _ := architectureOf("arm64")
	got := noEmulator(guest, []string{"/usr/local/bin", "/usr/bin"}, []string{"/usr/bin/qemu-aarch64: it is dynamically linked, so it would not run in containers"})
	want := &obstacle{
		"no emulator qemu-aarch64-static or qemu-aarch64 is in /usr/local/bin, /usr/bin " +
			"(/usr/bin/qemu-aarch64: it is dynamically linked, so it would not run in containers)",
		"install QEMU's static emulators: the package qemu-user-static of Debian 12 and Ubuntu 24.04, qemu-user of Debian 13; " +
			"or put a static qemu-aarch64 into one of these folders",
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(obstacle{})); diff != "" {
		t.Error(diff)
	}
}
