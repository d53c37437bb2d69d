package ci

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/org/multiarch-action/internal/plan"
)

// Event says what happened in Git that this run is for: what the host tells, and for what it does not tell, the Git checkout that dir
// is in, if it is in one.
func (h *Host) Event(ctx context.Context, dir string) (plan.Event, error) {
	e, _, err := h.event(ctx, dir)
	return e, err
}

// Source is the event for the sources at paths, of which the first is a folder. At a terminal it is the checkout that this folder is in. What
// the run itself writes, into files and folders named by written, is no change of them.
func (h *Host) Source(ctx context.Context, paths, written []string) (plan.Event, error) {
	e, told, err := h.event(ctx, paths[0])
	if !told && e.SHA != "" {
		e.Modified = checkout{paths[0]}.modified(ctx, paths, written)
	}
	return e, err
}

// event is as Event. told says that the host has told it.
func (h *Host) event(ctx context.Context, dir string) (e plan.Event, told bool, err error) {
	switch {
	case h.action != nil:
		e, err = h.githubEvent()
	case h.getenv("GITLAB_CI") != "":
		e = h.gitlabEvent()
	case h.getenv("CI") == "woodpecker":
		e = h.woodpeckerEvent()
	case h.getenv("DRONE") == "true":
		e = h.droneEvent()
	case h.getenv("JENKINS_URL") != "":
		e = h.jenkinsEvent()
	default:
		return checkout{dir}.event(ctx), false, nil
	}
	if e.SHA != "" && e.CommitTime.IsZero() {
		e.CommitTime = checkout{dir}.commitTime(ctx, e.SHA)
	}
	return e, true, err
}

// References in the words of GitHub.
func branchRef(name string) string { return prefixed("refs/heads/", name) }
func tagRef(name string) string    { return prefixed("refs/tags/", name) }

func pullRef(number string) string {
	if number == "" {
		return ""
	}
	return "refs/pull/" + number + "/merge"
}

func prefixed(prefix, name string) string {
	if name == "" {
		return ""
	}
	return prefix + name
}

// gitlabEvent reads the predefined variables of GitLab (https://docs.gitlab.com/ci/variables/predefined_variables/).
func (h *Host) gitlabEvent() plan.Event {
	names := map[string]string{"merge_request_event": "pull_request", "schedule": "schedule", "push": "push", "web": "workflow_dispatch"}
	source := h.getenv("CI_PIPELINE_SOURCE")
	e := plan.Event{
		Name: cmp.Or(names[source], source),
		Ref:  cmp.Or(tagRef(h.getenv("CI_COMMIT_TAG")), pullRef(h.getenv("CI_MERGE_REQUEST_IID")), branchRef(h.getenv("CI_COMMIT_BRANCH"))),
		SHA:  h.getenv("CI_COMMIT_SHA"), HeadSHA: h.getenv("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"),
		BaseRef:       h.getenv("CI_MERGE_REQUEST_TARGET_BRANCH_NAME"),
		DefaultBranch: h.getenv("CI_DEFAULT_BRANCH"),
		Repository: plan.Repository{
			Name:        cmp.Or(h.getenv("CI_PROJECT_NAME"), h.getenv("CI_PROJECT_TITLE")),
			Description: h.getenv("CI_PROJECT_DESCRIPTION"), URL: h.getenv("CI_PROJECT_URL"),
		},
	}
	e.CommitTime, _ = time.Parse(time.RFC3339, h.getenv("CI_COMMIT_TIMESTAMP")) // where it is missing, the checkout knows
	return e
}

// woodpeckerEvent reads the variables of Woodpecker (https://woodpecker-ci.org/docs/usage/environment).
func (h *Host) woodpeckerEvent() plan.Event {
	return plan.Event{
		Name: pipelineEvent(h.getenv("CI_PIPELINE_EVENT")),
		Ref: cmp.Or(tagRef(h.getenv("CI_COMMIT_TAG")), pullRef(h.getenv("CI_COMMIT_PULL_REQUEST")),
			branchRef(h.getenv("CI_COMMIT_BRANCH")), h.getenv("CI_COMMIT_REF")),
		SHA: h.getenv("CI_COMMIT_SHA"), BaseRef: h.getenv("CI_COMMIT_TARGET_BRANCH"),
		DefaultBranch: h.getenv("CI_REPO_DEFAULT_BRANCH"),
		Repository:    plan.Repository{Name: h.getenv("CI_REPO_NAME"), URL: h.getenv("CI_REPO_URL")},
	}
}

// droneEvent reads the variables of Drone (https://docs.drone.io/pipeline/environment/reference/). Its DRONE_BRANCH of a pull request
// is the branch that it is for.
func (h *Host) droneEvent() plan.Event {
	return plan.Event{
		Name: pipelineEvent(h.getenv("DRONE_BUILD_EVENT")),
		Ref: cmp.Or(tagRef(h.getenv("DRONE_TAG")), pullRef(h.getenv("DRONE_PULL_REQUEST")),
			branchRef(h.getenv("DRONE_BRANCH")), h.getenv("DRONE_COMMIT_REF")),
		SHA: h.getenv("DRONE_COMMIT_SHA"), BaseRef: h.getenv("DRONE_TARGET_BRANCH"),
		DefaultBranch: h.getenv("DRONE_REPO_BRANCH"),
		Repository:    plan.Repository{Name: h.getenv("DRONE_REPO_NAME"), URL: h.getenv("DRONE_REPO_LINK")},
	}
}

// pipelineEvent is an event of Woodpecker or Drone in the words of GitHub.
func pipelineEvent(name string) string {
	if name == "cron" {
		return "schedule"
	}
	if name == "tag" {
		return "push"
	}
	return name
}

// jenkinsEvent reads the variables of a multibranch pipeline and of the Git plugin (https://www.jenkins.io/doc/book/pipeline/multibranch/).
// BRANCH_NAME of a tag is the tag, and of a change request PR-<number>.
func (h *Host) jenkinsEvent() plan.Event {
	e := plan.Event{
		Name: "push", SHA: h.getenv("GIT_COMMIT"), BaseRef: h.getenv("CHANGE_TARGET"),
		OnDefaultBranch: h.getenv("BRANCH_IS_PRIMARY") == "true",
		Repository:      repositoryAt(h.getenv("GIT_URL")),
	}
	_, plain, _ := strings.Cut(h.getenv("GIT_BRANCH"), "/") // origin/main, outside of multibranch pipelines
	e.Ref = cmp.Or(tagRef(h.getenv("TAG_NAME")), pullRef(h.getenv("CHANGE_ID")), branchRef(h.getenv("BRANCH_NAME")), branchRef(plain))
	if h.getenv("CHANGE_ID") != "" {
		e.Name = "pull_request"
	}
	return e
}
