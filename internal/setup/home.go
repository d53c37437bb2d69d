package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

const (
	lockName = "lock" // in a run's folder: held as long as the run's process lives
	keptName = "kept" // in a run's folder: its builder stays when the run has ended
	// runPattern is as long as the id of a run.
	runPattern = "????????????"
)

// Home is a run's private folder for temporary files. Its lock tells other runs that this one lives: the kernel frees it when the
// process ends, however it ends.
type Home struct {
	folder string
	lock   *flock.Flock
	kept   bool // known of abandoned ones only
}

// Claim makes the folder of a run. If keep is set, sweeps leave it alone, because the socket of a builder that is to stay is in it.
func Claim(run string, keep bool) (*Home, error) {
	home := &Home{folder: homeOf(run)}
	// Under its own name it appears with its lock held, so that no other run can take it for abandoned.
	preparing := home.folder + ".new"
	err := os.Mkdir(preparing, 0o700)
	if err == nil && keep {
		err = os.WriteFile(filepath.Join(preparing, keptName), nil, 0o600)
	}
	if err == nil {
		home.lock = flock.New(filepath.Join(preparing, lockName))
		_, err = home.lock.TryLock() // nobody knows this file yet
	}
	if err == nil {
		err = os.Rename(preparing, home.folder)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("folder %s of the run: making it: %w", home.folder, err), os.RemoveAll(preparing))
	}
	return home, nil
}

// Close takes the folder away, unless it is to be kept, and then frees its lock. It may be called on nil, and more than once.
func (h *Home) Close(keep bool) error {
	if h == nil {
		return nil
	}
	var err error
	if !keep {
		err = removeFolder(h.folder)
	}
	return errors.Join(err, h.lock.Close())
}

// Folder returns its path; empty if there is none.
func (h *Home) Folder() string {
	if h == nil {
		return ""
	}
	return h.folder
}

func homeOf(run string) string {
	return filepath.Join(os.TempDir(), "multiarch-action-"+run)
}

func removeFolder(folder string) error {
	if err := os.RemoveAll(folder); err != nil {
		return fmt.Errorf("folder %s: removing: %w", folder, pathCause(err))
	}
	return nil
}

// RemoveHomes takes away the folders that a run has left, or, if run is empty, that all runs have left, and returns their paths.
func RemoveHomes(run string) ([]string, error) {
	if run == "" {
		run = runPattern
	}
	folders, err := filepath.Glob(homeOf(run))
	if err != nil {
		return nil, fmt.Errorf("folders of runs: looking for them: %w", err)
	}
	var removed []string
	var problems []error
	for _, folder := range folders {
		if err := removeFolder(folder); err != nil {
			problems = append(problems, err)
			continue
		}
		removed = append(removed, folder)
	}
	return removed, errors.Join(problems...)
}

// abandonedHomes returns, by run, the folders whose process has ended. Their locks are held, so that only one sweep has them; Close
// removes them. Folders of other users and those that cannot be looked at are left out.
func abandonedHomes() map[string]*Home {
	folders, _ := filepath.Glob(homeOf(runPattern)) // the pattern is well-formed
	abandoned := map[string]*Home{}
	for _, folder := range folders {
		// Without O_CREATE: a folder without this file is none of ours, or is going away just now.
		lock := flock.New(filepath.Join(folder, lockName), flock.SetFlag(os.O_RDONLY))
		if free, err := lock.TryLock(); err != nil || !free {
			continue
		}
		_, err := os.Lstat(filepath.Join(folder, keptName))
		abandoned[folder[len(homeOf("")):]] = &Home{folder: folder, lock: lock, kept: !errors.Is(err, fs.ErrNotExist)}
	}
	return abandoned
}
