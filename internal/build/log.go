package build

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"time"

	buildkit "github.com/moby/buildkit/client"

	"github.com/org/multiarch-action/internal/plan"
)

// Of each step the last lines are kept, to be shown if it fails; a step that prints gigabytes must not fill our memory.
const (
	keepLines = 20
	keepBytes = 8 << 10
)

const awaitTimeout = 2 * time.Second

// vertexLog remembers the name and the last output of every step. Its methods may be called from several goroutines.
type vertexLog struct {
	mu      sync.Mutex
	steps   map[string]*stepLog
	watched map[string]*finder // by the step's name
}

type stepLog struct {
	name    string
	tail    tail
	started bool // and was not taken from the cache
	begun   bool
	ended   chan struct{} // closed when it has ended, and with it its output
}

func newVertexLog() *vertexLog {
	return &vertexLog{steps: map[string]*stepLog{}, watched: map[string]*finder{}}
}

func (l *vertexLog) add(message *buildkit.SolveStatus) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var ended []*stepLog
	for _, v := range message.Vertexes {
		s := l.step(v.Digest.String())
		s.name, s.begun = v.Name, s.begun || v.Started != nil
		s.started = s.started || v.Started != nil && !v.Cached
		if v.Completed != nil {
			ended = append(ended, s)
		}
	}
	for _, entry := range message.Logs {
		s := l.step(entry.Vertex.String())
		s.tail.add(entry.Data)
		if f := l.watched[s.name]; f != nil {
			f.add(entry.Data)
		}
	}
	for _, s := range ended {
		s.end()
	}
}

// end may be called again: the builder reports a step's end to everyone who waits for it.
func (s *stepLog) end() {
	select {
	case <-s.ended:
	default:
		close(s.ended)
	}
}

// await waits until the output of a step is complete, which comes on another way than the step's result. It gives up after a time,
// because a builder need not report the end.
func (l *vertexLog) await(ctx context.Context, digest string) {
	l.mu.Lock()
	ended := l.step(l.lastOf(digest)).ended
	l.mu.Unlock()
	timer := time.NewTimer(awaitTimeout)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// latest is the digest of a step's second try if there was one, else its own.
func (l *vertexLog) latest(digest string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lastOf(digest)
}

func (l *vertexLog) lastOf(digest string) string {
	if again := secondTry(digest); l.steps[again] != nil {
		return again
	}
	return digest
}

func (l *vertexLog) step(digest string) *stepLog {
	s, ok := l.steps[digest]
	if !ok {
		s = &stepLog{ended: make(chan struct{})}
		l.steps[digest] = s
	}
	return s
}

func (l *vertexLog) name(digest string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.step(digest).name
}

// executed reports whether a step was not taken from the cache, as far as the builder has said so.
func (l *vertexLog) executed(digest string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.steps[digest]
	return s != nil && s.started
}

// find returns the digest of the step with that name, or nothing. Of several, as where the builder looks at one again for another reason, it is
// the one that has printed something.
func (l *vertexLog) find(name string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := ""
	for digest, s := range l.steps {
		switch {
		case s.name != name:
		case len(s.tail) > 0:
			return digest
		default:
			found = digest
		}
	}
	return found
}

// watch looks for a text in all that a step will print.
func (l *vertexLog) watch(name, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watched[name] = &finder{text: []byte(text)}
}

// saw reports, once a step has ended, whether it has printed what it was watched for.
func (l *vertexLog) saw(ctx context.Context, name string) bool {
	l.mu.Lock()
	f := l.watched[name]
	wait := len(f.text) > 0
	l.mu.Unlock()
	if wait {
		l.await(ctx, l.find(name))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return f.found || !wait
}

// finder looks for a text in a stream, of which it keeps only what may be the text's beginning.
type finder struct {
	text, rest []byte
	found      bool
}

func (f *finder) add(data []byte) {
	if f.found {
		return
	}
	f.rest = append(f.rest, data...)
	f.found = bytes.Contains(f.rest, f.text)
	f.rest = append([]byte(nil), f.rest[max(0, len(f.rest)-len(f.text)):]...)
}

// running returns the digest of a step of a platform that has begun and not ended, or nothing.
func (l *vertexLog) running(p plan.Platform) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for digest, s := range l.steps {
		select {
		case <-s.ended:
			continue
		default:
		}
		if s.begun && (strings.HasPrefix(s.name, "["+p.String()+" ") || strings.Contains(s.name, "->"+p.Architecture()+" ")) {
			return digest
		}
	}
	return ""
}

// output returns the last lines that a step printed.
func (l *vertexLog) output(digest string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.step(digest).tail.lines()
}

// tail is the end of what a program printed.
type tail []byte

func (t *tail) add(data []byte) {
	*t = append(*t, data...)
	if len(*t) > 2*keepBytes {
		*t = append([]byte(nil), (*t)[len(*t)-keepBytes:]...)
	}
}

// lines returns the last lines.
func (t tail) lines() []string {
	text := strings.TrimRight(string(t), "\r\n")
	if text == "" {
		return nil
	}
	lines := strings.Split(strings.ToValidUTF8(text, ""), "\n") // it may begin inside a character
	lines = lines[max(0, len(lines)-keepLines):]
	for i, line := range lines {
		line = strings.TrimRight(line, "\r")
		lines[i] = line[strings.LastIndexByte(line, '\r')+1:] // what a terminal would show of a progress bar
	}
	return lines
}
