package build

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	buildkit "github.com/moby/buildkit/client"

	"github.com/org/multiarch-action/internal/plan"
)

const (
	redacted = "***"
	// shortestSecret is the length from which on a line of a secret is looked for in what a build prints: shorter ones are in many words.
	shortestSecret = 6
)

// redactor takes the secrets that steps were given out of what these print. It does not find one that a step has changed, nor one that
// a step wrote in several pieces.
type redactor struct{ lines [][]byte }

func newRedactor(secrets []plan.Secret) *redactor {
	r := &redactor{}
	for _, secret := range secrets {
		for line := range bytes.Lines(secret.Value) {
			if line = bytes.TrimSpace(line); len(line) >= shortestSecret {
				r.lines = append(r.lines, line)
			}
		}
	}
	// One may be a part of another.
	slices.SortFunc(r.lines, func(a, b []byte) int { return cmp.Compare(len(b), len(a)) })
	return r
}

// message takes secrets out of a message of the builder.
func (r *redactor) message(message *buildkit.SolveStatus) {
	for _, line := range r.lines {
		for _, entry := range message.Logs {
			entry.Data = bytes.ReplaceAll(entry.Data, line, []byte(redacted))
		}
		for _, v := range message.Vertexes {
			v.Name = strings.ReplaceAll(v.Name, string(line), redacted)
			v.Error = strings.ReplaceAll(v.Error, string(line), redacted)
		}
	}
}
