package cli

import (
	"time"

	"github.com/org/multiarch-action/internal/build"
)

// timePlatforms puts the platforms of a build that began at a time on the time line, what the frontend did before all of them, and
// what the exporters did after.
func (r *run) timePlatforms(began time.Time, results []build.Result) {
	var first, last time.Time
	for _, result := range results {
		if result.Began.IsZero() {
			continue
		}
		if first.IsZero() || result.Began.Before(first) {
			first = result.Began
		}
		if result.Ended.After(last) {
			last = result.Ended
		}
		r.timeline.Took("build/"+result.Platform.String(), result.Began, result.Ended)
	}
	if first.IsZero() {
		return
	}
	r.timeline.Took("build/frontend", began, first)
	r.timeline.Took("build/export", last, time.Now())
}
