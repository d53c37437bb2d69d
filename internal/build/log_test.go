package build

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	buildkit "github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"
)

var step = digest.FromString("step")

func logged(texts ...string) *vertexLog {
	l := newVertexLog()
	l.add(&buildkit.SolveStatus{Vertexes: []*buildkit.Vertex{{Digest: step, Name: "[linux/arm64 2/3] RUN make"}}})
	for _, text := range texts {
		l.add(&buildkit.SolveStatus{Logs: []*buildkit.VertexLog{{Vertex: step, Data: []byte(text)}}})
	}
	return l
}

func TestVertexLogKeepsTheLastLines(t *testing.T) {
	t.Parallel()
	var many, last []string
	for i := range 1000 {
		many = append(many, fmt.Sprintf("line %d\n", i))
		if i >= 980 {
			last = append(last, fmt.Sprintf("line %d", i))
		}
	}
	tests := []struct {
		name  string
		texts []string
		want  []string
	}{
		{"nothing", nil, nil},
		{"blank lines only", []string{"\n\r\n"}, nil},
		{"pieces of a line", []string{"a", "b\r\nc", "\n\n"}, []string{"ab", "c"}},
		{"blank lines between", []string{"a\n\nb\n"}, []string{"a", "", "b"}},
		{"a progress bar", []string{"10%\r20%\r30%\r\nok\n"}, []string{"30%", "ok"}},
		{"more lines than are kept", many, last},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, logged(test.texts...).output(step.String())); diff != "" {
				t.Errorf("output() differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestVertexLogNeverFillsTheMemory(t *testing.T) {
	t.Parallel()
	l := newVertexLog()
	for range 1000 {
		l.add(&buildkit.SolveStatus{Logs: []*buildkit.VertexLog{{Vertex: step, Data: []byte(strings.Repeat("ö", 501))}}})
		if got := len(l.steps[step.String()].tail); got > 2*keepBytes {
			t.Fatalf("%d bytes are kept, want %d at most", got, 2*keepBytes)
		}
	}
	l.add(&buildkit.SolveStatus{Logs: []*buildkit.VertexLog{{Vertex: step, Data: []byte(" the end\n")}}})
	got := strings.Join(l.output(step.String()), "\n")
	if !strings.HasSuffix(got, "ö the end") || !utf8.ValidString(got) {
		t.Errorf("output() ends with %q, valid text: %t; want the last words, as text", got[max(0, len(got)-20):], utf8.ValidString(got))
	}
}

func TestVertexLogKnowsSteps(t *testing.T) {
	t.Parallel()
	l := logged("a\n")
	const name = "[linux/arm64 2/3] RUN make"
	if got := l.name(step.String()); got != name {
		t.Errorf("name() = %q, want %q", got, name)
	}
	if got := l.find(name); got != step.String() {
		t.Errorf("find(%q) = %q, want %q", name, got, step)
	}
	if got := l.find("another"); got != "" {
		t.Errorf("find() of what there is not = %q, want nothing", got)
	}
	if got := l.output("unknown"); got != nil {
		t.Errorf("output() of an unknown step = %q, want nothing", got)
	}
}

func TestVertexLogTellsWhatWasExecuted(t *testing.T) {
	t.Parallel()
	now := time.Now()
	tests := []struct {
		name     string
		vertexes []*buildkit.Vertex
		want     bool
	}{
		{"nothing was said", nil, false},
		{"it waits", []*buildkit.Vertex{{Digest: step}}, false},
		{"it runs", []*buildkit.Vertex{{Digest: step, Started: &now}}, true},
		{"it has run", []*buildkit.Vertex{{Digest: step, Started: &now}, {Digest: step, Started: &now, Completed: &now}}, true},
		{"it was in the cache", []*buildkit.Vertex{{Digest: step}, {Digest: step, Started: &now, Completed: &now, Cached: true}}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newVertexLog()
			l.add(&buildkit.SolveStatus{Vertexes: tt.vertexes})
			if got := l.executed(step.String()); got != tt.want {
				t.Errorf("executed() = %v, want %v", got, tt.want)
			}
		})
	}
}
