package cli

import (
	"errors"
	"fmt"

	"github.com/org/multiarch-action/internal/build"
	"github.com/org/multiarch-action/internal/explain"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/report"
	"github.com/org/multiarch-action/internal/setup"
)

// explanation says what a platform's failure means, as far as it is a known one. What this run knows itself comes before what a text
// tells.
func (r *run) explanation(p plan.Platform, f *build.Failure) report.Explanation {
	var hinted interface{ Hint() string }
	switch {
	case f.EmulatorCrash != nil:
		return report.Explanation{Evidence: f.EmulatorCrash.Said, Hint: r.crashHint(f.EmulatorCrash)}
	case errors.As(f, &hinted):
		return report.Explanation{Hint: hinted.Hint()}
	}
	if known, ok := explain.Find(f.Error(), f.Output, r.facts(p)); ok {
		return explained(known)
	}
	if f.ExitCode == setup.ExitKilled {
		return report.Explanation{
			Cause: "the step was killed, mostly by the kernel because memory ran out (dmesg tells)", Evidence: fmt.Sprintf("exit status %d", f.ExitCode),
			Hint: setup.MoreMemory(r.plan.Builder.Options.Memory),
		}
	}
	return report.Explanation{}
}

// facts are what the explanation of a failure may mention.
func (r *run) facts(p plan.Platform) explain.Facts {
	facts := explain.Facts{"platform": p.String(), "memory": setup.MoreMemory(r.plan.Builder.Options.Memory)}
	if placed, ok := r.placed[p.String()]; ok && !r.nodes[placed.Node].here && placed.Execution == plan.Unlisted {
		facts["noemulator"] = r.nodes[placed.Node].name + " does not list it"
		facts["emulatorhint"] = "register emulators on its machine, or add a node of that architecture by --node ADDRESS"
	} else if e, ok := r.emulationOf(p); ok && e.Way == setup.WayMissing {
		facts["noemulator"], facts["emulatorhint"] = e.Problem, e.Hint
	}
	return facts
}

// explanationOf says what an error of the whole run means: in the words of whoever found it, else if its text is a known one.
func explanationOf(err error) *report.Explanation {
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		return &report.Explanation{Hint: hinted.Hint()}
	}
	if known, ok := explain.Find(err.Error(), nil, nil); ok {
		found := explained(known)
		return &found
	}
	return nil
}

func explained(known explain.Explanation) report.Explanation {
	return report.Explanation{Cause: known.Cause, Evidence: known.Evidence, Hint: known.Next}
}
