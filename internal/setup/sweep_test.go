package setup

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/containerd/errdefs"
)

func TestRemovingWaitsForWhoRemovesToo(t *testing.T) {
	t.Parallel()
	broken := errors.New("the engine is broken")
	for name, test := range map[string]struct {
		answers []error // the last one again and again
		want    error
		took    time.Duration
	}{
		"at once":                     {[]error{nil}, nil, 0},
		"it is not there":             {[]error{errdefs.ErrNotFound}, nil, 0},
		"somebody else takes it away": {[]error{errdefs.ErrConflict, errdefs.ErrConflict, errdefs.ErrNotFound}, nil, 100 * time.Millisecond},
		"it stays in use":             {[]error{errdefs.ErrConflict}, errdefs.ErrConflict, removePatience},
		"another problem":             {[]error{errdefs.ErrConflict, broken}, broken, 50 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				started, tries := time.Now(), 0
				err := insist(context.Background(), func() error {
					tries++
					return test.answers[min(tries, len(test.answers))-1]
				})
				if took := time.Since(started); !errors.Is(err, test.want) || err == nil != (test.want == nil) || took != test.took {
					t.Errorf("got %v after %s, want %v after %s", err, took, test.want, test.took)
				}
			})
		})
	}
}
