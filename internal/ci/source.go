package ci

import (
	"net/url"

	"github.com/org/multiarch-action/internal/plan"
)

// DefaultContext is the Git URL of the commit that the host runs for, as {{defaultContext}} of docker/build-push-action; empty where
// the host says of none.
func (h *Host) DefaultContext() string {
	server, repository, commit := h.getenv("GITHUB_SERVER_URL"), h.getenv("GITHUB_REPOSITORY"), h.getenv("GITHUB_SHA")
	if h.action == nil || server == "" || repository == "" || commit == "" {
		return ""
	}
	return server + "/" + repository + ".git#" + commit
}

// GitServer is the host of the server that the host's token is for; empty where that is not known.
func (h *Host) GitServer() string {
	server, err := url.Parse(h.getenv("GITHUB_SERVER_URL"))
	if h.action == nil || err != nil {
		return ""
	}
	return server.Host
}

// CacheService is the host's service for caches, which it tells actions only.
func (h *Host) CacheService() plan.CacheService {
	return plan.CacheService{
		Token: h.getenv("ACTIONS_RUNTIME_TOKEN"), URL: h.getenv("ACTIONS_CACHE_URL"), URLv2: h.getenv("ACTIONS_RESULTS_URL"),
	}
}
