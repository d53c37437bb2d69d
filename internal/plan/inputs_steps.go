package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/docker/go-units"
	"github.com/moby/buildkit/util/entitlements"
)

// Steps is how RUN instructions are executed, and what of them is taken from the cache. The zero value leaves all to the builder.
type Steps struct {
	Network      string   `json:"network,omitempty"`  // host or none
	Hosts        []string `json:"addHosts,omitempty"` // lines for /etc/hosts, as NAME=ADDRESS or NAME=HostGateway
	ShmSize      int64    `json:"shmSize,omitempty"`  // bytes
	Ulimits      []string `json:"ulimits,omitempty"`  // as NAME=SOFT:HARD
	CgroupParent string   `json:"cgroupParent,omitempty"`
	// NoCache executes every step anew; NoCacheStages those of some stages, by name.
	NoCache       bool     `json:"noCache,omitempty"`
	NoCacheStages []string `json:"noCacheFilters,omitempty"`
	Pull          bool     `json:"pull,omitempty"` // look for newer base images, also where the builder has one
	// Resources are limits of each RUN, by the names of BuildKit's frontend.
	Resources map[string]string `json:"resources,omitempty"`
	// Entitlements are what steps may do beyond their sandbox, by BuildKit's names.
	Entitlements []string `json:"allow,omitempty"`
}

// stepInputs are how steps are executed.
func stepInputs() []Input {
	return []Input{
		{
			Name: "no-cache", Flag: "no-cache", Kind: KindBool, Default: "false", Help: "execute every step, also those that a cache has",
			text: func(in *Inputs) *string { return &in.NoCache },
		},
		{
			Name: "no-cache-filters", Flag: "no-cache-filter", Kind: KindList, Help: "stages of which every step is executed",
			list: func(in *Inputs) *[]string { return &in.NoCacheFilters },
		},
		{
			Name: "pull", Flag: "pull", Kind: KindBool, Default: "false", Help: "look for newer base images, also where the builder has some",
			text: func(in *Inputs) *string { return &in.Pull },
		},
		{
			Name: "network", Flag: "network", Kind: KindText, Default: "default", Help: "network of RUN: default, none or host",
			text: func(in *Inputs) *string { return &in.Network },
		},
		{
			Name: "add-hosts", Flag: "add-host", Kind: KindList, Help: "line for /etc/hosts of RUN, for example db.example.org:10.0.0.7 or up.example.org:host-gateway",
			list: func(in *Inputs) *[]string { return &in.AddHosts },
		},
		{
			Name: "shm-size", Flag: "shm-size", Kind: KindText, Help: "size of /dev/shm of RUN, for example 1g",
			text: func(in *Inputs) *string { return &in.ShmSize },
		},
		{
			Name: "ulimit", Flag: "ulimit", Kind: KindLines, Help: "limit of RUN, for example nofile=1024:2048",
			list: func(in *Inputs) *[]string { return &in.Ulimit },
		},
		{
			Name: "cgroup-parent", Flag: "cgroup-parent", Kind: KindText, Help: "parent of the control groups of RUN",
			text: func(in *Inputs) *string { return &in.CgroupParent },
		},
		{
			Name: "allow", Flag: "allow", Kind: KindList, whole: true, Help: "what RUN may do beyond its sandbox: network.host, security.insecure or device; or buildx.local.delete for mode=delete of an output",
			list: func(in *Inputs) *[]string { return &in.Allow },
		},
		{
			Name: "resources", Flag: "resource", Kind: KindLines, Help: "limit of each RUN, for example memory=2g or cpu-quota=50000 (BuildKit 0.33 or newer)",
			list: func(in *Inputs) *[]string { return &in.Resources },
		},
	}
}

func (r *reader) steps() Steps {
	s := Steps{
		CgroupParent:  strings.TrimSpace(r.in.CgroupParent),
		NoCache:       r.boolean("--no-cache", r.in.NoCache),
		NoCacheStages: r.in.NoCacheFilters,
		Pull:          r.boolean("--pull", r.in.Pull),
		Hosts:         r.hosts(),
		Ulimits:       r.ulimits(),
		Resources:     r.resources(),
		Entitlements:  r.entitlements(),
	}
	switch r.in.Network {
	case "", "default":
	case "none":
		s.Network = "none"
	case "host":
		s.Network = "host"
		if host := string(entitlements.EntitlementNetworkHost); !slices.Contains(s.Entitlements, host) {
			s.Entitlements = append(s.Entitlements, host)
		}
	default:
		r.problem("--network", r.in.Network, "RUN has no such network", "write default, none or host; the builder's own network is --driver-opt network="+r.in.Network)
	}
	if r.in.ShmSize != "" {
		size, err := units.RAMInBytes(r.in.ShmSize)
		if err != nil || size <= 0 {
			r.problem("--shm-size", r.in.ShmSize, "it is not a size", "write a number with a unit, for example 64m or 1g")
		}
		s.ShmSize = size
	}
	return s
}

// HostGateway is what docker build takes for the address of the builder's host in --add-host.
const HostGateway = "host-gateway"

// NamesGateway reports whether HostGateway is among the hosts.
func (s Steps) NamesGateway() bool {
	return slices.ContainsFunc(s.Hosts, func(host string) bool { return strings.HasSuffix(host, "="+HostGateway) })
}

// HostsAt returns the hosts for a builder whose own host has the address.
func (s Steps) HostsAt(address string) []string {
	out := make([]string, len(s.Hosts))
	for i, host := range s.Hosts {
		out[i] = host
		if name, found := strings.CutSuffix(host, "="+HostGateway); found {
			out[i] = name + "=" + address
		}
	}
	return out
}

// hosts reads NAME:ADDRESS and NAME=ADDRESS; an address may stand in brackets, and several be separated by commas.
func (r *reader) hosts() []string {
	var out []string
	for _, text := range r.in.AddHosts {
		name, addresses, found := strings.Cut(text, "=")
		if !found {
			name, addresses, _ = strings.Cut(text, ":")
		}
		if name == "" || addresses == "" {
			r.problem("--add-host", text, "it is not NAME:ADDRESS", "for example --add-host db.example.org:10.0.0.7")
			continue
		}
		if addresses == HostGateway {
			out = append(out, name+"="+HostGateway)
			continue
		}
		for address := range strings.SplitSeq(addresses, ",") {
			ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(address, "["), "]"))
			if err != nil {
				r.problem("--add-host", text, fmt.Sprintf("%q is not an IP address", address), "for example --add-host db.example.org:10.0.0.7")
				continue
			}
			out = append(out, name+"="+ip.String())
		}
	}
	return out
}

func (r *reader) ulimits() []string {
	var out []string
	for _, text := range r.in.Ulimit {
		limit, err := units.ParseUlimit(text)
		if err != nil {
			r.problem("--ulimit", text, "it is not a limit: "+err.Error(), "for example --ulimit nofile=1024:2048")
			continue
		}
		out = append(out, limit.String())
	}
	return out
}

func (r *reader) entitlements() []string {
	var out []string
	for _, text := range r.in.Allow {
		if text == allowDelete {
			continue
		}
		if _, _, err := entitlements.Parse(text); err != nil {
			r.problem("--allow", text, "there is no such entitlement", "write network.host, security.insecure, device or "+allowDelete)
			continue
		}
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}

// allowOnBuilder gives a builder that is started the flags without which it refuses the entitlements. What another builder allows is
// its owner's to say.
func (s Steps) allowOnBuilder(b *Builder) {
	if !b.Started() {
		return
	}
	for _, text := range s.Entitlements {
		name, _, _ := strings.Cut(text, "=")
		if flag := "--allow-insecure-entitlement=" + name; !slices.Contains(b.Flags, flag) {
			b.Flags = append(b.Flags, flag)
		}
	}
}
