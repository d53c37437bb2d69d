package verify

import (
	"strings"

	"github.com/org/multiarch-action/internal/plan"
)

// Made are the ids of the checks that Inspect makes of one platform's image at a level: those that find nothing have passed. What an image
// holds for other systems than Linux nobody looks at.
func Made(level plan.Level, p plan.Platform) []string {
	if level == plan.VerifyOff {
		return nil
	}
	out := []string{checkConfigPlatform, checkConfigVariant, checkConfigVersion, checkConfigMissingArch}
	if level == plan.VerifyManifest || p.OS() != "linux" {
		return out
	}
	out = append(out, checkConfigEnv)
	for _, c := range checks {
		family, _, _ := strings.Cut(c.ID, "/")
		if family == "program" || family == "config" && c.Cost == CostHeaders || family == "files" && level == plan.VerifyFull {
			out = append(out, c.ID)
		}
	}
	return out
}
