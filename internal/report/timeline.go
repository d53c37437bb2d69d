package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Timeline records what a run did when. It may be used by several goroutines at once.
type Timeline struct {
	start time.Time

	mu     sync.Mutex
	stages []Stage
}

// NewTimeline is the time line of a run that began at start.
func NewTimeline(start time.Time) *Timeline { return &Timeline{start: start} }

// Timed does something and records how long it took, whatever came of it.
func (t *Timeline) Timed(name string, do func() error) error {
	began := time.Now()
	defer func() { t.Took(name, began, time.Now()) }()
	return do()
}

// Took records what has been done.
func (t *Timeline) Took(name string, began, ended time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stages = append(t.stages, Stage{Name: name, Start: seconds(began.Sub(t.start)), Seconds: seconds(ended.Sub(began))})
}

// seconds is a time as precise as it can mean something.
func seconds(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }

// Stages returns what was recorded so far in the order in which it began, so each stage comes before its parts.
func (t *Timeline) Stages() []Stage {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.SortedFunc(slices.Values(t.stages), func(a, b Stage) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), strings.Compare(a.Name, b.Name))
	})
}

// part splits the name of a part into its stage and its own. A stage has an empty own name.
func (s Stage) part() (stage, own string) {
	stage, own, _ = strings.Cut(s.Name, "/")
	return stage, own
}

// timePhrase is the time line in one line: every stage, with the part that took longest.
func (r *Report) timePhrase() string {
	longest := map[string]Stage{}
	for _, s := range r.Stages {
		if stage, own := s.part(); own != "" && s.Seconds > longest[stage].Seconds {
			longest[stage] = s
		}
	}
	var words []string
	for _, s := range r.Stages {
		stage, own := s.part()
		if own != "" {
			continue
		}
		word := fmt.Sprintf("%s %.1fs", stage, s.Seconds)
		if _, part := longest[stage].part(); part != "" {
			word += fmt.Sprintf(" (%s %.1fs)", part, longest[stage].Seconds)
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}
