package publish_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/publish"
)

func TestReleases(t *testing.T) {
	t.Parallel()
	s, r := serve(t), publish.Registry{}
	repo := s.repo(t, "app")
	if got, err := r.Releases(t.Context(), repo); err != nil || len(got) != 0 {
		t.Errorf("without a repository: %q, %v", got, err)
	}
	document := s.published(t, repo, "linux/amd64")
	if _, err := r.Tag(t.Context(), s.tags(t, "app:1.10.0", "app:1.9.3", "app:v2.0.0", "app:2.1.0-rc.1", "app:1.9", "app:latest", "app:2024"), document); err != nil {
		t.Fatal(err)
	}
	got, err := r.Releases(t.Context(), repo)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"1.9.3", "1.10.0", "v2.0.0"}, got); diff != "" {
		t.Errorf("the releases differ (-want +got):\n%s", diff)
	}
}

func TestOvertaken(t *testing.T) {
	t.Parallel()
	releases := []string{"1.3.9", "1.4.0", "1.4.2", "v2.0.0"}
	for _, test := range []struct{ tag, version, want string }{
		{"latest", "1.4.3", "v2.0.0"},
		{"latest", "2.0.0", ""},
		{"1", "1.4.1", "1.4.2"},
		{"1", "1.4.3", ""},
		{"v1", "1.3.10", "1.4.2"},
		{"1.4", "1.4.1", "1.4.2"},
		{"1.4", "1.4.2", ""},
		{"1.3", "1.3.10", ""},
		{"1.4.1", "1.4.1", ""},
		{"2.0", "2.0.0-rc.1", "v2.0.0"},
		{"nightly", "1.0.0", ""},
	} {
		tag, err := name.NewTag("ghcr.io/o/app:" + test.tag)
		if err != nil {
			t.Fatal(err)
		}
		if got := publish.Overtaken(plan.Tag{Tag: tag}, test.version, releases); got != test.want {
			t.Errorf("%s for %s: got %q, want %q", test.tag, test.version, got, test.want)
		}
	}
}
