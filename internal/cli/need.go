package cli

import (
	"context"
	"runtime"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/build"
	"github.com/org/multiarch-action/internal/plan"
)

// platformsToRun are the platforms whose programs must run here. With --binfmt always, and where
// nothing is to be built, nobody looks whether the build executes any.
func (r *run) platformsToRun(ctx context.Context) []plan.Platform {
	if r.plan.Binfmt == plan.BinfmtAlways || r.plan.Dockerfile == "" {
		return r.plan.Platforms
	}
	return r.neededPlatforms(ctx)
}

// neededPlatforms are the platforms whose programs must run here: those of this machine, and the foreign ones that the build or the
// smoke test executes.
func (r *run) neededPlatforms(ctx context.Context) []plan.Platform {
	machine := plan.PlatformOf(ocispec.Platform{OS: "linux", Architecture: runtime.GOARCH})
	r.needs = build.Needs(ctx, build.NeedRequest{
		Plan: r.plan, BuildPlatform: machine,
		BaseImages: build.BaseImages{Keychain: r.registry.Keychain, Transport: r.registry.Transport, Config: r.plan.Builder.Config},
	})
	for _, line := range needLines(r.needs, machine) {
		r.say("setup", "%s", line)
	}
	var out []plan.Platform
	for _, need := range r.needs {
		wanted := need.Foreign
		if need.Platform.Architecture() == machine.Architecture() {
			wanted = append([]plan.Platform{need.Platform}, wanted...)
		}
		for _, p := range wanted {
			if !slices.ContainsFunc(out, p.Equal) {
				out = append(out, p)
			}
		}
	}
	return out
}

// needLines say what was decided and why, one line for each reason. Of this machine's own programs there is nothing to say.
func needLines(needs []build.Need, machine plan.Platform) []string {
	var reasons []string
	platforms := map[string][]string{}
	for _, need := range needs {
		reason := "no emulator needed: the build " + need.Why
		switch {
		case need.Needs:
			// The platform begins the line already.
			reason = "its programs must run here: " + strings.TrimSuffix(need.Why, " executes on "+need.Platform.String())
		case need.Platform.Architecture() == machine.Architecture():
			continue
		}
		if platforms[reason] == nil {
			reasons = append(reasons, reason)
		}
		platforms[reason] = append(platforms[reason], need.Platform.String())
	}
	lines := make([]string, len(reasons))
	for i, reason := range reasons {
		lines[i] = strings.Join(platforms[reason], ", ") + ": " + reason
	}
	return lines
}

// needOf finds what was decided about a platform.
func (r *run) needOf(p plan.Platform) build.Need {
	for _, need := range r.needs {
		if need.Platform.Equal(p) {
			return need
		}
	}
	return build.Need{}
}
