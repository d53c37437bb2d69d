package report_test

import (
	"testing"

	"github.com/org/multiarch-action/internal/report"
)

// nodes is a run on several builders, one of which was not there and one of which was lost.
func nodes(t *testing.T) *report.Report {
	t.Helper()
	r := published(t)
	r.Platforms = r.Platforms[:3]
	r.Nodes = []report.Node{
		{Name: "tcp://gone:1234", Problem: "not reached: dial tcp: lookup gone: no such host", Hint: "check that buildkitd runs there"},
		{Name: "multiarch-action-3f9a1c0b7d21", BuildKit: "v0.33.1"},
		{Name: "tcp://arm:1234", BuildKit: "v0.30.0"},
		{Name: "ssh://me@arm2", BuildKit: "v0.33.1", Problem: "lost during the build: it does not answer any more", Hint: "look into the log of its buildkitd"},
	}
	for i, name := range []string{r.Nodes[1].Name, r.Nodes[2].Name, r.Nodes[1].Name} {
		r.Platforms[i].Node = name
	}
	r.Platforms[1].Execution, r.Platforms[1].Emulator = "native", ""
	return r
}
