//go:build unix

package setup

import (
	"os"
	"syscall"
)

// ownFolder reports whether nobody but this process's user and root can write to a folder.
func ownFolder(folder string) bool {
	info, err := os.Stat(folder)
	if err != nil || !info.IsDir() || info.Mode().Perm()&0o022 != 0 {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
