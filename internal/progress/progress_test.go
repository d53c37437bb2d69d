package progress_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	buildkit "github.com/moby/buildkit/client"
	"github.com/opencontainers/go-digest"

	"github.com/org/multiarch-action/internal/golden"
	"github.com/org/multiarch-action/internal/progress"
)

func TestLabel(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, label, rest string }{
		{"a step of a platform", "[linux/arm64 build 2/3] RUN make", "linux/arm64", "[build 2/3] RUN make"},
		{"a step of a platform with a variant", "[linux/arm/v7 2/3] RUN make", "linux/arm/v7", "[2/3] RUN make"},
		{"a step that runs here for another platform", "[linux/amd64->arm64 build 2/3] RUN make", "linux/arm64", "[build 2/3] RUN make"},
		{"a step that runs here for another variant", "[linux/amd64->arm/v7 build 2/3] RUN make", "linux/arm/v7", "[build 2/3] RUN make"},
		{"a step of all platforms", "[internal] load build context", "build", "[internal] load build context"},
		{"a numbered step", "[2/3] RUN make", "build", "[2/3] RUN make"},
		{"a platform alone", "[linux/arm64] exporting", "linux/arm64", "exporting"},
		{"no brackets", "exporting to image", "build", "exporting to image"},
		{"brackets that do not close", "[linux/arm64 RUN make", "build", "[linux/arm64 RUN make"},
		{"brackets inside a command", "RUN [linux/arm64 x] y", "build", "RUN [linux/arm64 x] y"},
		{"a path is no platform", "[/usr/bin 1/2] RUN make", "build", "[/usr/bin 1/2] RUN make"},
		{"nothing", "", "build", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if label, rest := progress.Label(test.text); label != test.label || rest != test.rest {
				t.Errorf("Label(%q) = %q and %q, want %q and %q", test.text, label, rest, test.label, test.rest)
			}
		})
	}
}

// script is what a builder says while it builds two platforms.
func script() []*buildkit.SolveStatus {
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(seconds float64) *time.Time {
		when := begin.Add(time.Duration(seconds * float64(time.Second)))
		return &when
	}
	id := func(name string) digest.Digest { return digest.FromString(name) }
	vertex := func(name string, change func(*buildkit.Vertex)) *buildkit.SolveStatus {
		v := &buildkit.Vertex{Digest: id(name), Name: name}
		change(v)
		return &buildkit.SolveStatus{Vertexes: []*buildkit.Vertex{v}}
	}
	start := func(name string, seconds float64) *buildkit.SolveStatus {
		return vertex(name, func(v *buildkit.Vertex) { v.Started = at(seconds) })
	}
	logs := func(name string, texts ...string) *buildkit.SolveStatus {
		var out []*buildkit.VertexLog
		for _, text := range texts {
			out = append(out, &buildkit.VertexLog{Vertex: id(name), Data: []byte(text)})
		}
		return &buildkit.SolveStatus{Logs: out}
	}
	const load, arm, intel = "[internal] load build definition", "[linux/arm64 2/3] RUN make", "[linux/amd64 2/3] RUN make"
	return []*buildkit.SolveStatus{
		start(load, 0), vertex(load, func(v *buildkit.Vertex) { v.Started, v.Completed = at(0), at(0.01) }),
		vertex("[linux/amd64 1/3] FROM busybox", func(v *buildkit.Vertex) { v.Started, v.Completed, v.Cached = at(0.1), at(0.1), true }),
		vertex("[linux/arm64 3/3] COPY a b", func(*buildkit.Vertex) {}), // known, not begun: nothing to show
		start(arm, 0.2), start(intel, 0.2), start(intel, 0.2),
		logs(arm, "cc -o a", ".o a.c\r\ncc -o b.o b.c\n", "no line end yet"),
		logs(intel, "10%\r20%\r\n", "\n", "::error::x\n"),
		{Warnings: []*buildkit.VertexWarning{{Vertex: id(load), Short: []byte("LegacyKeyValueFormat: use ENV key=value (line 3)")}}},
		logs(arm, ", and now\n", "the last words"),
		vertex(arm, func(v *buildkit.Vertex) {
			v.Started, v.Completed, v.Error = at(0.2), at(3.25), "process did not complete successfully: exit code: 2\nand a second line"
		}),
		vertex(intel, func(v *buildkit.Vertex) { v.Started, v.Completed = at(0.2), at(2.5) }),
		vertex(intel, func(v *buildkit.Vertex) { v.Started, v.Completed = at(0.2), at(2.5) }),
		logs("a step that was never named", "said without a line end"), logs("another", "30%\r40%\r"),
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	display := progress.Plain(&b)
	for _, message := range script() {
		display.Status(message)
	}
	if err := display.Close(); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "plain", b.String())
}

func TestQuietAndPlainTakeEverything(t *testing.T) {
	t.Parallel()
	broken := errors.New("the pipe is broken")
	for name, test := range map[string]struct {
		display progress.Display
		want    error
	}{"quiet": {progress.Quiet(), nil}, "plain, to a broken pipe": {progress.Plain(failing{broken}), broken}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, message := range script() {
				test.display.Status(message)
			}
			if err := test.display.Close(); !errors.Is(err, test.want) {
				t.Errorf("Close() gives %v, want %v", err, test.want)
			}
		})
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestPlainBoundsALineThatNeverEnds(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	display := progress.Plain(&b)
	for range 100 {
		display.Status(&buildkit.SolveStatus{Logs: []*buildkit.VertexLog{{Vertex: digest.FromString("a"), Data: bytes.Repeat([]byte("x"), 1000)}}})
	}
	if b.Len() < 64<<10 {
		t.Errorf("of a line of 100000 bytes %d are written, want all but the last 32 KiB at most", b.Len())
	}
	if err := display.Close(); err != nil {
		t.Fatal(err)
	}
	if got := bytes.Count(b.Bytes(), []byte("x")); got != 100_000 {
		t.Errorf("%d bytes arrived, want 100000", got)
	}
}
