package plan

import (
	"encoding/csv"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/go-units"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/shlex"
)

// DriverOptions are the settings of the builder's container, under the names of docker buildx create --driver-opt
// (https://docs.docker.com/build/builders/drivers/docker-container/). The zero value of each leaves it to the engine.
type DriverOptions struct {
	Network      string `json:"network,omitempty"`
	Memory       int64  `json:"memory,omitempty"`     // bytes
	MemorySwap   int64  `json:"memorySwap,omitempty"` // bytes of memory and swap together; -1: no limit
	CPUQuota     int64  `json:"cpuQuota,omitempty"`   // microseconds in each period
	CPUPeriod    int64  `json:"cpuPeriod,omitempty"`  // microseconds
	CPUShares    int64  `json:"cpuShares,omitempty"`
	CPUSetCPUs   string `json:"cpusetCpus,omitempty"`
	CPUSetMems   string `json:"cpusetMems,omitempty"`
	CgroupParent string `json:"cgroupParent,omitempty"`
	// Env is the environment of BuildKit, NAME=VALUE. The values may be secrets: the proxy's password is often in its address.
	Env []string `json:"-"`
}

const (
	driverOpt = "--driver-opt"
	// minMemory is the least that the engine gives a container (6 MB, daemon/daemon_unix.go of moby).
	minMemory = 6 << 20
)

// driverOptionNames are the options that people know, in the order of buildx's documentation.
var driverOptionNames = []string{
	"image", "memory", "memory-swap", "cpu-quota", "cpu-period", "cpu-shares", "cpuset-cpus", "cpuset-mems", "default-load", "network",
	"cgroup-parent", "restart-policy", "env.NAME",
}

// cpuSet is a list of numbers and ranges (cpuset(7), list format).
var cpuSet = regexp.MustCompile(`^\d+(-\d+)?(,\d+(-\d+)?)*$`)

// driverReader reads driver options into a builder.
type driverReader struct {
	*reader
	builder     *Builder
	image       string
	defaultLoad bool
}

// driverOptions reads --driver-opt and --buildkitd-flags.
func (r *reader) driverOptions(p *Plan, b *Builder) {
	d := &driverReader{reader: r, builder: b}
	for i, line := range r.in.DriverOpts {
		// One line may hold several, as for buildx: a value with commas is quoted together with its name.
		fields, err := csv.NewReader(strings.NewReader(line)).Read()
		if err != nil {
			// Any part of it may be a secret of the environment, so none is shown.
			r.problem(driverOpt, "", fmt.Sprintf("the quotes of number %d do not match", i+1), `quote an option as a whole, for example '"cpuset-cpus=0,1"'`)
			continue
		}
		for _, field := range fields {
			d.option(strings.TrimSpace(field), strings.Contains(line, "env."))
		}
	}
	d.useImage()
	d.compareMemory()
	if d.defaultLoad && r.in.Load == "" && !p.Push && len(r.in.Platforms) == 1 && len(r.in.Tags) > 0 {
		p.Load = true
	}
	b.Flags = r.buildkitdFlags()
}

// option reads one option. What it does not know may be the rest of a secret that was cut at a comma, and is not shown then.
func (d *driverReader) option(text string, secret bool) {
	key, value, given := strings.Cut(text, "=")
	o := &d.builder.Options
	if env, ok := strings.CutPrefix(key, "env."); ok {
		if env == "" || !given {
			d.problem(driverOpt, key, "it names no variable and value", "for example env.BUILDKIT_DEBUG=1")
			return
		}
		o.Env = append(o.Env, env+"="+value)
		return
	}
	if !given && slices.Contains(driverOptionNames, key) || given && value == "" {
		d.problem(driverOpt, text, "it has no value", "write "+key+"=VALUE")
		return
	}
	switch key {
	case "image":
		d.image = value
	case "network":
		o.Network = value
	case "memory":
		o.Memory = d.bytes(text, value)
	case "memory-swap":
		o.MemorySwap = -1
		if value != "-1" {
			o.MemorySwap = d.bytes(text, value)
		}
	case "cpu-quota":
		o.CPUQuota = d.number(text, value, 1000, 1<<40)
	case "cpu-period":
		o.CPUPeriod = d.number(text, value, 1000, 1_000_000)
	case "cpu-shares":
		o.CPUShares = d.number(text, value, 2, 262144)
	case "cpuset-cpus":
		o.CPUSetCPUs = d.set(text, value)
	case "cpuset-mems":
		o.CPUSetMems = d.set(text, value)
	case "cgroup-parent":
		o.CgroupParent = value
	case "default-load":
		d.defaultLoad = d.boolean(driverOpt, value)
	case "restart-policy":
		d.problem(driverOpt, text, "a builder that has outlived its run must not come back with the engine", "leave it out; --keep-builder keeps a builder for further runs")
	default:
		if secret {
			key = ""
		}
		d.problem(driverOpt, key, "there is no such option", "known are: "+strings.Join(driverOptionNames, ", ")+`; quote an option whose value has commas, for example '"cpuset-cpus=0,1"'`)
	}
}

// bytes reads an amount of memory as docker does: 300m, 2g, or a plain number of bytes.
func (d *driverReader) bytes(text, value string) int64 {
	n, err := units.RAMInBytes(value)
	switch {
	case err != nil || n < 0:
		d.problem(driverOpt, text, "it is not an amount of memory", "write a number with a unit, for example 512m or 2g")
	case n < minMemory:
		d.problem(driverOpt, text, fmt.Sprintf("%d bytes are less than the 6 MB that the engine gives at least", n), "write a number with a unit, for example 512m or 2g")
	}
	return n
}

func (d *driverReader) number(text, value string, least, most int64) int64 {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < least || n > most {
		d.problem(driverOpt, text, fmt.Sprintf("it is not a number from %d to %d", least, most), "see docker run --help for what it means")
	}
	return n
}

func (d *driverReader) set(text, value string) string {
	if !cpuSet.MatchString(value) {
		d.problem(driverOpt, text, "it is not a list of numbers and ranges", `write for example 0-3, or '"cpuset-cpus=0,1"' in quotes for the comma`)
	}
	return value
}

// useImage lets the option stand for --buildkit-image. On GitHub that input always has a value, its default.
func (d *driverReader) useImage() {
	if d.image == "" {
		return
	}
	if given := d.in.BuildkitImage; given != "" && given != BuildkitImage && given != d.image {
		d.problem(driverOpt, "image="+d.image, "--buildkit-image names another image", "use one of the two")
	}
	if _, err := name.ParseReference(d.image, name.WeakValidation); err != nil {
		d.problem(driverOpt, "image="+d.image, "it is not an image reference", "for example image=moby/buildkit:v0.33.1")
	}
	d.builder.Image = d.image
}

// compareMemory finds what the engine would refuse.
func (d *driverReader) compareMemory() {
	o := d.builder.Options
	switch {
	case o.MemorySwap == 0 || o.MemorySwap == -1 && o.Memory > 0:
	case o.Memory == 0:
		d.problem(driverOpt, "memory-swap", "the engine takes it together with memory only", "add memory=…")
	case o.MemorySwap < o.Memory:
		d.problem(driverOpt, "memory-swap", "it is less than memory, and it counts both together", "raise it, or leave it out")
	}
}

// ownFlags are flags of buildkitd that this program sets itself, and what to use in their place.
var ownFlags = map[string]string{
	"--config": "use --buildkitd-config", "--addr": "leave it out: the builder is reached at its default address",
	"--root": "leave it out: the builder's volume is at its default folder",
}

// buildkitdFlags splits the flags as a shell does.
func (r *reader) buildkitdFlags() []string {
	words, err := shlex.Split(r.in.BuildkitdFlags)
	if err != nil {
		r.problem("--buildkitd-flags", r.in.BuildkitdFlags, "its quotes do not match", "write it as in a shell, for example '--debug --oci-worker-gc=false'")
	}
	for _, word := range words {
		flag, _, _ := strings.Cut(word, "=")
		if instead, ours := ownFlags[flag]; ours {
			r.problem("--buildkitd-flags", word, "this program sets it", instead)
		}
	}
	return words
}

// describesBuilder reports whether an input says how a builder is to be started.
func (r *reader) describesBuilder() bool {
	return r.in.BuildkitdConfig != "" || r.in.BuildkitdConfigInline != "" || r.in.BuildkitdFlags != "" || len(r.in.DriverOpts) > 0
}
