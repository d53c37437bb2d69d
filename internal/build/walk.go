package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	fstypes "github.com/tonistiigi/fsutil/types"
)

// maxDepth bounds how deep folders are followed: the length of a path in Linux allows no more that is of use.
const maxDepth = 512

// Walk calls visit for every file below a folder, folders before what they hold, in the order of their names. A link is
// not followed; visit may return fs.SkipDir. The builder lists a folder at a time.
func (f *Files) Walk(ctx context.Context, folder string, visit func(name string, stat *fstypes.Stat) error) error {
	return f.walk(ctx, path.Clean("/"+folder), 0, visit)
}

func (f *Files) walk(ctx context.Context, folder string, depth int, visit func(string, *fstypes.Stat) error) error {
	if depth > maxDepth {
		return fmt.Errorf("builder: folder %q of the image is nested deeper than %d", folder, maxDepth)
	}
	entries, err := f.list(ctx, folder)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		full, stat := path.Join(folder, name), entries[name]
		err := visit(full, stat)
		switch {
		case errors.Is(err, fs.SkipDir):
			continue
		case err != nil:
			return err
		case fs.FileMode(stat.Mode).IsDir():
			if err := f.walk(ctx, full, depth+1, visit); err != nil {
				return err
			}
		}
	}
	return nil
}
