package ci

import (
	"fmt"
	"net/url"
	"strings"
	"time"
)

// onGitLab reports whether this is a job of GitLab. Its runners say "true", gitlab-ci-local says "false" in its jobs.
func onGitLab(getenv func(string) string) bool { return getenv("GITLAB_CI") != "" }

// gitlabSection begins a section of a job's log (docs.gitlab.com/ci/jobs/job_logs: custom collapsible sections).
func (h *Host) gitlabSection(name, title string, collapsed bool) (end func()) {
	option := ""
	if collapsed {
		option = "[collapsed=true]"
	}
	const clear = "\r\x1b[0K"
	fmt.Fprintf(h.log, "\x1b[0Ksection_start:%d:%s%s%s%s\n", time.Now().Unix(), name, option, clear, h.bold(title))
	return func() {
		fmt.Fprintf(h.log, "\x1b[0Ksection_end:%d:%s%s\n", time.Now().Unix(), name, clear)
	}
}

func (h *Host) bold(text string) string {
	if h.getenv("NO_COLOR") != "" {
		return text
	}
	return "\x1b[0K\x1b[36;1m" + text + "\x1b[0;m"
}

// ShowsColours reports whether the host's log shows colours without being a terminal.
func (h *Host) ShowsColours() bool { return onGitLab(h.getenv) }

// ImagePage is where people look at the images of a repository, which is named as in a reference; empty: nobody knows of such a page.
func (h *Host) ImagePage(registry, repository string) string {
	escaped := (&url.URL{Path: repository}).EscapedPath()
	switch {
	case onGitLab(h.getenv) && registry == h.getenv("CI_REGISTRY") && h.getenv("CI_PROJECT_URL") != "":
		return h.getenv("CI_PROJECT_URL") + "/container_registry"
	case registry == "index.docker.io" || registry == "docker.io":
		if official, ok := strings.CutPrefix(escaped, "library/"); ok {
			return "https://hub.docker.com/_/" + official
		}
		return "https://hub.docker.com/r/" + escaped
	case registry == "quay.io":
		return "https://quay.io/repository/" + escaped
	case registry == "ghcr.io":
		return "https://ghcr.io/" + escaped // leads to the page of the package
	}
	return ""
}

// CommitPage is the page of the commit that a job is for, and its short name; empty where the host does not say.
func (h *Host) CommitPage() (short, page string) {
	project, commit := h.getenv("CI_PROJECT_URL"), h.getenv("CI_COMMIT_SHA")
	if !onGitLab(h.getenv) || project == "" || commit == "" {
		return "", ""
	}
	return commit[:min(8, len(commit))], project + "/-/commit/" + commit
}
