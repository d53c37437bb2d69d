package setup

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/org/multiarch-action/internal/golden"
)

// Every text that the kernel's refusals give, in every place where this may run. The refusals are those of Linux 6.18.
func TestObstacleTexts(t *testing.T) {
	t.Parallel()
	entry := binfmtEntry{name: "multiarch-7-arm64", interpreter: "/opt/qemu", flags: "PCF", magic: []byte{0x7f}, mask: []byte{0xff}}
	var text strings.Builder
	tell := func(what string, o *obstacle) {
		fmt.Fprintf(&text, "%s\n  problem: %s\n  cure:    %s\n", what, o.problem, o.hint)
		if o.problem == "" || o.hint == "" {
			t.Errorf("%s: got %+v, want a problem and its cure", what, o)
		}
	}
	for _, place := range []struct {
		name  string
		where surroundings
	}{
		{"on a machine", surroundings{}},
		{"in a job's container", surroundings{container: true}},
		{"in a rootless container", surroundings{userNamespace: true, container: true}},
		{"in WSL", surroundings{wsl: true}},
	} {
		fmt.Fprintf(&text, "# %s\n", place.name)
		for _, err := range []syscall.Errno{syscall.EROFS, syscall.EACCES, syscall.EIO} {
			tell("opening: "+err.Error(), registerOpenObstacle(place.where, err))
		}
		for _, err := range []syscall.Errno{syscall.EPERM, syscall.ENODEV, syscall.ENOENT, syscall.EIO} {
			tell("mounting: "+err.Error(), mountObstacle("/bm", place.where, err))
		}
	}
	tell("in a rootless container that does not show the list", mountBinfmt("/bm", surroundings{userNamespace: true}))
	for _, err := range []syscall.Errno{syscall.EINVAL, syscall.EEXIST, syscall.ENOENT, syscall.EACCES, syscall.ETXTBSY, syscall.EIO} {
		tell("registering: "+err.Error(), registerObstacle(entry, err))
	}
	golden.Check(t, "obstacles", text.String())
}

func TestHandlerFlags(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ release, write, shown string }{
		{"6.18.44-fc", "PCF", "POCF"},
		{"5.12.0", "PCF", "POCF"},
		{"5.11.22-generic", "CF", "OCF"},
		{"4.19.0-27-amd64", "CF", "OCF"},
		{"", "PCF", "POCF"},
	} {
		write, shown := handlerFlags(test.release)
		if write != test.write || shown != test.shown {
			t.Errorf("%s: got %s, %s, want %s, %s", test.release, write, shown, test.write, test.shown)
		}
	}
	if !strings.Contains(kernelRelease(), ".") {
		t.Errorf("release of this kernel: got %q", kernelRelease())
	}
}
