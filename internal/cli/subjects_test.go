package cli

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/ci"
	"github.com/org/multiarch-action/internal/report"
)

func TestEverySubjectHasANameOfItsOwn(t *testing.T) {
	t.Parallel()
	tags := []report.Tag{{Name: "ghcr.io/owner/app:1.4.2"}, {Name: "localhost:5000/app:1.4.2"}, {Name: "ghcr.io/owner/app:latest"}}
	got := subjectsOf(tags, "sha256:i", []ci.Subject{{Name: "linux/amd64", Digest: "sha256:a"}, {Name: "linux/arm/v7", Digest: "sha256:b"}, {Name: "linux/s390x"}})
	want := []ci.Subject{
		{Name: "ghcr.io/owner/app:1.4.2", Digest: "sha256:i"}, {Name: "localhost:5000/app:1.4.2", Digest: "sha256:i"}, {Name: "ghcr.io/owner/app:latest", Digest: "sha256:i"},
		{Name: "ghcr.io/owner/app:1.4.2-linux-amd64", Digest: "sha256:a"}, {Name: "ghcr.io/owner/app:1.4.2-linux-arm-v7", Digest: "sha256:b"},
		{Name: "localhost:5000/app:1.4.2-linux-amd64", Digest: "sha256:a"}, {Name: "localhost:5000/app:1.4.2-linux-arm-v7", Digest: "sha256:b"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("subjectsOf() differs (-want +got):\n%s", diff)
	}
	alone := subjectsOf(tags[:1], "sha256:a", []ci.Subject{{Name: "linux/amd64", Digest: "sha256:a"}})
	if diff := cmp.Diff([]ci.Subject{{Name: "ghcr.io/owner/app:1.4.2", Digest: "sha256:a"}}, alone); diff != "" {
		t.Errorf("an image of one platform (-want +got):\n%s", diff)
	}
	long := []report.Tag{{Name: "ghcr.io/owner/app:" + strings.Repeat("x", 128)}}
	if got := subjectsOf(long, "sha256:i", []ci.Subject{{Name: "linux/amd64", Digest: "sha256:a"}}); len(got) != 1 {
		t.Errorf("a name that is no tag any more is among %+v", got)
	}
}
