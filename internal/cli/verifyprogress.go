package cli

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// counter counts what was read, from several goroutines.
type counter struct {
	bytes, total        atomic.Int64
	platforms, expected atomic.Int64
}

func (c *counter) read(n int) { c.bytes.Add(int64(n)) }

func (c *counter) expect(size int64) {
	c.total.Add(size)
	c.expected.Add(1)
}

func (c *counter) done() { c.platforms.Add(1) }

// String is how far it is.
func (c *counter) String() string {
	return fmt.Sprintf("verifying: %d of %d platforms, %.1f of %.1f MB", c.platforms.Load(), c.expected.Load(), float64(c.bytes.Load())/1e6, float64(c.total.Load())/1e6)
}

// progress shows on a terminal how far it is, in one line that goes away in the end.
func (v *imageVerifier) progress() (stop func()) {
	_, terminal := v.terminal()
	if !terminal {
		return func() {}
	}
	end := make(chan struct{})
	var shown sync.WaitGroup
	shown.Go(func() {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				fmt.Fprintf(v.Stderr, "\r\x1b[K%s", v.display)
			case <-end:
				fmt.Fprint(v.Stderr, "\r\x1b[K")
				return
			}
		}
	})
	return func() {
		close(end)
		shown.Wait()
	}
}
