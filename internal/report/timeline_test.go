package report_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/report"
)

func TestTimelineRecordsWhatHappensAtOnce(t *testing.T) {
	t.Parallel()
	errBoot := errors.New("it did not boot")
	synctest.Test(t, func(t *testing.T) {
		line := report.NewTimeline(time.Now())
		takes := func(d time.Duration, err error) func() error {
			return func() error {
				time.Sleep(d) // the test's own clock
				return err
			}
		}
		err := line.Timed("setup", func() error {
			var parts sync.WaitGroup
			parts.Go(func() { _ = line.Timed("setup/handlers", takes(2*time.Second, nil)) })
			parts.Go(func() { _ = line.Timed("setup/engine", takes(1500*time.Microsecond, nil)) })
			time.Sleep(time.Second)
			err := line.Timed("setup/boot", takes(3*time.Second, errBoot))
			parts.Wait()
			return err
		})
		if !errors.Is(err, errBoot) {
			t.Errorf("Timed() gives %v, want %v", err, errBoot)
		}
		want := []report.Stage{
			{Name: "setup", Start: 0, Seconds: 4},
			{Name: "setup/engine", Start: 0, Seconds: 0.002},
			{Name: "setup/handlers", Start: 0, Seconds: 2},
			{Name: "setup/boot", Start: 1, Seconds: 3},
		}
		if diff := cmp.Diff(want, line.Stages()); diff != "" {
			t.Errorf("Stages() (-want +got):\n%s", diff)
		}
	})
}

func TestTimeLineOfVeryManyPlatformsIsCut(t *testing.T) {
	t.Parallel()
	run := published(t)
	for i := range 1000 {
		run.Stages = append(run.Stages, report.Stage{Name: fmt.Sprintf("build/linux/cpu%d", i), Start: 2, Seconds: 1 + float64(i)/1000})
	}
	var b bytes.Buffer
	if err := run.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	rows := strings.Count(b.String(), " s :")
	if got := strings.Count(b.String(), "linux/cpu"); rows != 40 || got != 37 {
		t.Errorf("%d bars are in the Markdown, %d of them of 1000 platforms, want 40 and 37", rows, got)
	}
	if !strings.Contains(b.String(), "linux/cpu999 ") || strings.Contains(b.String(), "linux/cpu0 ") {
		t.Error("the longest are not those that are there")
	}
}

// Every name comes out as one that Mermaid takes for a name.
func TestChartHoldsNoGrammarInNames(t *testing.T) {
	t.Parallel()
	run := published(t)
	run.Stages = []report.Stage{
		{Name: "build", Seconds: 100}, {Name: "build/a:crit, 5;b#c%d\n    section evil", Seconds: 50}, {Name: "build/linux/arm64", Start: 3, Seconds: 97},
	}
	run.Platforms[1].Status = report.StatusFailed
	var b bytes.Buffer
	if err := run.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	want := "```mermaid\ngantt\n    dateFormat x\n    axisFormat %s s\n    tickInterval 15second\n    todayMarker off\n    section build\n" +
		"    a-crit--5-b-c-d-----section-evil 50.0 s :0, 50000\n    linux/arm64 97.0 s :crit, 3000, 100000\n```\n"
	if !strings.Contains(b.String(), want) {
		t.Errorf("the Markdown does not hold\n%s\nbut is\n%s", want, b.String())
	}
}
