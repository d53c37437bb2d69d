package setup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// here looks at the surroundings of this process. Docker and Podman leave a file in their containers.
func here() surroundings {
	s := surroundings{userNamespace: !initialUserNamespace(), wsl: strings.Contains(strings.ToLower(kernelRelease()), "microsoft")}
	for _, file := range []string{"/.dockerenv", "/run/.containerenv"} {
		if _, err := os.Stat(file); err == nil {
			s.container = true
		}
	}
	return s
}

// reachBinfmt sees to it that binfmt_misc is mounted and switched on and that handlers may be registered.
func reachBinfmt(root string) *obstacle {
	where := here()
	status, err := os.ReadFile(filepath.Join(root, "status"))
	if err != nil {
		if o := mountBinfmt(root, where); o != nil {
			return o
		}
		status, err = os.ReadFile(filepath.Join(root, "status"))
	}
	if err != nil {
		return &obstacle{fmt.Sprintf("binfmt_misc cannot be read in %s: %v", root, pathCause(err)), where.privilege()}
	}
	if strings.TrimSpace(string(status)) == "disabled" {
		return &obstacle{
			"all handlers are switched off on this machine",
			"switch them on: echo 1 | sudo tee " + filepath.Join(root, "status"),
		}
	}
	register, err := os.OpenFile(filepath.Join(root, "register"), os.O_WRONLY, 0)
	if err != nil {
		return registerOpenObstacle(where, pathCause(err))
	}
	_ = register.Close() // nothing was written
	return nil
}

// registerOpenObstacle explains why handlers may not be registered.
func registerOpenObstacle(where surroundings, err error) *obstacle {
	switch {
	case errors.Is(err, syscall.EROFS):
		where.container = true // nothing else mounts it so
		return &obstacle{"binfmt_misc is read-only in this container (read-only file system)", where.privilege()}
	case errors.Is(err, os.ErrPermission):
		return &obstacle{"only root may register an emulator (" + err.Error() + ")", where.privilege()}
	}
	return &obstacle{fmt.Sprintf("registering an emulator is not possible (%v)", err), where.privilege()}
}

// mountBinfmt mounts binfmt_misc for good. In a user namespace it does not: since Linux 6.7 that would hide the machine's
// handlers from everything in the namespace, for ever, behind an empty list.
func mountBinfmt(root string, where surroundings) *obstacle {
	if where.userNamespace {
		return &obstacle{
			fmt.Sprintf("binfmt_misc is not mounted on %s, and this process is in a user namespace (a rootless container), which cannot change the machine's list", root),
			where.privilege(),
		}
	}
	err := syscall.Mount("binfmt_misc", root, "binfmt_misc", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, "")
	// Busy: another process was faster.
	if err == nil || errors.Is(err, syscall.EBUSY) {
		return nil
	}
	return mountObstacle(root, where, err)
}

func mountObstacle(root string, where surroundings, err error) *obstacle {
	problem := fmt.Sprintf("binfmt_misc is not mounted on %s and mounting it gave: %v", root, err)
	switch {
	case errors.Is(err, os.ErrPermission):
		return &obstacle{problem, where.privilege()}
	case errors.Is(err, syscall.ENODEV), errors.Is(err, syscall.ENOENT):
		return &obstacle{problem + " (this kernel has no binfmt_misc, or has not loaded it)", where.module()}
	}
	return &obstacle{problem, where.mount(root)}
}

// initialUserNamespace reports whether this process is in the machine's first user namespace, which maps all ids to
// themselves (user_namespaces(7)). Kernels without user namespaces have no such file.
func initialUserNamespace() bool {
	text, err := os.ReadFile("/proc/self/uid_map")
	if errors.Is(err, os.ErrNotExist) {
		return true
	}
	fields := strings.Fields(string(text))
	return err == nil && len(fields) == 3 && fields[0] == "0" && fields[1] == "0" && fields[2] == "4294967295"
}

// registerEntry registers a handler with one write, as the kernel demands.
func registerEntry(root string, entry binfmtEntry) *obstacle {
	register, err := os.OpenFile(filepath.Join(root, "register"), os.O_WRONLY, 0)
	if err != nil {
		return registerOpenObstacle(here(), pathCause(err))
	}
	_, err = register.WriteString(entry.line())
	if err = errors.Join(err, register.Close()); err != nil {
		return registerObstacle(entry, pathCause(err))
	}
	return nil
}

// registerObstacle explains the kernel's answers to a line (bm_register_write of fs/binfmt_misc.c).
func registerObstacle(entry binfmtEntry, err error) *obstacle {
	problem := fmt.Sprintf("registering %s gave: %v", entry.interpreter, err)
	switch {
	case errors.Is(err, syscall.EINVAL):
		line := entry.line()
		return &obstacle{
			fmt.Sprintf("%s, for the line %s of %d bytes", problem, line, len(line)),
			"use Linux 4.8 or newer, which knows the flag F, and a shorter path",
		}
	case errors.Is(err, syscall.EEXIST):
		return &obstacle{problem + ", because the name " + entry.name + " is taken", "give every run an id of its own"}
	case errors.Is(err, syscall.ENOENT):
		return &obstacle{problem, "see that nothing removes the emulator while it is registered"}
	case errors.Is(err, os.ErrPermission):
		return &obstacle{problem, "make it executable (chmod 0755) and keep it on a file system that is not mounted noexec"}
	case errors.Is(err, syscall.ETXTBSY):
		return &obstacle{problem, "see that nothing writes to the emulator while it is registered"}
	}
	return &obstacle{problem, "see what the kernel says of it: sudo dmesg"}
}

// handlerFlags are the flags to register with and how the kernel shows them. F holds the emulator open, so that
// containers can use it; C, which implies O, gives programs such as sudo their rights; P keeps argv[0], without which
// multi-call programs such as busybox fail.
func handlerFlags(release string) (write, shown string) {
	var major, minor int
	// Since Linux 5.12 QEMU is told of P (AT_FLAGS_PRESERVE_ARGV0). Without that it takes argv[0] for the first argument.
	if n, _ := fmt.Sscanf(release, "%d.%d", &major, &minor); n == 2 && (major < 5 || major == 5 && minor < 12) {
		return "CF", "OCF"
	}
	return "PCF", "POCF"
}

// kernelRelease is the release of the running kernel, for example "6.18.44", or "" if that is not known.
func kernelRelease() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
