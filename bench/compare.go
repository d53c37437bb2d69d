package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// side is one of the two that are compared, at one kind of work.
type side interface {
	// cold does the work where nothing is there, and takes away what it made.
	cold(ctx context.Context, w workload) (figure, error)
	// start makes what warm finds.
	start(ctx context.Context, w workload) error
	// warm does the work where everything is there.
	warm(ctx context.Context, w workload) (figure, error)
	// stop takes away what start made, also after an error or an interrupt.
	stop()
}

type cache string

const (
	cold cache = "cold"
	warm cache = "warm"
)

// figure is one run of one side.
type figure struct {
	took time.Duration
	cpu  time.Duration // of the side's own processes
	peak int64         // bytes; of the largest process of the side's own, without the engine and BuildKit, which both sides share
}

// compare measures both sides turn by turn and gives a row of the table.
func compare(ctx context.Context, w workload, cache cache, runs int) (string, error) {
	uncounted := 1
	measure := map[side]func(context.Context, workload) (figure, error){w.ours: w.ours.cold, w.chain: w.chain.cold}
	sides := []side{w.ours, w.chain}
	switch cache {
	case warm:
		for _, s := range sides {
			defer s.stop()
			if err := s.start(ctx, w); err != nil {
				return "", err
			}
			measure[s] = s.warm
		}
	case cold:
		if w.long {
			uncounted = 0
		}
	}
	figures := map[side][]figure{}
	for i := range uncounted + runs {
		for _, s := range sides {
			f, err := measure[s](ctx, w)
			if err != nil {
				return "", err
			}
			if i >= uncounted {
				figures[s] = append(figures[s], f)
			}
		}
	}
	return row(w.name, cache, median(figures[w.ours]), median(figures[w.chain])), nil
}

func row(name string, cache cache, our, their figure) string {
	mebibytes := func(bytes int64) float64 { return float64(bytes) / (1 << 20) }
	return fmt.Sprintf("%-10s %-6s %12.2f s %12.2f s %8.2f %8.0f MiB %8.0f MiB", name, cache, our.took.Seconds(), their.took.Seconds(),
		our.took.Seconds()/their.took.Seconds(), mebibytes(our.peak), mebibytes(their.peak))
}

// median returns the median time and the median peak, which may be of two runs.
func median(figures []figure) figure {
	times := make([]time.Duration, len(figures))
	peaks := make([]int64, len(figures))
	for i, f := range figures {
		times[i], peaks[i] = f.took, f.peak
	}
	slices.Sort(times)
	slices.Sort(peaks)
	return figure{took: times[len(times)/2], peak: peaks[len(peaks)/2]}
}
