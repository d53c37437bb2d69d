package ci_test

import (
	"io"
	"testing"

	"github.com/org/multiarch-action/internal/ci"
	"github.com/org/multiarch-action/internal/plan"
)

func TestRun(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		env  map[string]string
		want plan.Run
	}{
		"terminal":    {nil, plan.Run{}},
		"GitHub":      {map[string]string{"GITHUB_RUN_ID": "7", "GITHUB_RUN_ATTEMPT": "2", "GITHUB_SHA": "c0ffee"}, plan.Run{Key: "7", Attempt: 2, Revision: "c0ffee"}},
		"GitLab":      {map[string]string{"GITLAB_CI": "true", "CI_PIPELINE_ID": "8", "CI_JOB_ID": "91", "CI_COMMIT_SHA": "c0ffee"}, plan.Run{Key: "8", Attempt: 91, Revision: "c0ffee"}},
		"Woodpecker":  {map[string]string{"CI": "woodpecker", "CI_PIPELINE_NUMBER": "9", "CI_COMMIT_SHA": "c0ffee"}, plan.Run{Key: "9", Revision: "c0ffee"}},
		"Jenkins":     {map[string]string{"BUILD_TAG": "jenkins-app-12", "GIT_COMMIT": "c0ffee"}, plan.Run{Key: "jenkins-app-12", Revision: "c0ffee"}},
		"no number":   {map[string]string{"GITHUB_RUN_ID": "7", "GITHUB_RUN_ATTEMPT": "x"}, plan.Run{Key: "7"}},
		"half a host": {map[string]string{"GITLAB_CI": "true"}, plan.Run{}},
	} {
		host := ci.Detect(func(key string) string { return test.env[key] }, io.Discard)
		if got := host.Run(); got != test.want {
			t.Errorf("%s: got %+v, want %+v", name, got, test.want)
		}
	}
}
