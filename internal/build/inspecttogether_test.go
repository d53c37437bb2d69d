package build

import "testing"

func TestImagesThatWaitAreLookedAtTogether(t *testing.T) {
	t.Parallel()
	var g gathering
	add := func(want bool) {
		t.Helper()
		if got := g.first(&inspecting{}); got != want {
			t.Errorf("the work begins: %v, want %v", got, want)
		}
	}
	take := func(want int) {
		t.Helper()
		if got := len(g.next()); got != want {
			t.Errorf("%d images are looked at, want %d", got, want)
		}
	}
	add(true)
	take(1)
	add(false)
	add(false)
	take(2)
	take(0)
	add(true)
	add(false)
	take(2)
}
