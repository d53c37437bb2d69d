package ci_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/org/multiarch-action/internal/ci"
)

func TestSubjectsAreDeclared(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "artifacts")
	if err := os.WriteFile(file, []byte("dist/app\n"), 0o600); err != nil { // that another program of the step has declared
		t.Fatal(err)
	}
	digest := func(c string) string { return "sha256:" + strings.Repeat(c, 64) }
	err := github(&bytes.Buffer{}, map[string]string{"GITHUB_ARTIFACTS": file}).DeclareSubjects([]ci.Subject{
		{Name: "ghcr.io/owner/app:1.4", Digest: digest("a")},
		{Name: "ghcr.io/owner/app:1.4", Digest: digest("b")}, // one name, one digest: the runner fails the step of a second
		{Name: "ghcr.io/owner/app:1.4\nevil", Digest: digest("c")},
		{Name: "a=b", Digest: digest("c")},
		{Name: "localhost:5000/app:1", Digest: digest("a")},
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := artifactSubjects(file)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"dist/app": "", "ghcr.io/owner/app:1.4": digest("a"), "localhost:5000/app:1": digest("a")}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the runner reads %v, want %v", got, want)
	}
}

func TestNotMoreSubjectsAreDeclaredThanAJobMayHave(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "artifacts")
	var many []ci.Subject
	for i := range 700 {
		many = append(many, ci.Subject{Name: fmt.Sprint("app:", i), Digest: "sha256:" + strings.Repeat("a", 64)})
	}
	if err := github(&bytes.Buffer{}, map[string]string{"GITHUB_ARTIFACTS": file}).DeclareSubjects(many); err != nil {
		t.Fatal(err)
	}
	if got, err := artifactSubjects(file); err != nil || len(got) != 500 {
		t.Errorf("%d are declared (%v), want 500", len(got), err)
	}
}

func TestSubjectsAreDeclaredOnlyWhereTheHostAsks(t *testing.T) {
	t.Parallel()
	subjects := []ci.Subject{{Name: "app:1", Digest: "sha256:a"}}
	file := filepath.Join(t.TempDir(), "artifacts")
	elsewhere := ci.Detect(func(name string) string { return map[string]string{"GITHUB_ARTIFACTS": file}[name] }, &bytes.Buffer{})
	if err := errors.Join(elsewhere.DeclareSubjects(subjects), github(&bytes.Buffer{}, nil).DeclareSubjects(subjects)); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file was written, or: %v", err)
	}
	gone := filepath.Join(t.TempDir(), "gone", "artifacts")
	err := github(&bytes.Buffer{}, map[string]string{"GITHUB_ARTIFACTS": gone}).DeclareSubjects(subjects)
	if err == nil || !strings.HasPrefix(err.Error(), "GITHUB_ARTIFACTS: opening: ") {
		t.Errorf("a file that cannot be written gives %v", err)
	}
}

// artifactSubjects reads the file of artifacts as the runner does: the digest of every name, nothing for a file
// (https://github.com/actions/runner/blob/main/src/Runner.Worker/CreateArtifactsFileCommand.cs).
func artifactSubjects(path string) (map[string]string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	suffix := regexp.MustCompile(`^(.+)@(sha(?:256|384|512):[0-9a-fA-F]+)$`)
	out := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if strings.Contains(line, "=") {
			return nil, errors.New("entries containing '=' are reserved")
		}
		name, digest := line, ""
		if rest, oci := strings.CutPrefix(line, "oci://"); oci {
			match := suffix.FindStringSubmatch(rest)
			if match == nil {
				return nil, errors.New("oci:// entries must include a digest")
			}
			name, digest = match[1], strings.ToLower(match[2])
		}
		if before, known := out[name]; known && before != digest {
			return nil, errors.New("conflicting digests")
		}
		if out[name] = digest; len(out) > 500 {
			return nil, errors.New("more than 500 artifacts")
		}
	}
	return out, nil
}
