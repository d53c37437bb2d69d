package ci

import (
	"cmp"
	"strings"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/redact"
)

// Logins are those that the host offers to every job: GitLab's for its registry and its dependency proxy
// (https://docs.gitlab.com/ci/variables/predefined_variables/), and the job's token for ghcr.io: on GitHub that of the action's input, elsewhere GITHUB_TOKEN.
func (h *Host) Logins() []plan.Login {
	var out []plan.Login
	offer := func(registry, username, password string) {
		if registry != "" && username != "" && password != "" {
			out = append(out, plan.Login{Registry: registry, Username: username, Password: password})
		}
	}
	if onGitLab(h.getenv) {
		user, password := h.getenv("CI_REGISTRY_USER"), h.getenv("CI_REGISTRY_PASSWORD")
		if password == "" { // the project has no registry of its own; the job's token may be good for that of another
			user, password = "gitlab-ci-token", h.getenv("CI_JOB_TOKEN")
		}
		offer(h.getenv("CI_REGISTRY"), user, password)
		offer(h.getenv("CI_DEPENDENCY_PROXY_SERVER"), h.getenv("CI_DEPENDENCY_PROXY_USER"), h.getenv("CI_DEPENDENCY_PROXY_PASSWORD"))
	}
	// Whose name stands with a token does not count, but one must.
	token := h.getenv("GITHUB_TOKEN")
	if h.action != nil {
		token = cmp.Or(token, h.Input("github-token", ""))
	}
	offer("ghcr.io", cmp.Or(h.getenv("GITHUB_ACTOR"), "token"), token)
	return out
}

// Mask keeps a secret out of the host's log, also where others print it: each line of it, because the log is looked through line by
// line, and what it is in the usual encodings, which not every runner looks for itself. Where the host cannot, it does nothing.
func (h *Host) Mask(secret string) {
	if h.action == nil {
		return
	}
	masked := map[string]bool{}
	mask := func(text string) {
		if !masked[text] {
			masked[text] = true
			h.action.AddMask(text)
		}
	}
	if line := strings.TrimSpace(secret); line != "" && !strings.Contains(line, "\n") {
		mask(line)
	}
	for _, form := range redact.Forms([]byte(secret)) {
		mask(form)
	}
}
