//go:build !unix

package folder

import (
	"fmt"
	"io/fs"
)

func owner(info fs.FileInfo) (uid, gid int, err error) {
	return 0, 0, fmt.Errorf("%s: owners of files are read on Unix only", info.Name())
}
