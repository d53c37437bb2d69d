package ci

import (
	"cmp"
	"strconv"

	"github.com/org/multiarch-action/internal/plan"
)

// runVariables are where CI hosts say which run this is. Each host's documentation lists them under predefined variables. A host is
// known by its own variables, because several of them set CI_ ones.
var runVariables = []struct {
	known, key, attempt, revision string
}{
	{"GITHUB_RUN_ID", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_SHA"},
	{"GITLAB_CI", "CI_PIPELINE_ID", "CI_JOB_ID", "CI_COMMIT_SHA"},     // a job that is run again has a new, larger number
	{"CI_PIPELINE_NUMBER", "CI_PIPELINE_NUMBER", "", "CI_COMMIT_SHA"}, // Woodpecker
	{"BUILDKITE_BUILD_ID", "BUILDKITE_BUILD_ID", "BUILDKITE_RETRY_COUNT", "BUILDKITE_COMMIT"},
	{"CIRCLE_WORKFLOW_ID", "CIRCLE_WORKFLOW_ID", "CIRCLE_BUILD_NUM", "CIRCLE_SHA1"},
	{"BUILD_BUILDID", "BUILD_BUILDID", "SYSTEM_JOBATTEMPT", "BUILD_SOURCEVERSION"}, // Azure Pipelines
	{"DRONE_BUILD_NUMBER", "DRONE_BUILD_NUMBER", "", "DRONE_COMMIT_SHA"},
	{"BUILD_TAG", "BUILD_TAG", "", "GIT_COMMIT"}, // Jenkins
}

// Run says which run of the host the program is part of; zero where there is none.
func (h *Host) Run() plan.Run {
	for _, v := range runVariables {
		key := h.getenv(v.key)
		if h.getenv(v.known) == "" || key == "" {
			continue
		}
		attempt, _ := strconv.ParseInt(cmp.Or(h.getenv(v.attempt), "0"), 10, 64) // what is no number says nothing
		return plan.Run{Key: key, Attempt: attempt, Revision: h.getenv(v.revision)}
	}
	return plan.Run{}
}
