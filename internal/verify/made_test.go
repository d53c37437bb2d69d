package verify

import (
	"slices"
	"testing"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/verify/corpus"
)

// What finds something was made, so that nobody counts a check as passed that was not, or the other way round.
func TestWhatFindsSomethingWasMade(t *testing.T) {
	t.Parallel()
	for _, level := range []plan.Level{plan.VerifyOff, plan.VerifyManifest, plan.VerifyStatic, plan.VerifyFull} {
		t.Run(string(level), func(t *testing.T) {
			t.Parallel()
			found := map[string]bool{}
			for _, image := range corpus.Bad() {
				made := Made(level, platform(t, image.Platform))
				for _, f := range verifyCorpus(t, image, level) {
					if found[f.Check] = true; level != plan.VerifyOff && f.Check != checkProgramUnchecked && !slices.Contains(made, f.Check) {
						t.Errorf("%s found something, and is not said to be made", f.Check)
					}
				}
			}
			if level == plan.VerifyFull && len(found) < 35 {
				t.Errorf("only %d checks found something in the corpus", len(found))
			}
		})
	}
}

func TestMoreChecksAreMadeAtAHigherLevel(t *testing.T) {
	t.Parallel()
	p := platform(t, "linux/arm64")
	counts := []int{}
	for _, level := range []plan.Level{plan.VerifyOff, plan.VerifyManifest, plan.VerifyStatic, plan.VerifyFull} {
		made := Made(level, p)
		counts = append(counts, len(made))
		for _, id := range made {
			if !slices.ContainsFunc(Checks(), func(c Check) bool { return c.ID == id }) {
				t.Errorf("there is no check %s", id)
			}
		}
	}
	if counts[0] != 0 || counts[1] != 4 || counts[2] < 40 || counts[3] != counts[2]+4 {
		t.Errorf("%v checks are made at the levels, want 0, 4, 40 or more, and 4 more", counts)
	}
	if got := len(Made(plan.VerifyFull, platform(t, "windows/amd64"))); got != 4 {
		t.Errorf("%d checks are made of an image for Windows, want 4", got)
	}
}
