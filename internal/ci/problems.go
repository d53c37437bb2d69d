package ci

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// maxProblems is how many annotations a run makes. GitHub shows ten of a kind for a step and drops the rest without a word
// (docs.github.com, "Workflow commands": limits of annotations); ten in all is what people still read.
const maxProblems = 10

// maxMessage is how long an annotation's text may be, in bytes: GitHub's runner cuts it at 4096 characters.
const maxMessage = 4000

// kind is how bad a problem is, the worst first.
type kind int

const (
	ending kind = iota // what ended the run
	failing
	warning
)

// problem is what the host is to show at a line.
type problem struct {
	kind kind
	file string // empty: none
	line int    // 0: none
	text string
}

// problems are kept until the run ends, because only then is it known which of them are the worst.
type problems struct {
	mu  sync.Mutex
	all []problem
}

// Error keeps a problem for the place where the host shows problems; file and line may be empty. It reports whether the host has such a
// place. ShowProblems shows it.
func (h *Host) Error(file string, line int, text string) bool {
	return h.problem(failing, file, line, text)
}

// Warning is like Error for what does not keep the run from success.
func (h *Host) Warning(file string, line int, text string) bool {
	return h.problem(warning, file, line, text)
}

// Ended is like Error for what ended the run, which comes first.
func (h *Host) Ended(text string) bool { return h.problem(ending, "", 0, text) }

func (h *Host) problem(k kind, file string, line int, text string) bool {
	if h.action == nil {
		return false
	}
	if file == "" || line <= 0 {
		file, line = "", 0
	}
	h.problems.mu.Lock()
	defer h.problems.mu.Unlock()
	if p := (problem{k, file, line, text}); !slices.Contains(h.problems.all, p) {
		h.problems.all = append(h.problems.all, p)
	}
	return true
}

// ShowProblems shows what Error, Warning and Ended have kept, the worst first and of these the ones with a place in a file, and forgets it.
// Of more than ten the last says how many more there are and where.
func (h *Host) ShowProblems() {
	h.problems.mu.Lock()
	all := h.problems.all
	h.problems.all = nil
	h.problems.mu.Unlock()
	slices.SortStableFunc(all, func(a, b problem) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(min(1, b.line), min(1, a.line)))
	})
	if len(all) > maxProblems {
		rest := all[maxProblems-1:]
		all = append(slices.Clone(all[:maxProblems-1]), problem{kind: rest[0].kind, text: h.more(rest)})
	}
	for _, p := range all {
		p.show(h)
	}
}

// more says what is left out.
func (h *Host) more(rest []problem) string {
	errs := 0
	for _, p := range rest {
		if p.kind != warning {
			errs++
		}
	}
	var counts []string
	for _, c := range []struct {
		n    int
		noun string
	}{{errs, "error"}, {len(rest) - errs, "warning"}} {
		switch {
		case c.n == 1:
			counts = append(counts, "1 more "+c.noun)
		case c.n > 1:
			counts = append(counts, fmt.Sprintf("%d more %ss", c.n, c.noun))
		}
	}
	where := "the log"
	if h.SummaryFile() != "" {
		where = "the job summary"
	}
	return strings.Join(counts, " and ") + ": see " + where
}

func (p problem) show(h *Host) {
	action := h.action
	if p.file != "" {
		action = action.WithFieldsMap(map[string]string{"file": p.file, "line": fmt.Sprint(p.line)})
	}
	text := p.text
	if len(text) > maxMessage {
		text = strings.ToValidUTF8(text[:maxMessage], "") + " …"
	}
	if p.kind == warning {
		action.Warningf("%s", text)
		return
	}
	action.Errorf("%s", text)
}
