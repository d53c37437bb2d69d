package cli

import (
	"fmt"
	"slices"

	buildkit "github.com/moby/buildkit/client"

	"github.com/org/multiarch-action/internal/report"
)

// warnings are what BuildKit warned of, each once: it says the same for every platform. One goroutine at a time uses it.
type warnings struct{ all []report.Warning }

// fresh keeps what was not said before.
func (w *warnings) fresh(said []*buildkit.VertexWarning) []*buildkit.VertexWarning {
	return slices.DeleteFunc(said, func(v *buildkit.VertexWarning) bool {
		warning := report.Warning{Text: string(v.Short), URL: v.URL}
		for _, line := range v.Detail {
			warning.Detail = append(warning.Detail, string(line))
		}
		if v.SourceInfo != nil && len(v.Range) > 0 {
			warning.File, warning.Line = v.SourceInfo.Filename, int(v.Range[0].Start.Line)
		}
		same := func(other report.Warning) bool {
			return other.Text == warning.Text && other.File == warning.File && other.Line == warning.Line
		}
		if slices.ContainsFunc(w.all, same) {
			return true
		}
		w.all = append(w.all, warning)
		return false
	})
}

// warningText is a warning with the address of what says more, if there is one.
func warningText(text, url string) string {
	if url == "" {
		return text
	}
	return fmt.Sprintf("%s (%s)", text, url)
}
