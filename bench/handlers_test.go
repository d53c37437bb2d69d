package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The texts are those that Linux 6.18 shows for Debian's handlers.
func TestHandlersFindsThoseThatWouldServeTheMeasuredPlatforms(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for name, text := range map[string]string{
		"status":           "enabled\n",
		"register":         "",
		"qemu-aarch64":     "enabled\ninterpreter /usr/bin/qemu-aarch64\nflags: POCF\noffset 0\nmagic 7f454c460201010000000000000000000200b700\nmask ffffffffffffff00fffffffffffffffffeffffff\n",
		"multiarch-1-s390": "enabled\ninterpreter /x\nflags: \noffset 0\nmagic 7f454c4602020100000000000000000000020016\n",
		"qemu-mips64el":    "enabled\ninterpreter /x\nflags: \noffset 0\nmagic 7f454c4602010100000000000000000002000800\n",
		"python3.11":       "enabled\ninterpreter /usr/bin/python3.11\nflags: \noffset 0\nmagic a70d0d0a\n",
		"jar":              "enabled\ninterpreter /usr/bin/jexec\nflags: \nextension .jar\n",
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := handlers(root)
	if err != nil {
		t.Fatal(err)
	}
	want := []handler{{"multiarch-1-s390", "s390x"}, {"qemu-aarch64", "arm64"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(handler{})); diff != "" {
		t.Errorf("handlers() (-want +got):\n%s", diff)
	}
}

func TestHandlersWithoutBinfmtMisc(t *testing.T) {
	t.Parallel()
	got, err := handlers(filepath.Join(t.TempDir(), "nothing"))
	if err != nil || got != nil {
		t.Errorf("handlers() = %v, %v, want none", got, err)
	}
}

func TestRefusalNamesTheCommands(t *testing.T) {
	t.Parallel()
	got := refusal(
		[]handler{{"multiarch-kept-arm", "arm"}, {"multiarch-kept-arm64", "arm64"}, {"qemu-s390x", "s390x"}},
		map[string]string{"multiarch-kept-arm": "kept", "multiarch-kept-arm64": "kept"},
	)
	want := `emulators are registered that would make the figures wrong; remove them, or measure builds with them by -allow-handlers:
  bin/multiarch-action cleanup --run kept    # multiarch-kept-arm, multiarch-kept-arm64
  echo -1 | sudo tee /proc/sys/fs/binfmt_misc/qemu-s390x    # qemu-s390x`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("refusal() (-want +got):\n%s", diff)
	}
}
