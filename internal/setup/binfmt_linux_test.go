package setup

import (
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every text that the kernel's refusals give. The refusals are those of Linux 6.18.
func TestObstacleTexts(t *testing.T) {
	t.Parallel()
	entry := binfmtEntry{name: "multiarch-7-arm64", interpreter: "/opt/qemu", flags: "PCF", magic: []byte{0x7f}, mask: []byte{0xff}}
	const privilege = "run this as root (sudo), or in a container started with --privileged and without a user namespace"
	for _, test := range []struct {
		name string
		got  *obstacle
		want obstacle
	}{
		{"opening: read-only", registerOpenObstacle(syscall.EROFS), obstacle{
			"binfmt_misc is read-only in this container (read-only file system)", "start the container with --privileged",
		}},
		{"opening: not root", registerOpenObstacle(syscall.EACCES), obstacle{
			"only root may register an emulator (permission denied)", privilege,
		}},
		{"opening: anything else", registerOpenObstacle(syscall.EIO), obstacle{
			"registering an emulator is not possible (input/output error)", privilege,
		}},
		{"mounting: not root", mountObstacle("/bm", syscall.EPERM), obstacle{
			"binfmt_misc is not mounted on /bm and mounting it gave: operation not permitted", privilege,
		}},
		{"mounting: no module", mountObstacle("/bm", syscall.ENODEV), obstacle{
			"binfmt_misc is not mounted on /bm and mounting it gave: no such device",
			"load the kernel module on the machine itself: sudo modprobe binfmt_misc",
		}},
		{"mounting: no folder", mountObstacle("/bm", syscall.ENOENT), obstacle{
			"binfmt_misc is not mounted on /bm and mounting it gave: no such file or directory",
			"load the kernel module on the machine itself: sudo modprobe binfmt_misc",
		}},
		{"mounting: anything else", mountObstacle("/bm", syscall.EIO), obstacle{
			"binfmt_misc is not mounted on /bm and mounting it gave: input/output error",
			"mount it: sudo mount -t binfmt_misc binfmt_misc /bm",
		}},
		{"registering: refused", registerObstacle(entry, syscall.EINVAL), obstacle{
			`registering /opt/qemu gave: invalid argument, for the line :multiarch-7-arm64:M:0:\x7f:\xff:/opt/qemu:PCF of 46 bytes`,
			"use Linux 4.8 or newer, which knows the flag F, and a shorter path",
		}},
		{"registering: the name is taken", registerObstacle(entry, syscall.EEXIST), obstacle{
			"registering /opt/qemu gave: file exists, because the name multiarch-7-arm64 is taken",
			"give every run an id of its own",
		}},
		{"registering: the emulator is gone", registerObstacle(entry, syscall.ENOENT), obstacle{
			"registering /opt/qemu gave: no such file or directory", "see that nothing removes the emulator while it is registered",
		}},
		{"registering: the emulator may not be executed", registerObstacle(entry, syscall.EACCES), obstacle{
			"registering /opt/qemu gave: permission denied",
			"make it executable (chmod 0755) and keep it on a file system that is not mounted noexec",
		}},
		{"registering: the emulator is being written", registerObstacle(entry, syscall.ETXTBSY), obstacle{
			"registering /opt/qemu gave: text file busy", "see that nothing writes to the emulator while it is registered",
		}},
		{"registering: anything else", registerObstacle(entry, syscall.EIO), obstacle{"registering /opt/qemu gave: input/output error", ""}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(&test.want, test.got, cmp.AllowUnexported(obstacle{})); diff != "" {
				t.Error(diff)
			}
		})
	}
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
