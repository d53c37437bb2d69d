package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxGanttRows keeps a run on many platforms from filling the summary. The JSON report holds everything.
const maxGanttRows = 40

// shortPart is what is not drawn, as a share of the run: it could not be seen.
const shortPart = 0.005

// gantt is the time line as a chart of Mermaid (https://mermaid.js.org/syntax/gantt.html), which GitHub and GitLab draw: a section for each
// stage, a bar for each of its parts, the longest of them if there are too many. What failed is marked, and what came from the cache.
func (r *Report) gantt() string {
	end, shown := 0.0, r.drawn()
	for _, s := range shown {
		end = max(end, s.Start+s.Seconds)
	}
	if end == 0 || !r.begun() {
		return ""
	}
	var b strings.Builder
	// The times are milliseconds; the axis counts seconds, because minutes would be of the reader's time zone.
	fmt.Fprintf(&b, "gantt\n    dateFormat x\n    axisFormat %%s s\n    tickInterval %s\n    todayMarker off\n", tick(end))
	section := ""
	for _, s := range shown {
		stage, own := s.part()
		if stage != section {
			section = stage
			fmt.Fprintf(&b, "    section %s\n", ganttName(stage))
		}
		from, to := int(s.Start*1000), int((s.Start+s.Seconds)*1000)
		fmt.Fprintf(&b, "    %s %.1f s :%s%d, %d\n", ganttName(cmp.Or(own, stage)), s.Seconds, r.mark(own), from, max(from+1, to))
	}
	return fenceAs("mermaid", strings.TrimSuffix(b.String(), "\n"))
}

// drawn are the bars, by their stages: parts, and stages without parts.
func (r *Report) drawn() []Stage {
	var order []string
	byStage := map[string][]Stage{}
	end := 0.0
	for _, s := range r.Stages {
		stage, own := s.part()
		if own == "" {
			order = append(order, stage)
		}
		byStage[stage] = append(byStage[stage], s)
		end = max(end, s.Start+s.Seconds)
	}
	var out []Stage
	for _, stage := range order {
		parts := slices.DeleteFunc(slices.Clone(byStage[stage]), func(s Stage) bool {
			return !strings.Contains(s.Name, "/") || s.Seconds < shortPart*end && r.mark(strings.TrimPrefix(s.Name, "build/")) == ""
		})
		if whole := byStage[stage][:1]; len(parts) == 0 && whole[0].Seconds >= shortPart*end {
			parts = whole
		}
		out = append(out, parts...)
	}
	if len(out) <= maxGanttRows {
		return out
	}
	longest := slices.SortedFunc(slices.Values(out), func(a, b Stage) int { return cmp.Compare(b.Seconds, a.Seconds) })[:maxGanttRows]
	return slices.DeleteFunc(out, func(s Stage) bool { return !slices.Contains(longest, s) })
}

// mark is how a platform's bar is shown: red if it failed, pale if all of it came from the cache.
func (r *Report) mark(platform string) string {
	for _, p := range r.Platforms {
		switch {
		case p.Platform.String() != platform:
		case p.Status == StatusFailed || p.Status == StatusRejected:
			return "crit, "
		case p.cached():
			return "done, "
		}
	}
	return ""
}

// ganttName is a name in which Mermaid finds no grammar: a colon ends a task's name, "#" and "%" begin comments, ";" ends a line.
func ganttName(name string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.ContainsRune("/._-", c):
			return c
		}
		return '-'
	}, name)
}

// tick is the distance of the marks below a chart of so many seconds: about eight of them.
func tick(seconds float64) string {
	for _, t := range []int{1, 2, 5, 10, 15, 30} {
		if seconds <= float64(8*t) {
			return fmt.Sprintf("%dsecond", t)
		}
	}
	for _, t := range []int{1, 2, 5, 10, 15, 30} {
		if seconds <= float64(8*60*t) {
			return fmt.Sprintf("%dminute", t)
		}
	}
	return "1hour"
}
