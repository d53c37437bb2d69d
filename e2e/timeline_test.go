//go:build e2e

package e2e

import (
	"strings"
	"testing"

	"github.com/org/multiarch-action/internal/report"
)

func TestTimeLineSaysWhatWaitedForWhat(t *testing.T) {
	t.Parallel()
	r := builds("../examples/hello", []string{"linux/amd64", "linux/s390x"}, "-t", tag(t), "--push").run(t)
	r.wantCode(t, 0)
	stages := map[string]report.Stage{}
	for _, s := range r.report.Stages {
		stages[s.Name] = s
	}
	const rounding = 0.0015
	for _, s := range r.report.Stages {
		whole, _, isPart := strings.Cut(s.Name, "/")
		if w := stages[whole]; isPart && (s.Start < w.Start-rounding || s.Start+s.Seconds > w.Start+w.Seconds+rounding) {
			t.Errorf("%s lasts from %.3f for %.3f s, which is not within %s, from %.3f for %.3f s", s.Name, s.Start, s.Seconds, whole, w.Start, w.Seconds)
		}
	}
	for _, order := range [][2]string{
		{"setup", "build"},
		{"build", "publish"},
		{"publish", "close"},
		{"setup/engine", "setup/image"},
		{"setup/image", "setup/container"},
		{"setup/handlers", "setup/boot"},
		{"setup/container", "setup/boot"},
		{"setup/registries", "build/frontend"},
		{"setup/boot", "build/frontend"},
		{"build/frontend", "build/linux/amd64"},
		{"build/frontend", "build/linux/s390x"},
		{"build/linux/s390x", "build/export"},
		{"build/export", "publish/index"},
		{"publish/index", "publish/tags"},
	} {
		first, there := stages[order[0]]
		second, alsoThere := stages[order[1]]
		if !there || !alsoThere {
			t.Errorf("the time line lacks %s or %s: %+v", order[0], order[1], r.report.Stages)
			continue
		}
		if first.Start+first.Seconds > second.Start+rounding {
			t.Errorf("%s ends at %.3f s, after %s has begun at %.3f s", first.Name, first.Start+first.Seconds, second.Name, second.Start)
		}
	}
}
