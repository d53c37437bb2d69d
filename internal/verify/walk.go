package verify

import "context"

// Walker is Files that can also list everything, for checks that look at every file.
type Walker interface {
	Files
	// Walk calls visit for every file below root in lexical order of their paths, folders before what they hold; a link is not followed. visit may return fs.SkipDir.
	Walk(ctx context.Context, root string, visit func(path string, file File) error) error
}
