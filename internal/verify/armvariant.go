package verify

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
)

// ARMVariant works out which variant of 32-bit ARM an image is for whose config does not say: the least that has all that the programs
// which it starts, and their C library, were built for. by says which file decided and what it is; it is empty, as is the
// variant, where no program says anything. An error means that the image could not be read.
func ARMVariant(ctx context.Context, config ocispec.Image, files Files) (variant, by string, err error) {
	r := newRun(plan.PlatformOf(ocispec.Platform{OS: "linux", Architecture: "arm", Variant: "v7"}), config.Config, files)
	if err := r.programs(ctx); err != nil {
		return "", "", fmt.Errorf("working out the variant of ARM: %w", err)
	}
	for _, path := range slices.Sorted(maps.Keys(r.known)) {
		says := r.known[path]
		if !r.started[path] && !isCLibrary(says.soname) {
			continue
		}
		if v, what := says.armVariant(); v > variant {
			variant, by = v, path+" is "+what
		}
	}
	return variant, by, nil
}

// armVariant is the least variant that runs a program, and what it was built for; empty if it does not say.
func (d details) armVariant() (variant, what string) {
	if goarm, _, _ := strings.Cut(d.goInfo["GOARM"], ","); goarm != "" {
		for _, v := range []string{"v5", "v6", "v7"} {
			if "v"+goarm == v {
				return v, "a Go program built with GOARM=" + goarm
			}
		}
	}
	if !d.arm.known {
		return "", ""
	}
	for _, v := range []string{"v5", "v6", "v7", "v8"} {
		if slices.Contains(armArchs[v], d.arm.arch) {
			return v, "built for ARM" + armArchNames[d.arm.arch]
		}
	}
	return "", ""
}
