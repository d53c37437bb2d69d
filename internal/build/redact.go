package build

import (
	buildkit "github.com/moby/buildkit/client"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/redact"
)

// redactor takes secrets out of what the builder says. What one step prints comes in pieces, and a secret may be cut by their ends.
type redactor struct {
	*redact.Redactor
	streams map[stream]*redact.Stream
}

// stream is one of the two that a step prints to.
type stream struct {
	vertex string
	number int
}

func newRedactor(p *plan.Plan) *redactor {
	var secrets [][]byte
	for _, secret := range p.Secrets {
		secrets = append(secrets, secret.Value)
	}
	for _, login := range p.Logins {
		secrets = append(secrets, []byte(login.Password))
	}
	return &redactor{Redactor: redact.New(secrets...), streams: map[stream]*redact.Stream{}}
}

// shown is text that can be shown. Without a redactor it is text as it is.
func (r *redactor) shown(text string) string {
	if r == nil {
		return text
	}
	return r.Text(text)
}

func (r *redactor) shownLines(lines []string) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		out[i] = r.shown(line)
	}
	return out
}

// message takes secrets out of a message of the builder.
func (r *redactor) message(message *buildkit.SolveStatus) {
	for _, entry := range message.Logs {
		key := stream{entry.Vertex.String(), entry.Stream}
		if r.streams[key] == nil {
			r.streams[key] = r.Stream()
		}
		entry.Data = r.streams[key].Next(entry.Data)
	}
	for _, v := range message.Vertexes {
		v.Name, v.Error = r.Text(v.Name), r.Text(v.Error)
		if v.Completed != nil {
			r.rest(message, v)
		}
	}
	for _, w := range message.Warnings {
		w.Short = []byte(r.Text(string(w.Short)))
		for i := range w.Detail {
			w.Detail[i] = []byte(r.Text(string(w.Detail[i])))
		}
	}
}

// rest adds what was held back of the output of a step that has ended.
func (r *redactor) rest(message *buildkit.SolveStatus, v *buildkit.Vertex) {
	for number := range 3 {
		if s := r.streams[stream{v.Digest.String(), number}]; s != nil {
			if rest := s.Rest(); len(rest) > 0 {
				message.Logs = append(message.Logs, &buildkit.VertexLog{Vertex: v.Digest, Stream: number, Data: rest, Timestamp: *v.Completed})
			}
		}
	}
}
