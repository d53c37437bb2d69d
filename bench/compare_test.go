package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// recorder is a side that writes down what is asked of it.
type recorder struct {
	name string
	log  *[]string
	took []time.Duration // of one run after the other
	fail error
}

func (r *recorder) run(what string) (figure, error) {
	*r.log = append(*r.log, r.name+" "+what)
	took := r.took[0]
	r.took = r.took[1:]
	return figure{took: took}, r.fail
}

func (r *recorder) cold(context.Context, workload) (figure, error) { return r.run("cold") }
func (r *recorder) warm(context.Context, workload) (figure, error) { return r.run("warm") }
func (r *recorder) stop()                                          { *r.log = append(*r.log, r.name+" stop") }

func (r *recorder) start(context.Context, workload) error {
	*r.log = append(*r.log, r.name+" start")
	return nil
}

func TestCompareMeasuresTurnByTurn(t *testing.T) {
	t.Parallel()
	s := time.Second
	tests := []struct {
		name  string
		cache cache
		long  bool
		ours  []time.Duration
		want  string
		log   []string
	}{
		{
			"cold, without the first run", cold, false,
			[]time.Duration{90 * s, 2 * s},
			"x          cold           2.00 s         1.00 s     2.00        0 MiB        0 MiB",
			[]string{"ours cold", "chain cold", "ours cold", "chain cold"},
		},
		{
			"cold, with the first run of what takes long", cold, true,
			[]time.Duration{90 * s, 30 * s},
			"x          cold          90.00 s         1.00 s    90.00        0 MiB        0 MiB",
			[]string{"ours cold", "chain cold"},
		},
		{
			"warm, between start and stop", warm, true,
			[]time.Duration{90 * s, 3 * s},
			"x          warm           3.00 s         1.00 s     3.00        0 MiB        0 MiB",
			[]string{"ours start", "chain start", "ours warm", "chain warm", "ours warm", "chain warm", "chain stop", "ours stop"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var log []string
			w := workload{
				name: "x", long: tt.long,
				ours:  &recorder{name: "ours", log: &log, took: tt.ours},
				chain: &recorder{name: "chain", log: &log, took: []time.Duration{s, s}},
			}
			got, err := compare(t.Context(), w, tt.cache, 1)
			if err != nil || got != tt.want {
				t.Errorf("compare() = %q, %v, want %q", got, err, tt.want)
			}
			if diff := cmp.Diff(tt.log, log); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatWasStartedIsStoppedAfterAnError(t *testing.T) {
	t.Parallel()
	var log []string
	broken := errors.New("it broke")
	w := workload{
		ours:  &recorder{name: "ours", log: &log, took: []time.Duration{1}, fail: broken},
		chain: &recorder{name: "chain", log: &log},
	}
	if _, err := compare(t.Context(), w, warm, 1); !errors.Is(err, broken) {
		t.Errorf("compare() gives %v, want %v", err, broken)
	}
	if diff := cmp.Diff([]string{"ours start", "chain start", "ours warm", "chain stop", "ours stop"}, log); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}
