package cli

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/build"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/report"
)

func TestPlatformsAreOnTheTimeLine(t *testing.T) {
	t.Parallel()
	amd64, arm64, s390x := mustPlatform(t, "linux/amd64"), mustPlatform(t, "linux/arm64"), mustPlatform(t, "linux/s390x")
	tests := []struct {
		name    string
		results func(began time.Time) []build.Result
		want    []report.Stage
	}{
		{
			"with what the frontend and the exporters did",
			func(began time.Time) []build.Result {
				return []build.Result{
					{Platform: amd64, Began: began.Add(time.Second), Ended: began.Add(3 * time.Second)},
					{Platform: arm64, Began: began.Add(2 * time.Second), Ended: began.Add(7 * time.Second)},
					{Platform: s390x}, // the frontend refused it
				}
			},
			[]report.Stage{
				{Name: "build/frontend", Start: 0, Seconds: 1},
				{Name: "build/linux/amd64", Start: 1, Seconds: 2},
				{Name: "build/linux/arm64", Start: 2, Seconds: 5},
				{Name: "build/export", Start: 7, Seconds: 3},
			},
		},
		{
			"but none if the frontend refused all",
			func(time.Time) []build.Result { return []build.Result{{Platform: amd64}} },
			nil,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				r := &run{timeline: report.NewTimeline(began)}
				time.Sleep(10 * time.Second) // the test's own clock
				r.timePlatforms(began, tt.results(began))
				if diff := cmp.Diff(tt.want, r.timeline.Stages()); diff != "" {
					t.Errorf("stages (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func mustPlatform(t *testing.T, text string) plan.Platform {
	t.Helper()
	p, err := plan.ParsePlatform(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
