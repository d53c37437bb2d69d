package ci

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// Subject is an image that a step has made: what GitHub may attest of the job.
type Subject struct {
	Name   string // a reference without a digest
	Digest string // sha256:…
}

// maxSubjects is how many a job may declare. A file with more fails the step
// (https://github.com/actions/runner/blob/main/src/Runner.Worker/CreateArtifactsFileCommand.cs).
const maxSubjects = 500

// DeclareSubjects tells the host what the step has made, the most important first, where the host wants to know: a line
// oci://NAME@DIGEST for each in GitHub's file of artifacts. The runner keeps one digest for a name in the whole job and fails the step that
// names another, so a name must belong to one image only. Lines with "=" it refuses.
func (h *Host) DeclareSubjects(subjects []Subject) (err error) {
	path := h.getenv("GITHUB_ARTIFACTS")
	if h.action == nil || path == "" {
		return nil
	}
	var b strings.Builder
	seen := map[string]bool{}
	for _, s := range subjects {
		if seen[s.Name] || strings.ContainsAny(s.Name, "=\r\n") || len(seen) == maxSubjects {
			continue
		}
		seen[s.Name] = true
		fmt.Fprintf(&b, "oci://%s@%s\n", s.Name, s.Digest)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("GITHUB_ARTIFACTS: opening: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.WriteString(b.String()); err != nil {
		return fmt.Errorf("GITHUB_ARTIFACTS: writing: %w", err)
	}
	return nil
}
