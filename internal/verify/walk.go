package verify

import (
	"context"
	"io/fs"
)

// Walker is Files that can also list everything, for checks that look at every file.
type Walker interface {
	Files
	// Walk calls visit for every file below root in lexical order of their paths, folders before what they hold; a link is not followed.
	// Before it takes the trouble to describe a file, it asks skip, by path and type, whether it need not; what a folder holds is then
	// left out, too. Of what is no regular file, visit may be told the type only.
	Walk(ctx context.Context, root string, skip func(path string, kind fs.FileMode) bool, visit func(path string, file File) error) error
}
