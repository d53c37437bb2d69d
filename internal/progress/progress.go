// Package progress shows a running build: a line for each platform on a terminal (Live), plain lines that each begin with the platform they
// are about (Plain), or BuildKit's own messages (RawJSON). Feed Status, and Close at the end.
package progress

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	buildkit "github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"
	"golang.org/x/sync/errgroup"
)

// Display shows what a builder says.
type Display interface {
	// Status shows one message. It may be called from one goroutine at a time.
	Status(message *buildkit.SolveStatus)
	// Close shows what is left.
	Close() error
}

// RawJSON returns a display that writes BuildKit's messages as they are, a JSON object on a line.
func RawJSON(ctx context.Context, w io.Writer) (Display, error) {
	view, err := progressui.NewDisplay(w, progressui.RawJSONMode)
	if err != nil {
		return nil, fmt.Errorf("progress: preparing JSON: %w", err)
	}
	r := &rawJSON{messages: make(chan *buildkit.SolveStatus)}
	// After a cancellation the view still has to take what the builder sends.
	ctx = context.WithoutCancel(ctx)
	r.view.Go(func() error {
		_, err := view.UpdateFrom(ctx, r.messages)
		return err
	})
	return r, nil
}

type rawJSON struct {
	messages chan *buildkit.SolveStatus
	view     errgroup.Group
}

func (r *rawJSON) Status(message *buildkit.SolveStatus) { r.messages <- message }

func (r *rawJSON) Close() error {
	close(r.messages)
	return r.view.Wait()
}

// Quiet shows nothing.
func Quiet() Display { return quiet{} }

type quiet struct{}

func (quiet) Status(*buildkit.SolveStatus) {}
func (quiet) Close() error                 { return nil }

// Plain returns a display that writes lines such as "linux/arm64 #12 RUN make". Nothing is ever overwritten, so a CI log can hold it.
func Plain(w io.Writer) Display {
	return &plain{w: w, steps: map[string]*step{}}
}

type plain struct {
	w     io.Writer
	steps map[string]*step
	order []*step // as they were first heard of
	shown int
	err   error
}

// longestLine is how much of a line is kept until it ends.
const longestLine = 32 << 10

// step is one vertex of the build, numbered when it is first shown.
type step struct {
	number  int    // 0: nothing of it was shown
	label   string // the platform, or "build" for what all share
	name    string
	begun   bool
	ended   bool
	partial string // output that does not end a line yet
}

// Status writes a line for each step that starts or ends and for each line that one prints.
func (p *plain) Status(message *buildkit.SolveStatus) {
	for _, v := range message.Vertexes {
		s := p.step(v.Digest.String())
		if s.name == "" {
			s.label, s.name = Label(v.Name)
		}
		p.vertex(s, v)
	}
	for _, entry := range message.Logs {
		p.output(p.step(entry.Vertex.String()), string(entry.Data))
	}
	for _, warning := range message.Warnings {
		p.line(p.step(warning.Vertex.String()), "warning: %s%s", warningPlace(warning), warning.Short)
	}
}

// warningPlace names the file and line that a warning is about.
func warningPlace(w *buildkit.VertexWarning) string {
	if w.SourceInfo == nil || len(w.Range) == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d: ", w.SourceInfo.Filename, w.Range[0].Start.Line)
}

func (p *plain) step(digest string) *step {
	s, ok := p.steps[digest]
	if !ok {
		s = &step{label: "build"}
		p.steps[digest], p.order = s, append(p.order, s)
	}
	return s
}

func (p *plain) vertex(s *step, v *buildkit.Vertex) {
	if v.Started != nil && !s.begun {
		s.begun = true
		if !v.Cached {
			p.line(s, "%s", s.name)
		}
	}
	if v.Completed == nil || s.ended {
		return
	}
	s.ended = true
	p.flush(s)
	switch {
	case v.Error != "":
		p.line(s, "failed: %s", v.Error)
	case v.Cached:
		p.line(s, "%s: cached", s.name)
	case v.Started != nil:
		if took := v.Completed.Sub(*v.Started); took >= 50*time.Millisecond {
			p.line(s, "done in %.1fs", took.Seconds())
		}
	}
}

func (p *plain) output(s *step, text string) {
	text = s.partial + text
	for {
		line, rest, found := strings.Cut(text, "\n")
		if !found {
			break
		}
		p.line(s, "| %s", overwritten(line))
		text = rest
	}
	s.partial = text
	if len(text) > longestLine {
		p.flush(s)
	}
}

// overwritten is what a terminal would show of a line in which carriage returns go back to its beginning, as progress bars do.
func overwritten(line string) string {
	line = strings.TrimRight(line, "\r")
	return line[strings.LastIndexByte(line, '\r')+1:]
}

func (p *plain) flush(s *step) {
	if s.partial != "" {
		p.line(s, "| %s", overwritten(s.partial))
		s.partial = ""
	}
}

// line writes a text behind the platform and number of its step; so each line of it, if there are several.
func (p *plain) line(s *step, format string, args ...any) {
	if s.number == 0 {
		p.shown++
		s.number = p.shown
	}
	for line := range strings.SplitSeq(strings.TrimRight(fmt.Sprintf(format, args...), "\n"), "\n") {
		if p.err == nil {
			_, p.err = fmt.Fprintf(p.w, "%-14s #%d %s\n", s.label, s.number, line)
		}
	}
}

// Close writes the output that ended without a newline.
func (p *plain) Close() error {
	for _, s := range p.order {
		p.flush(s)
	}
	return p.err
}

// Label splits a step's name, as BuildKit's Dockerfile frontend writes it, into the platform that it is for and the rest:
// "[linux/arm64 build 2/3] RUN make" is "linux/arm64" and "[build 2/3] RUN make", and so is "[linux/amd64->arm64 build 2/3] RUN make",
// which runs on another platform for that one. A step without a platform gives "build".
func Label(name string) (label, rest string) {
	inside, after, found := strings.Cut(strings.TrimPrefix(name, "["), "] ")
	platform, stage, _ := strings.Cut(inside, " ")
	osName, architecture, hasSlash := strings.Cut(platform, "/")
	if !found || !strings.HasPrefix(name, "[") || !hasSlash || !isWord(osName) {
		return "build", name
	}
	if _, target, cross := strings.Cut(architecture, "->"); cross {
		platform = osName + "/" + target
	}
	if stage == "" {
		return platform, after
	}
	return platform, "[" + stage + "] " + after
}

// isWord tells an operating system from the number of a step, as in "[2/3] RUN make".
func isWord(text string) bool {
	return text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz") == ""
}
