package verify

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/plan"
)

func TestManyForeignFilesAreCounted(t *testing.T) {
	t.Parallel()
	files := map[string]node{"/app": elf("arm64")}
	for i := range 500 {
		files[fmt.Sprintf("/opt/%03d/a", i)] = elf("amd64")
		files[fmt.Sprintf("/opt/%03d/b", i)] = elf("amd64")
	}
	p := platform(t, "linux/arm64")
	got, _, err := Inspect(t.Context(), plan.VerifyFull, p, imageFor(p, entrypoint("/app")), newMemory(files))
	if err != nil || len(got) != maxGroups+1 {
		t.Fatalf("got %d findings, error %v", len(got), err)
	}
	const why = `if something starts or loads it, it ends with "exec format error" on every arm64 machine`
	want := plan.Finding{
		Check: "files/foreign", Severity: "warning", Platform: "linux/arm64", Path: "/opt/000/a", Expected: arm64Text,
		Found: amd64Text + "; 2 files in /opt/000 are such", Why: why, Fix: fixArch,
	}
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Errorf("the first (-want +got):\n%s", diff)
	}
	if last := got[maxGroups]; last.Found != "960 more files in other folders" {
		t.Errorf("got %q", last.Found)
	}
}

func TestFilesThatCannotBeReadEndTheVerification(t *testing.T) {
	t.Parallel()
	m := newMemory(map[string]node{"/app": elf("arm64"), "/other": elf("arm64")})
	m.fail["/other#"] = errors.New("connection lost")
	p := platform(t, "linux/arm64")
	_, _, err := Inspect(t.Context(), plan.VerifyFull, p, imageFor(p, entrypoint("/app")), m)
	if err == nil || !strings.HasSuffix(err.Error(), `looking at all files: "/other": connection lost`) {
		t.Errorf("got error %v", err)
	}
}
