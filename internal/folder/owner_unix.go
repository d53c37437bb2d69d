//go:build unix

package folder

import (
	"fmt"
	"io/fs"
	"syscall"
)

func owner(info fs.FileInfo) (uid, gid int, err error) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, fmt.Errorf("%s: the system does not tell its owner", info.Name())
	}
	return int(stat.Uid), int(stat.Gid), nil
}
