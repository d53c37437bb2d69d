package ci_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/ci"
	"github.com/org/multiarch-action/internal/plan"
)

const commit = "860c1904a1ce19322e91ac35af1ab07466440c37"

// Each host tells the same story in other words.
func TestEvents(t *testing.T) {
	t.Parallel()
	app := plan.Repository{Name: "app", URL: "https://git.example.org/owner/app"}
	tests := map[string]struct {
		env  map[string]string
		want plan.Event
	}{
		"GitLab, a branch": {
			map[string]string{
				"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main", "CI_COMMIT_SHA": commit, "CI_DEFAULT_BRANCH": "main",
				"CI_PROJECT_NAME": "app", "CI_PROJECT_URL": app.URL, "CI_COMMIT_TIMESTAMP": "2020-01-10T01:30:00+01:00",
			},
			plan.Event{Name: "push", Ref: "refs/heads/main", SHA: commit, DefaultBranch: "main", Repository: app, CommitTime: time.Date(2020, 1, 10, 0, 30, 0, 0, time.UTC)},
		},
		"GitLab, a tag": {
			map[string]string{"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "push", "CI_COMMIT_TAG": "v1.2.3", "CI_COMMIT_SHA": commit},
			plan.Event{Name: "push", Ref: "refs/tags/v1.2.3", SHA: commit},
		},
		"GitLab, a merge request": {
			map[string]string{
				"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "merge_request_event", "CI_MERGE_REQUEST_IID": "15", "CI_COMMIT_SHA": commit,
				"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main", "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": "abc",
			},
			plan.Event{Name: "pull_request", Ref: "refs/pull/15/merge", SHA: commit, HeadSHA: "abc", BaseRef: "main"},
		},
		"GitLab, a schedule": {
			map[string]string{"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "schedule", "CI_COMMIT_BRANCH": "dev"},
			plan.Event{Name: "schedule", Ref: "refs/heads/dev"},
		},
		"Woodpecker, a tag": {
			map[string]string{
				"CI": "woodpecker", "CI_PIPELINE_EVENT": "tag", "CI_COMMIT_TAG": "v1.2.3", "CI_COMMIT_SHA": commit, "CI_COMMIT_BRANCH": "main",
				"CI_REPO_DEFAULT_BRANCH": "main", "CI_REPO_NAME": "app", "CI_REPO_URL": app.URL, "CI_COMMIT_REF": "refs/tags/v1.2.3",
			},
			plan.Event{Name: "push", Ref: "refs/tags/v1.2.3", SHA: commit, DefaultBranch: "main", Repository: app},
		},
		"Woodpecker, a pull request": {
			map[string]string{"CI": "woodpecker", "CI_PIPELINE_EVENT": "pull_request", "CI_COMMIT_PULL_REQUEST": "15", "CI_COMMIT_BRANCH": "main", "CI_COMMIT_TARGET_BRANCH": "main"},
			plan.Event{Name: "pull_request", Ref: "refs/pull/15/merge", BaseRef: "main"},
		},
		"Woodpecker, cron": {
			map[string]string{"CI": "woodpecker", "CI_PIPELINE_EVENT": "cron", "CI_COMMIT_BRANCH": "main"},
			plan.Event{Name: "schedule", Ref: "refs/heads/main"},
		},
		"Drone, a push": {
			map[string]string{
				"DRONE": "true", "CI": "true", "DRONE_BUILD_EVENT": "push", "DRONE_BRANCH": "main", "DRONE_COMMIT_SHA": commit,
				"DRONE_REPO_BRANCH": "main", "DRONE_REPO_NAME": "app", "DRONE_REPO_LINK": app.URL,
			},
			plan.Event{Name: "push", Ref: "refs/heads/main", SHA: commit, DefaultBranch: "main", Repository: app},
		},
		"Drone, a pull request": {
			map[string]string{"DRONE": "true", "DRONE_BUILD_EVENT": "pull_request", "DRONE_PULL_REQUEST": "15", "DRONE_BRANCH": "main", "DRONE_TARGET_BRANCH": "main"},
			plan.Event{Name: "pull_request", Ref: "refs/pull/15/merge", BaseRef: "main"},
		},
		"Jenkins, a branch": {
			map[string]string{"JENKINS_URL": "https://ci/", "BRANCH_NAME": "main", "BRANCH_IS_PRIMARY": "true", "GIT_COMMIT": commit, "GIT_URL": "git@git.example.org:owner/app.git"},
			plan.Event{Name: "push", Ref: "refs/heads/main", SHA: commit, OnDefaultBranch: true, Repository: app},
		},
		"Jenkins, a tag": {
			map[string]string{"JENKINS_URL": "https://ci/", "BRANCH_NAME": "v1.2.3", "TAG_NAME": "v1.2.3", "GIT_URL": "https://user:secret@git.example.org/owner/app.git"},
			plan.Event{Name: "push", Ref: "refs/tags/v1.2.3", Repository: app},
		},
		"Jenkins, a change": {
			map[string]string{"JENKINS_URL": "https://ci/", "BRANCH_NAME": "PR-15", "CHANGE_ID": "15", "CHANGE_TARGET": "main", "GIT_URL": "ssh://git@git.example.org:2222/owner/app"},
			plan.Event{Name: "pull_request", Ref: "refs/pull/15/merge", BaseRef: "main", Repository: app},
		},
		"Jenkins without branches": {
			map[string]string{"JENKINS_URL": "https://ci/", "GIT_BRANCH": "origin/feature/x"},
			plan.Event{Name: "push", Ref: "refs/heads/feature/x"},
		},
		"GitHub without a payload": {
			map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/heads/main", "GITHUB_REPOSITORY": "owner/app", "GITHUB_SERVER_URL": "https://git.example.org"},
			plan.Event{Name: "push", Ref: "refs/heads/main", Repository: app},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := ci.Detect(func(name string) string { return test.env[name] }, io.Discard).Event(t.Context(), t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("the event differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnEventThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	broken := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(broken, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{broken: "GITHUB_EVENT_PATH: " + broken + ": reading the event: ", "/nonexistent/event.json": "GITHUB_EVENT_PATH: reading the event: open /nonexistent/event.json"} {
		_, err := github(io.Discard, map[string]string{"GITHUB_EVENT_PATH": file}).Event(t.Context(), t.TempDir())
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("the error is %v, want %s…", err, want)
		}
	}
}

// At a terminal the checkout tells: the commit, its time, its tag or the branch, and where it came from.
func TestTheCheckoutTells(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	host := ci.Detect(func(string) string { return "" }, io.Discard)
	event := func() plan.Event {
		got, err := host.Event(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if diff := cmp.Diff(plan.Event{}, event()); diff != "" {
		t.Errorf("a folder outside of Git has an event (-want +got):\n%s", diff)
	}
	git := func(args ...string) {
		t.Helper()
		command := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@example.org"}, args...)...)
		command.Env = append(command.Environ(), "GIT_COMMITTER_DATE=2020-01-10T01:30:00+01:00")
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git("init", "--quiet", "--initial-branch", "topic")
	git("commit", "--quiet", "--allow-empty", "--message", "a")
	git("remote", "add", "origin", "git@git.example.org:owner/app.git")
	git("update-ref", "refs/remotes/origin/main", "HEAD")
	git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
	want := plan.Event{
		Name: "push", Ref: "refs/heads/topic", DefaultBranch: "main", CommitTime: time.Date(2020, 1, 10, 0, 30, 0, 0, time.UTC),
		Repository: plan.Repository{Name: "app", URL: "https://git.example.org/owner/app"},
	}
	got := event()
	if want.SHA = got.SHA; len(want.SHA) != 40 {
		t.Errorf("the commit is %q, want 40 digits", want.SHA)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the event of a branch differs (-want +got):\n%s", diff)
	}
	git("tag", "v1.2.3")
	want.Ref = "refs/tags/v1.2.3"
	if diff := cmp.Diff(want, event()); diff != "" {
		t.Errorf("the event of a tag differs (-want +got):\n%s", diff)
	}
	other := ci.Detect(func(name string) string {
		return map[string]string{"JENKINS_URL": "x", "GIT_COMMIT": want.SHA}[name]
	}, io.Discard)
	fromHost, err := other.Event(t.Context(), dir)
	if err != nil || !fromHost.CommitTime.Equal(want.CommitTime) {
		t.Errorf("for Jenkins' commit the time is %v (%v), want %v", fromHost.CommitTime, err, want.CommitTime)
	}
}
