package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// debian is a line of Debian's package qemu-user 1:10.0.13.
const debian = `:qemu-aarch64:M::\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/libexec/qemu-binfmt/aarch64-binfmt-P:OPF` + "\n"

// newInstaller has folders that look like the image's and the kernel's.
func newInstaller(t *testing.T, handlers map[string]string) (i installer, stderr *bytes.Buffer) {
	t.Helper()
	stderr = &bytes.Buffer{}
	i = installer{binfmt: t.TempDir(), formats: t.TempDir(), bin: "/usr/bin", flags: "CFP", stderr: stderr}
	write(t, filepath.Join(i.formats, "qemu-aarch64.conf"), debian)
	write(t, filepath.Join(i.binfmt, "register"), "")
	write(t, filepath.Join(i.binfmt, "status"), "enabled\n")
	for name, text := range handlers {
		write(t, filepath.Join(i.binfmt, name), text)
	}
	return i, stderr
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestInstallRegistersTheImagesEmulator(t *testing.T) {
	t.Parallel()
	i, stderr := newInstaller(t, nil)
	if err := i.run([]string{"linux/arm64", "vax", "s390x"}, nil, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	want := strings.NewReplacer("/usr/libexec/qemu-binfmt/aarch64-binfmt-P", "/usr/bin/qemu-aarch64", "OPF\n", "CFP").Replace(debian)
	if diff := cmp.Diff(want, read(t, filepath.Join(i.binfmt, "register"))); diff != "" {
		t.Errorf("registered (-want +got):\n%s", diff)
	}
	wantSaid := "installing: linux/arm64 OK\n" + `installing: vax unsupported architecture "vax"` + "\n" +
		"installing: s390x open " + i.formats + "/qemu-s390x.conf: no such file or directory\n"
	if diff := cmp.Diff(wantSaid, stderr.String()); diff != "" {
		t.Errorf("said (-want +got):\n%s", diff)
	}
}

func TestUninstallRemovesWhatItNames(t *testing.T) {
	t.Parallel()
	tests := []struct {
		what    string
		removed []string
		said    string
	}{
		{"arm64", []string{"qemu-aarch64"}, "uninstalling: arm64 OK\n"},
		{"qemu-*", []string{"qemu-aarch64", "qemu-arm"}, "uninstalling: qemu-* OK\n"},
		{"mine", []string{"mine"}, "uninstalling: mine OK\n"},
		{"s390x", nil, "uninstalling: s390x not found\n"},
	}
	for _, tt := range tests {
		t.Run(tt.what, func(t *testing.T) {
			t.Parallel()
			handlers := map[string]string{"qemu-aarch64": "enabled\n", "qemu-arm": "enabled\n", "mine": "enabled\n"}
			i, stderr := newInstaller(t, handlers)
			if err := i.run(nil, []string{tt.what}, &bytes.Buffer{}); err != nil {
				t.Fatal(err)
			}
			var removed []string
			for _, name := range []string{"mine", "qemu-aarch64", "qemu-arm"} {
				if strings.HasPrefix(read(t, filepath.Join(i.binfmt, name)), "-1") { // the kernel would remove it
					removed = append(removed, name)
				}
			}
			if diff := cmp.Diff(tt.removed, removed); diff != "" {
				t.Errorf("removed (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.said, stderr.String()); diff != "" {
				t.Errorf("said (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOnlyHandlersThatAreOnAreReported(t *testing.T) {
	t.Parallel()
	i, _ := newInstaller(t, map[string]string{"qemu-aarch64": "enabled\ninterpreter /usr/bin/qemu-aarch64\n", "off": "disabled\n"})
	got, err := i.handlers()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"qemu-aarch64"}, got); diff != "" {
		t.Errorf("handlers (-want +got):\n%s", diff)
	}
}
