package ci_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/ci"
	"github.com/org/multiarch-action/internal/plan"
)

func TestLoginsOfHosts(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		env  map[string]string
		want []plan.Login
	}{
		"a terminal": {nil, nil},
		"GitLab": {
			map[string]string{
				"GITLAB_CI": "true", "CI_REGISTRY": "registry.example", "CI_REGISTRY_USER": "gitlab-ci-token", "CI_REGISTRY_PASSWORD": "a",
				"CI_DEPENDENCY_PROXY_SERVER": "git.example:443", "CI_DEPENDENCY_PROXY_USER": "gitlab-ci-token", "CI_DEPENDENCY_PROXY_PASSWORD": "b",
			},
			[]plan.Login{{Registry: "registry.example", Username: "gitlab-ci-token", Password: "a"}, {Registry: "git.example:443", Username: "gitlab-ci-token", Password: "b"}},
		},
		"GitLab without a registry": {map[string]string{"GITLAB_CI": "true", "CI_REGISTRY_USER": "u", "CI_REGISTRY_PASSWORD": "a"}, nil},
		"GitLab's job token": {
			map[string]string{"GITLAB_CI": "true", "CI_REGISTRY": "registry.example", "CI_JOB_TOKEN": "t"},
			[]plan.Login{{Registry: "registry.example", Username: "gitlab-ci-token", Password: "t"}},
		},
		"GitHub's token":     {map[string]string{"GITHUB_TOKEN": "a", "GITHUB_ACTOR": "octocat"}, []plan.Login{{Registry: "ghcr.io", Username: "octocat", Password: "a"}}},
		"the action's token": {map[string]string{"GITHUB_ACTIONS": "true", "INPUT_GITHUB-TOKEN": "a"}, []plan.Login{{Registry: "ghcr.io", Username: "token", Password: "a"}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ci.Detect(func(name string) string { return test.env[name] }, io.Discard).Logins()
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("the logins differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSecretsAreMaskedLineByLine(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	github(&log, nil).Mask("line one\n\n{\n line 2%\n")
	for _, want := range []string{"line one", "line 2%25", "line%25202%2525", base64.StdEncoding.EncodeToString([]byte("line one\n\n{\n line 2%"))} {
		if !strings.Contains(log.String(), "::add-mask::"+want+"\n") {
			t.Errorf("the log is %q, want %q masked", log.String(), want)
		}
	}
	if strings.Contains(log.String(), "::add-mask::{\n") {
		t.Errorf("the log is %q, in which all braces are masked", log.String())
	}
	log.Reset()
	if github(&log, nil).Mask("one"); log.String() != "::add-mask::one\n" {
		t.Errorf("the log is %q, want the only line masked, however short", log.String())
	}
	log.Reset()
	if ci.Detect(func(string) string { return "" }, &log).Mask("one"); log.Len() > 0 {
		t.Errorf("a terminal was told %q", log.String())
	}
}
