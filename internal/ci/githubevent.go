package ci

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"regexp"
	"strconv"
	"time"

	"github.com/org/multiarch-action/internal/plan"
)

// githubPayload is what we read of the event that started a workflow
// (https://docs.github.com/en/webhooks/webhook-events-and-payloads).
type githubPayload struct {
	Number      int             `json:"number"`
	BaseRef     string          `json:"base_ref"`
	Commits     []payloadCommit `json:"commits"`
	HeadCommit  payloadCommit   `json:"head_commit"`
	PullRequest struct {
		Base struct{ Ref string } `json:"base"`
		Head struct{ SHA string } `json:"head"`
	} `json:"pull_request"`
	Repository struct {
		Name          string `json:"name"`
		Description   string `json:"description"`
		HTMLURL       string `json:"html_url"`
		DefaultBranch string `json:"default_branch"`
		License       struct {
			SPDX string `json:"spdx_id"`
		} `json:"license"`
	} `json:"repository"`
}

type payloadCommit struct {
	ID        string `json:"id"`
	Timestamp string `json:"timestamp"`
}

// alwaysDefault are the events that GitHub starts on the last commit of the default branch, whatever they are about
// (https://docs.github.com/en/actions/using-workflows/events-that-trigger-workflows). That create is one of them is docker/metadata-action's word.
var alwaysDefault = regexp.MustCompile(`create|discussion|issues|schedule`)

func (h *Host) githubEvent() (plan.Event, error) {
	payload, err := h.githubPayload()
	if err != nil {
		return plan.Event{}, err
	}
	e := plan.Event{
		Name: h.getenv("GITHUB_EVENT_NAME"), Ref: h.getenv("GITHUB_REF"), SHA: h.getenv("GITHUB_SHA"),
		HeadSHA: payload.PullRequest.Head.SHA, BaseRef: cmp.Or(payload.PullRequest.Base.Ref, payload.BaseRef),
		DefaultBranch: payload.Repository.DefaultBranch,
		Repository: plan.Repository{
			Name: payload.Repository.Name, Description: payload.Repository.Description,
			URL: payload.Repository.HTMLURL, License: payload.Repository.License.SPDX,
		},
	}
	e.OnDefaultBranch = alwaysDefault.MatchString(e.Name)
	if e.Name == "pull_request_target" { // its ref is the branch that the request is for
		e.Ref = pullRef(strconv.Itoa(payload.Number))
	}
	if name := h.getenv("GITHUB_REPOSITORY"); e.Repository.URL == "" && name != "" { // no payload tells, as under some other runners
		e.Repository.Name, e.Repository.URL = path.Base(name), cmp.Or(h.getenv("GITHUB_SERVER_URL"), "https://github.com")+"/"+name
	}
	for _, commit := range append(payload.Commits, payload.HeadCommit) {
		if at, err := time.Parse(time.RFC3339, commit.Timestamp); err == nil && commit.ID == e.SHA {
			e.CommitTime = at
			break
		}
	}
	return e, nil
}

func (h *Host) githubPayload() (githubPayload, error) {
	var payload githubPayload
	file := h.getenv("GITHUB_EVENT_PATH")
	if file == "" {
		return payload, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return payload, fmt.Errorf("GITHUB_EVENT_PATH: reading the event: %w", err)
	}
	if err := json.Unmarshal(text, &payload); err != nil {
		return payload, fmt.Errorf("GITHUB_EVENT_PATH: %s: reading the event: %w", file, err)
	}
	return payload, nil
}
