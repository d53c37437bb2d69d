package report

import (
	"fmt"
	"strings"
)

// Node is one builder of a run.
type Node struct {
	Name     string `json:"name"`
	BuildKit string `json:"buildkit,omitempty"` // its version
	Problem  string `json:"problem,omitempty"`  // why it was not, or not to the end, of use
	Hint     string `json:"hint,omitempty"`
}

// manyNodes reports whether it says anything where a platform was built.
func (r *Report) manyNodes() bool { return len(r.Nodes) > 1 }

// terminal tells of a node that was not of use.
func (n Node) terminal() string {
	var b strings.Builder
	first, rest := firstLine(n.Problem)
	fmt.Fprintf(&b, "node %s: %s\n", visible(n.Name), first)
	indent(&b, "  ", rest)
	if n.Hint != "" {
		fmt.Fprintf(&b, "  hint: %s\n", visible(n.Hint))
	}
	return b.String()
}

func (n Node) markdown(sign string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s **Node** %s: %s", sign, code(n.Name), paragraph(n.Problem))
	if n.Hint != "" {
		fmt.Fprintf(&b, "**Hint:** %s\n\n", markdownText(n.Hint))
	}
	return b.String()
}
