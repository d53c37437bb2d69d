package cli

import (
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/build"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/setup"
)

func TestNeedLines(t *testing.T) {
	t.Parallel()
	const cross = "executes nothing foreign: cross-compiled on linux/amd64"
	need := func(name string, needs bool, why string) build.Need {
		return build.Need{Platform: platform(t, name), Needs: needs, Why: why}
	}
	got := needLines([]build.Need{
		need("linux/amd64", false, "executes nothing foreign: it is the build platform's architecture"),
		need("linux/arm64", true, "RUN make (Dockerfile:7) executes on linux/arm64"),
		need("linux/riscv64", false, cross),
		need("linux/arm/v7", true, "RUN make (Dockerfile:7) executes on linux/arm/v7"),
		need("linux/ppc64le", false, cross),
		need("linux/386", true, "RUN make (Dockerfile:7) executes on linux/s390x"),
		need("linux/s390x", true, "cannot be told: it is a riddle"),
	}, platform(t, "linux/amd64"))
	want := []string{
		"linux/arm64, linux/arm/v7: its programs must run here: RUN make (Dockerfile:7)",
		"linux/riscv64, linux/ppc64le: no emulator needed: the build " + cross,
		"linux/386: its programs must run here: RUN make (Dockerfile:7) executes on linux/s390x",
		"linux/s390x: its programs must run here: cannot be told: it is a riddle",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("needLines() differs (-want +got):\n%s", diff)
	}
}

func TestExecution(t *testing.T) {
	t.Parallel()
	amd64, arm64, s390x := platform(t, "linux/amd64"), platform(t, "linux/arm64"), platform(t, "linux/s390x")
	served := func(p plan.Platform, way setup.Way) setup.Emulation {
		return setup.Emulation{Platforms: []plan.Platform{p}, Way: way, Version: "7.2.22"}
	}
	type result struct {
		Execution, By string
		Stays         bool
	}
	for _, test := range []struct {
		name      string
		emulation setup.Emulation
		need      build.Need
		platform  plan.Platform
		want      result
	}{
		{"by the processor", served(amd64, setup.WayNative), build.Need{}, amd64, result{"native", "", true}},
		{"by an emulator of this run", served(arm64, setup.WayRegistered), build.Need{}, arm64, result{"emulated", "QEMU 7.2.22", false}},
		{"by an emulator that was there", served(arm64, setup.WayPresent), build.Need{}, arm64, result{"emulated", "QEMU 7.2.22", true}},
		{"by nothing", served(arm64, setup.WayMissing), build.Need{Needs: true, Why: "RUN", Foreign: []plan.Platform{arm64}}, arm64, result{"none", "", false}},
		{"nothing was executed", served(amd64, setup.WayNative), build.Need{Why: "executes nothing"}, arm64, result{"cross", "", false}},
		{"another platform's programs were executed", served(s390x, setup.WayRegistered), build.Need{Needs: true, Why: "RUN", Foreign: []plan.Platform{s390x}}, arm64, result{"emulated", "QEMU 7.2.22", false}},
		{"nobody looked", setup.Emulation{}, build.Need{}, arm64, result{"none", "", false}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := finished(t, nil, io.Discard, nil)
			test.need.Platform = test.platform
			r.emulation, r.needs = []setup.Emulation{test.emulation}, []build.Need{test.need}
			var got result
			r.placed = map[string]plan.Assignment{test.platform.String(): {Platform: test.platform, Execution: plan.Unlisted}}
			_, got.Execution, got.By, got.Stays = r.execution(test.platform)
			if got != test.want {
				t.Errorf("execution() = %+v, want %+v", got, test.want)
			}
		})
	}
}
