package metadata

import (
	"strings"
	"time"
)

// Event is what happened in Git that this run is for, in the words of GitHub, whichever host says it.
type Event struct {
	Name    string // "push", "pull_request", "schedule", …; empty: unknown
	Ref     string // "refs/heads/main", "refs/tags/v1.4.0", "refs/pull/12/merge"; empty: none
	SHA     string // the commit that is built
	HeadSHA string // of a pull request: the last commit of its branch, where that is not SHA
	BaseRef string // of a pull request: the branch that it is for; of a tag: the branch that it was made on, if the host says so
	// DefaultBranch is the name of the repository's main branch.
	DefaultBranch string
	// OnDefaultBranch says that the event belongs to the default branch whatever the ref is: scheduled runs on GitHub, for example.
	OnDefaultBranch bool
	CommitTime      time.Time // when the commit was made; zero: unknown
	Modified        bool      // a checkout holds changes that are not in the commit; CI hosts are about their commit
	Repository      Repository
}

// Repository is where the source is. Its fields become labels.
type Repository struct {
	Name        string
	Description string
	URL         string // as a browser opens it
	License     string // its SPDX identifier
}

// Prefixes of references.
const (
	heads = "refs/heads/"
	tags  = "refs/tags/"
	pulls = "refs/pull/"
)

// branch returns the name of the branch that the event is about, or nothing.
func (e Event) branch() string { return after(e.Ref, heads) }

// tag returns the name of the tag that the event is about, or nothing.
func (e Event) tag() string { return after(e.Ref, tags) }

// pull returns the number of the pull request that the event is about, or nothing.
func (e Event) pull() string { return strings.TrimSuffix(after(e.Ref, pulls), "/merge") }

// isDefaultBranch reports whether the event is about the default branch.
func (e Event) isDefaultBranch() bool {
	return e.Ref != "" && (e.OnDefaultBranch || e.Ref == heads+e.DefaultBranch)
}

func after(ref, prefix string) string {
	name, found := strings.CutPrefix(ref, prefix)
	if !found {
		return ""
	}
	return name
}
