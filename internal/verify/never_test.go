package verify

import (
	"io/fs"
	"testing"
)

func TestWhatIsNeverNative(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"/usr/lib/python3/dist-packages/a.py": true, "/app/node_modules/a/index.d.ts": true, "/usr/share/a.tar.gz": true, "/etc/ld.so.conf": true,
		"/usr/bin/app": false, "/usr/bin/python3.11": false, "/usr/sbin/mkfs.ext4": false, "/usr/lib/liba.so": false, "/usr/lib/liba.so.1.2": false,
		"/usr/lib/a.node": false, "/app/My.Service": false, "/app/my.service": false, "/app/.py": false, "/app.d/py": false, "/app/a.": false,
		"/lib/modules/a.ko": false, "/app/a.exe": false, "/app/a.PY": false, "/py": false,
	} {
		if got := isNever(name, 0); got != want {
			t.Errorf("the file %s: %v, want %v", name, got, want)
		}
	}
	for name, want := range map[string]bool{"/proc": true, "/sys": true, "/dev": true, "/app/proc": false, "/a.py": false} {
		if got := isNever(name, fs.ModeDir); got != want {
			t.Errorf("the folder %s: %v, want %v", name, got, want)
		}
	}
	for _, kind := range []fs.FileMode{fs.ModeSymlink, fs.ModeNamedPipe, fs.ModeDevice} {
		if !isNever("/usr/bin/app", kind) {
			t.Errorf("what is %v runs", kind)
		}
	}
}
