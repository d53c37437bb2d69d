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
		run.Stages = append(run.Stages, report.Stage{Name: fmt.Sprintf("build/linux/cpu%d", i), Start: 2, Seconds: 1})
	}
	var b bytes.Buffer
	if err := run.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(b.String(), "linux/cpu"); got != 47 {
		t.Errorf("%d of 1000 rows are in the Markdown, want 47 beside the 13 that come before", got)
	}
	if want := "and 953 more"; !strings.Contains(b.String(), want) {
		t.Errorf("the Markdown does not say %q", want)
	}
}
