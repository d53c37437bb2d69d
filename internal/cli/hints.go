package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	buildkit "github.com/moby/buildkit/client"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/progress"
	"github.com/org/multiarch-action/internal/report"
)

// What is less is not worth a hint.
const (
	slowStep   = 3 * time.Second
	slowShare  = 0.25 // of the time of the platform
	missedTime = time.Second
	largeLayer = 1 << 20 // bytes
	mostHints  = 3
)

// steps are the steps of a build as the builder told of them. One goroutine at a time adds to them.
type steps map[string]*step // by digest

// step is one instruction for one platform.
type step struct {
	platform string
	place    string // stage and number, for example "build 2/3": the same for all platforms
	text     string // the instruction
	took     time.Duration
	cached   bool
	cross    bool // it ran on the build platform for another
}

func (s steps) add(message *buildkit.SolveStatus) {
	for _, v := range message.Vertexes {
		if v.Completed == nil || v.Started == nil || v.Error != "" {
			continue
		}
		label, rest := progress.Label(v.Name)
		place, text, found := strings.Cut(strings.TrimPrefix(rest, "["), "] ")
		if !found || !strings.Contains(place, "/") {
			continue
		}
		s[v.Digest.String()] = &step{
			platform: label, place: place, text: text, took: v.Completed.Sub(*v.Started), cached: v.Cached, cross: strings.Contains(v.Name, "->"),
		}
	}
}

// count counts the instructions that were done for a platform, and those of them that the cache had. A base image is none.
func (s steps) count(platform string) (all, cached int) {
	for _, one := range s {
		if one.platform != platform || strings.HasPrefix(one.text, "FROM ") {
			continue
		}
		all++
		if one.cached {
			cached++
		}
	}
	return all, cached
}

// countSteps puts into the report how much of each platform the cache had.
func (r *run) countSteps() {
	for i := range r.report.Platforms {
		row := &r.report.Platforms[i]
		label := row.Platform.String()
		if len(r.report.Platforms) == 1 {
			label = "build" // the frontend does not name the only one
		}
		row.Steps, row.CachedSteps = r.steps.count(label)
	}
}

// byPlace groups what the same instruction was on several platforms, in the order of the places.
func (s steps) byPlace() [][]*step {
	groups := map[string][]*step{}
	for _, one := range s {
		groups[one.place] = append(groups[one.place], one)
	}
	var out [][]*step
	for _, group := range groups {
		slices.SortFunc(group, func(a, b *step) int { return strings.Compare(a.platform, b.platform) })
		out = append(out, group)
	}
	slices.SortFunc(out, func(a, b []*step) int { return strings.Compare(a[0].place, b[0].place) })
	return out
}

// hints are up to three findings about where the time went, each with a figure.
func (r *run) hints() []report.Hint {
	var out []report.Hint
	for _, hint := range []*report.Hint{r.emulatedStep(), r.missedCache(), r.repeatedCopy()} {
		if hint != nil {
			out = append(out, *hint)
		}
	}
	return out[:min(mostHints, len(out))]
}

// emulatedStep finds the step under emulation that cost most.
func (r *run) emulatedStep() *report.Hint {
	var worst, native *step
	for _, group := range r.steps.byPlace() {
		var here *step
		for _, s := range group {
			if r.executionOf(s.platform) == string(plan.Native) && !s.cached {
				here = s
			}
		}
		for _, s := range group {
			slow := !s.cached && !s.cross && strings.HasPrefix(s.text, "RUN ") && r.executionOf(s.platform) == string(plan.Emulated)
			if slow && (worst == nil || s.took > worst.took) {
				worst, native = s, here
			}
		}
	}
	if worst == nil || worst.took < slowStep || worst.took.Seconds() < slowShare*r.rowOf(worst.platform).Seconds {
		return nil
	}
	share := min(100, 100*worst.took.Seconds()/max(0.001, r.rowOf(worst.platform).Seconds))
	text := fmt.Sprintf("[%s] %s took %.1f s on %s under emulation (%.0f %% of its time)", worst.place, short(worst.text), worst.took.Seconds(), worst.platform, share)
	saved := worst.took
	if native != nil {
		text += fmt.Sprintf(", and %.1f s on %s", native.took.Seconds(), native.platform)
		saved = max(0, saved-native.took)
	}
	return &report.Hint{
		ID: "emulated-step", Seconds: saved.Seconds(),
		Text: text + ": if it can build for another platform, run it in a stage FROM --platform=$BUILDPLATFORM and copy its result; else add a native --node",
	}
}

// missedCache finds the platform that executed most of what others took from the cache.
func (r *run) missedCache() *report.Hint {
	missed, count := map[string]time.Duration{}, map[string]int{}
	for _, group := range r.steps.byPlace() {
		if !slices.ContainsFunc(group, func(s *step) bool { return s.cached }) {
			continue
		}
		for _, s := range group {
			if !s.cached && !strings.HasPrefix(s.text, "FROM ") {
				missed[s.platform] += s.took
				count[s.platform]++
			}
		}
	}
	worst := ""
	for _, row := range r.report.Platforms {
		if name := row.Platform.String(); missed[name] > missed[worst] {
			worst = name
		}
	}
	if missed[worst] < missedTime {
		return nil
	}
	return &report.Hint{
		ID: "missed-cache", Seconds: missed[worst].Seconds(),
		Text: fmt.Sprintf("%s executed %s in %.1f s that another platform took from the cache: look whether its cache is written and kept, under a name of its own",
			worst, counted(count[worst], "step"), missed[worst].Seconds()),
	}
}

// repeatedCopy finds the COPY that made the same layer for several platforms.
func (r *run) repeatedCopy() *report.Hint {
	type made struct {
		text      string
		size      int64
		platforms int
	}
	layers := map[string]*made{}
	for _, image := range r.images {
		history := slices.DeleteFunc(slices.Clone(image.Config.History), func(h ocispec.History) bool { return h.EmptyLayer })
		if len(history) != len(image.Blobs) {
			continue
		}
		for i, blob := range image.Blobs {
			text, _, _ := strings.Cut(history[i].CreatedBy, " # buildkit")
			if !strings.HasPrefix(text, "COPY ") && !strings.HasPrefix(text, "ADD ") {
				continue
			}
			id := blob.Digest.String()
			if layers[id] == nil {
				layers[id] = &made{text: text, size: blob.Size}
			}
			layers[id].platforms++
		}
	}
	var worst *made
	for _, m := range layers {
		if m.platforms > 1 && m.size >= largeLayer && r.unlinked(m.text) && (worst == nil || m.size*int64(m.platforms) > worst.size*int64(worst.platforms)) {
			worst = m
		}
	}
	if worst == nil {
		return nil
	}
	spent := worst.size * int64(worst.platforms-1)
	return &report.Hint{
		ID: "copy-link", Bytes: spent,
		Text: fmt.Sprintf("%s made the same layer of %s for %d platforms, each time anew: with --link it is made and compressed once",
			short(worst.text), report.Size(worst.size), worst.platforms),
	}
}

// unlinked reports whether a COPY or ADD of this Dockerfile made that layer, without --link.
func (r *run) unlinked(text string) bool {
	for _, s := range r.steps {
		if strings.HasPrefix(s.text, "COPY ") || strings.HasPrefix(s.text, "ADD ") {
			if !strings.Contains(s.text, " --link") && lastWord(s.text) == lastWord(text) {
				return true
			}
		}
	}
	return false
}

func lastWord(text string) string { return text[strings.LastIndexByte(text, ' ')+1:] }

func (r *run) rowOf(platform string) report.Platform {
	for _, row := range r.report.Platforms {
		if row.Platform.String() == platform {
			return row
		}
	}
	return report.Platform{}
}

func (r *run) executionOf(platform string) string { return r.rowOf(platform).Execution }

// short is an instruction in a sentence.
func short(text string) string {
	const longest = 60
	if runes := []rune(strings.Join(strings.Fields(text), " ")); len(runes) > longest {
		return string(runes[:longest-1]) + "…"
	}
	return text
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
