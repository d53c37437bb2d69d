package progress

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	buildkit "github.com/moby/buildkit/client"
)

// redrawn is how often the view shows the time anew.
const redrawn = 200 * time.Millisecond

// failedLines is how much of a failed step's output is shown.
const failedLines = 15

// Size returns the columns and lines of a terminal. Where they are not known it returns 0.
type Size func() (columns, lines int)

// Live returns a view for a terminal: a line for each platform, with its current step and time, that is drawn anew as they change. Above
// it the last lines of each step that fails stay.
func Live(w io.Writer, size Size) Display {
	l := &live{w: w, size: size, steps: map[string]*liveStep{}, rows: map[string]*row{}, began: time.Now(), closed: make(chan struct{})}
	l.ticking.Go(l.tick)
	return l
}

type live struct {
	w      io.Writer
	size   Size
	began  time.Time
	closed chan struct{}

	ticking sync.WaitGroup
	mu      sync.Mutex
	steps   map[string]*liveStep // by digest
	rows    map[string]*row      // by platform
	order   []*row
	drawn   int // lines on the terminal that will be drawn over
	err     error
}

// row is one platform, or "build" for what all share.
type row struct {
	label   string
	done    int
	last    string // the step that ended last
	failed  bool
	running []*liveStep
}

type liveStep struct {
	row   *row
	name  string
	began time.Time
	state int
	tail  []string
	part  string // output that does not end a line yet
}

const (
	waiting = iota
	running
	ended
)

func (l *live) tick() {
	ticker := time.NewTicker(redrawn)
	defer ticker.Stop()
	for {
		select {
		case <-l.closed:
			return
		case <-ticker.C:
			l.mu.Lock()
			l.draw("")
			l.mu.Unlock()
		}
	}
}

// Status takes what the builder says. What fails is shown at once, the rest when the view is drawn next.
func (l *live) Status(message *buildkit.SolveStatus) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, entry := range message.Logs {
		if s := l.steps[entry.Vertex.String()]; s != nil {
			s.print(string(entry.Data))
		}
	}
	for _, v := range message.Vertexes {
		s := l.step(v)
		if v.Started != nil && s.state == waiting {
			s.state, s.began = running, *v.Started
			s.row.running = append(s.row.running, s)
		}
		if v.Completed != nil && s.state != ended {
			l.end(s, v)
		}
	}
}

func (l *live) step(v *buildkit.Vertex) *liveStep {
	id := v.Digest.String()
	if s, ok := l.steps[id]; ok {
		return s
	}
	label, name := Label(v.Name)
	r, ok := l.rows[label]
	if !ok {
		r = &row{label: label}
		l.rows[label], l.order = r, append(l.order, r)
	}
	s := &liveStep{row: r, name: visible(name)}
	l.steps[id] = s
	return s
}

func (l *live) end(s *liveStep, v *buildkit.Vertex) {
	s.state = ended
	s.row.running = slices.DeleteFunc(s.row.running, func(other *liveStep) bool { return other == s })
	s.row.done, s.row.last = s.row.done+1, s.name
	if v.Error == "" || strings.HasSuffix(v.Error, "context canceled") {
		return
	}
	s.row.failed, s.row.last = true, s.name
	var b strings.Builder
	fmt.Fprintf(&b, "%s failed: %s\n", s.row.label, s.name)
	if s.part != "" {
		s.print("\n")
	}
	for _, line := range s.tail {
		fmt.Fprintf(&b, "  | %s\n", line)
	}
	first, _, _ := strings.Cut(visible(v.Error), "\n")
	fmt.Fprintf(&b, "  %s\n", first)
	l.draw(b.String())
}

// print keeps the last lines that a step printed.
func (s *liveStep) print(text string) {
	lines := strings.Split(s.part+text, "\n")
	s.part = lines[len(lines)-1]
	if len(s.part) > longestLine {
		s.part = s.part[len(s.part)-longestLine:]
	}
	for _, line := range lines[:len(lines)-1] {
		s.tail = append(s.tail, visible(overwritten(line)))
	}
	s.tail = s.tail[max(0, len(s.tail)-failedLines):]
}

// draw shows a text that stays, and below it the view.
func (l *live) draw(above string) {
	var b strings.Builder
	if l.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\x1b[J", l.drawn) // up, and erase to the end
	}
	b.WriteString(above)
	lines := l.lines(time.Now())
	for _, line := range lines {
		b.WriteString(line + "\n")
	}
	l.drawn = len(lines)
	if _, err := io.WriteString(l.w, b.String()); err != nil && l.err == nil {
		l.err = err
	}
}

// lines are the view: as many as fit, those that are at work first.
func (l *live) lines(now time.Time) []string {
	columns, height := l.size()
	columns, height = cmp.Or(columns, 80), cmp.Or(height, 24)
	order := slices.Clone(l.order)
	left := ""
	if room := max(1, height-3); len(order) > room {
		slices.SortStableFunc(order, func(a, b *row) int { return min(1, len(b.running)) - min(1, len(a.running)) })
		left = fmt.Sprintf(" (%d lines more)", len(order)-room)
		order = order[:room]
	}
	out := []string{fit(fmt.Sprintf("building, %s%s", seconds(now.Sub(l.began)), left), columns)}
	for _, r := range order {
		out = append(out, fit(r.line(now), columns))
	}
	return out
}

func (r *row) line(now time.Time) string {
	if len(r.running) == 0 {
		state := "done"
		if r.failed {
			state = "FAILED"
		}
		return fmt.Sprintf("  %-15s %7s  %s", r.label, state, r.last)
	}
	s := r.running[len(r.running)-1]
	more := ""
	if n := len(r.running) - 1; n > 0 {
		more = fmt.Sprintf(" (and %d more)", n)
	}
	return fmt.Sprintf("  %-15s %7s  %s%s", r.label, seconds(now.Sub(s.began)), s.name, more)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1fs", max(0, d.Seconds())) }

// fit cuts a line to the terminal: one that wraps could not be drawn over.
func fit(line string, columns int) string {
	if runes := []rune(line); len(runes) >= columns {
		return string(runes[:max(0, columns-2)]) + "…"
	}
	return line
}

// visible is a text without what would move the cursor or hide something.
func visible(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) && c != '\n' {
			return -1
		}
		return c
	}, strings.ToValidUTF8(text, "\ufffd"))
}

// Close draws the view a last time and leaves it there.
func (l *live) Close() error {
	close(l.closed)
	l.ticking.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.draw("")
	return l.err
}
