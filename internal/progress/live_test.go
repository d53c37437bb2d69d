package progress

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	buildkit "github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"
)

func ofStep(name string, change func(*buildkit.Vertex)) *buildkit.SolveStatus {
	v := &buildkit.Vertex{Digest: digest.FromString(name), Name: name}
	change(v)
	return &buildkit.SolveStatus{Vertexes: []*buildkit.Vertex{v}}
}

func began(name string, at time.Time) *buildkit.SolveStatus {
	return ofStep(name, func(v *buildkit.Vertex) { v.Started = &at })
}

func over(name string, at time.Time, problem string) *buildkit.SolveStatus {
	return ofStep(name, func(v *buildkit.Vertex) { v.Started, v.Completed, v.Error = &at, &at, problem })
}

// still is a view that is drawn only when a test asks for it.
func still(w *bytes.Buffer, columns, lines int) *live {
	return &live{w: w, size: func() (int, int) { return columns, lines }, steps: map[string]*liveStep{}, rows: map[string]*row{}, closed: make(chan struct{})}
}

func TestLiveHasALineForEachPlatform(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	l := still(new(bytes.Buffer), 60, 24)
	l.began = begin
	const arm, amd, load = "[linux/arm64 2/3] RUN make", "[linux/amd64 2/3] RUN make", "[internal] load build context"
	l.Status(began(load, begin))
	l.Status(over(load, begin, ""))
	l.Status(began(arm, begin.Add(time.Second)))
	l.Status(began("[linux/arm64 other 1/2] COPY a\x1b[2J b", begin.Add(2*time.Second)))
	l.Status(began(amd, begin))
	l.Status(over(amd, begin, ""))
	want := []string{
		"building, 12.5s",
		"  build              done  [internal] load build context",
		"  linux/arm64       10.5s  [other 1/2] COPY a[2J b (and 1 …",
		"  linux/amd64        done  [2/3] RUN make",
	}
	if got := l.lines(begin.Add(12500 * time.Millisecond)); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the view is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestLiveFitsTheTerminal(t *testing.T) {
	t.Parallel()
	l := still(new(bytes.Buffer), 0, 8)
	now := time.Now()
	for i := range 12 {
		l.Status(began(fmt.Sprintf("[linux/a%d 1/1] RUN %s", i, strings.Repeat("é", 200)), now))
		if i != 11 {
			l.Status(over(fmt.Sprintf("[linux/a%d 1/1] RUN %s", i, strings.Repeat("é", 200)), now, ""))
		}
	}
	lines := l.lines(now)
	if len(lines) > 7 || !strings.Contains(lines[0], "(7 lines more)") || !strings.Contains(lines[1], "linux/a11") {
		t.Errorf("the view has %d lines, want at most 7, the one at work first:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	for _, line := range lines {
		if len([]rune(line)) >= 80 {
			t.Errorf("a line has %d columns", len([]rune(line)))
		}
	}
}

func TestLiveLeavesWhatFailed(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := Live(&out, func() (int, int) { return 100, 24 })
	const name, other = "[linux/arm64 2/3] RUN make", "[linux/amd64 2/3] RUN make"
	now := time.Now()
	l.Status(began(name, now))
	l.Status(began(other, now))
	l.Status(&buildkit.SolveStatus{Logs: []*buildkit.VertexLog{{Vertex: digest.FromString(name), Data: []byte(strings.Repeat("old\n", 30) + "10%\r20%\nlast words")}}})
	l.Status(over(name, now, "exit code: 2\nmore"))
	l.Status(over(other, now, "solving: context canceled"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	want := "linux/arm64 failed: [2/3] RUN make\n" + strings.Repeat("  | old\n", 13) + "  | 20%\n  | last words\n  exit code: 2\n"
	if !strings.Contains(text, want) || strings.Contains(text, "linux/amd64 failed") {
		t.Errorf("the terminal shows\n%s\nwant in it\n%s", text, want)
	}
	if !strings.Contains(text, "linux/arm64      FAILED  [2/3] RUN make") || strings.HasSuffix(text, "\x1b[J") {
		t.Errorf("the view is not left as it was in the end:\n%q", text)
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("the terminal has gone") }

func TestLiveTellsThatTheTerminalHasGone(t *testing.T) {
	t.Parallel()
	if err := Live(broken{}, func() (int, int) { return 0, 0 }).Close(); err == nil || err.Error() != "the terminal has gone" {
		t.Errorf("Close() = %v", err)
	}
}
