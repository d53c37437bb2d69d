package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/plan"
)

func TestDriverOptions(t *testing.T) {
	t.Parallel()
	p := newPlan(t, with(func(in *plan.Inputs) {
		in.DriverOpts = []string{
			"network=host", "memory=2g,memory-swap=-1", "cpu-quota=50000", "cpu-period=100000", "cpu-shares=512", `"cpuset-cpus=0,2-3"`, "cpuset-mems=0",
			"cgroup-parent=/builds", "env.HTTP_PROXY=http://proxy:3128", `"env.NO_PROXY=a,b"`, "env.EMPTY=", "image=ghcr.io/me/buildkit:1", "default-load=true",
		}
		in.BuildkitImage = plan.BuildkitImage // as on GitHub, where an input has its default
		in.BuildkitdFlags = `--debug --oci-worker-labels "a b=c"`
		in.Tags = []string{"app:dev"}
	}), nil)
	want := plan.DriverOptions{
		Network: "host", Memory: 2 << 30, MemorySwap: -1, CPUQuota: 50000, CPUPeriod: 100000, CPUShares: 512, CPUSetCPUs: "0,2-3", CPUSetMems: "0",
		CgroupParent: "/builds", Env: []string{"HTTP_PROXY=http://proxy:3128", "NO_PROXY=a,b", "EMPTY="},
	}
	if diff := cmp.Diff(want, p.Builder.Options); diff != "" {
		t.Errorf("Options differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"--debug", "--oci-worker-labels", "a b=c"}, p.Builder.Flags); diff != "" {
		t.Errorf("Flags differ (-want +got):\n%s", diff)
	}
	if got, want := p.Builder.Image, "ghcr.io/me/buildkit:1"; got != want {
		t.Errorf("Image = %q, want %q", got, want)
	}
	if !p.Builder.HostNetwork || !p.Load {
		t.Errorf("HostNetwork = %t, Load = %t, want both", p.Builder.HostNetwork, p.Load)
	}
}

func TestDefaultLoadGivesWay(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*plan.Inputs){
		"a push":            func(in *plan.Inputs) { in.Push = "true" },
		"a word against it": func(in *plan.Inputs) { in.Load = "false" },
		"no tag":            func(in *plan.Inputs) { in.Tags = nil },
		"two platforms":     func(in *plan.Inputs) { in.Platforms = []string{"linux/amd64", "linux/arm64"} },
	} {
		p := newPlan(t, with(func(in *plan.Inputs) {
			in.Tags, in.DriverOpts = []string{"ghcr.io/a/b:1"}, []string{"default-load=true"}
			change(in)
		}), nil)
		if p.Load {
			t.Errorf("%s: Load is on", name)
		}
	}
}

func TestDriverOptionsRefuse(t *testing.T) {
	t.Parallel()
	const amount = "write a number with a unit, for example 512m or 2g"
	for _, test := range []struct{ name, option, want string }{
		{"an unknown one", "ram=1g", `--driver-opt "ram": there is no such option; known are: image, memory, memory-swap, cpu-quota, cpu-period, cpu-shares, cpuset-cpus, cpuset-mems, default-load, network, cgroup-parent, restart-policy, env.NAME; quote an option whose value has commas, for example '"cpuset-cpus=0,1"'`},
		{"one that outlives the run", "restart-policy=always", `--driver-opt "restart-policy=always": a builder that has outlived its run must not come back with the engine; leave it out; --keep-builder keeps a builder for further runs`},
		{"memory that is none", "memory=lots", `--driver-opt "memory=lots": it is not an amount of memory; ` + amount},
		{"memory without a unit", "memory=512", `--driver-opt "memory=512": 512 bytes are less than the 6 MB that the engine gives at least; ` + amount},
		{"swap without memory", "memory-swap=1g", `--driver-opt "memory-swap": the engine takes it together with memory only; add memory=…`},
		{"swap below memory", "memory=2g,memory-swap=1g", `--driver-opt "memory-swap": it is less than memory, and it counts both together; raise it, or leave it out`},
		{"a quota that is none", "cpu-quota=half", `--driver-opt "cpu-quota=half": it is not a number from 1000 to 1099511627776; see docker run --help for what it means`},
		{"too long a period", "cpu-period=2000000", `--driver-opt "cpu-period=2000000": it is not a number from 1000 to 1000000; see docker run --help for what it means`},
		{"processors that are none", "cpuset-cpus=all", `--driver-opt "cpuset-cpus=all": it is not a list of numbers and ranges; write for example 0-3, or '"cpuset-cpus=0,1"' in quotes for the comma`},
		{"no value", "network", `--driver-opt "network": it has no value; write network=VALUE`},
		{"an empty value", "network=", `--driver-opt "network=": it has no value; write network=VALUE`},
		{"no variable", "env.=1", `--driver-opt "env.": it names no variable and value; for example env.BUILDKIT_DEBUG=1`},
		{"a word where true or false should be", "default-load=maybe", `--driver-opt "maybe": it is neither true nor false; write true or false`},
		{"an image that is none", "image=a b", `--driver-opt "image=a b": it is not an image reference; for example image=moby/buildkit:v0.33.1`},
		{"open quotes, with a secret", `"env.A=s3cret`, `--driver-opt: the quotes of number 1 do not match; quote an option as a whole, for example '"cpuset-cpus=0,1"'`},
		{"a secret with a comma", `env.A=s3,cret`, `--driver-opt: there is no such option; known are: image, memory, memory-swap, cpu-quota, cpu-period, cpu-shares, cpuset-cpus, cpuset-mems, default-load, network, cgroup-parent, restart-policy, env.NAME; quote an option whose value has commas, for example '"cpuset-cpus=0,1"'`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			wantProblem(t, func(in *plan.Inputs) { in.DriverOpts = []string{test.option} }, test.want)
		})
	}
	wantProblem(t, func(in *plan.Inputs) { in.DriverOpts, in.BuildkitImage = []string{"image=a:1"}, "b:1" },
		`--driver-opt "image=a:1": --buildkit-image names another image; use one of the two`)
	wantProblem(t, func(in *plan.Inputs) { in.DriverOpts, in.Builder = []string{"memory=1g"}, "b" },
		`--builder "b": a builder's configuration is given too, and that of a running one cannot be changed; leave out one of the two`)
	wantProblem(t, func(in *plan.Inputs) { in.BuildkitdFlags = "--config=/x" }, `--buildkitd-flags "--config=/x": this program sets it; use --buildkitd-config`)
	wantProblem(t, func(in *plan.Inputs) { in.BuildkitdFlags = "'" }, `--buildkitd-flags "'": its quotes do not match; write it as in a shell, for example '--debug --oci-worker-gc=false'`)
}

// wantProblem checks that the inputs are refused with exactly this text.
func wantProblem(t *testing.T, change func(*plan.Inputs), want string) {
	t.Helper()
	_, err := plan.New(with(change), world(nil))
	if err == nil {
		t.Fatal("New() gives no error")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("New() differs (-want +got):\n%s", diff)
	}
}
