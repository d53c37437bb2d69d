package ci

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// GitLab has no place for what a script leaves to its after_script, which is another shell and may be another container. The working
// tree is there for both, and beside it the runner's folder of temporary files (https://docs.gitlab.com/ci/yaml/#after_script). A value
// is kept there as the end of the name of an empty file, so that two runs of a job do not write into one file.

// jobStates are how the files of a job begin that keep values under a name, the better place first; none: there is no such job.
func (h *Host) jobStates(name string) []string {
	id := h.getenv("CI_JOB_ID")
	if h.action != nil || !onGitLab(h.getenv) || !jobValue.MatchString(id) { // nobody could tell it from that of another job
		return nil
	}
	file := "multiarch-action-job-" + id + "-" + name + "-"
	return []string{filepath.Join(h.getenv("CI_PROJECT_DIR")+".tmp", file), filepath.Join(os.TempDir(), file)}
}

// jobValue is what is kept so: part of a file's name, and nothing that means more than itself.
var jobValue = regexp.MustCompile(`^[A-Za-z0-9]+$`)

// SaveState keeps a value for what cleans up at the end of the job: States returns it there.
func (h *Host) SaveState(name, value string) error {
	begins := h.jobStates(name)
	if len(begins) == 0 || !jobValue.MatchString(value) {
		return h.fileCommand("state", name, value)
	}
	var problems []error
	for _, begin := range begins {
		err := os.WriteFile(begin+value, nil, 0o600)
		if err == nil {
			return nil
		}
		problems = append(problems, err)
	}
	return fmt.Errorf("state of the job: %w", errors.Join(problems...))
}

// ForgetState forgets a value where the host does not by itself.
func (h *Host) ForgetState(name, value string) error {
	if !jobValue.MatchString(value) {
		return nil
	}
	for _, begin := range h.jobStates(name) {
		if err := os.Remove(begin + value); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("state of the job: %w", err)
		}
	}
	return nil
}

// States returns the values that SaveState kept under a name. It is known whether there are any where the host keeps them at all.
func (h *Host) States(name string) (values []string, known bool) {
	if h.action != nil {
		values = strings.Fields(h.getenv("STATE_" + name))
		return values, len(values) > 0
	}
	for _, begin := range h.jobStates(name) {
		known = true
		entries, _ := os.ReadDir(filepath.Dir(begin)) // what cannot be read holds nothing of ours
		for _, entry := range entries {
			value, ours := strings.CutPrefix(entry.Name(), filepath.Base(begin))
			if ours && jobValue.MatchString(value) {
				values = append(values, value)
			}
		}
	}
	return values, known
}
