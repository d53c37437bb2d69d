package plan

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Course is how a build goes: what is looked at before it, how many platforms are built at once, and what ends it.
type Course struct {
	Preflight bool `json:"preflight"`
	// Parallel is how many platforms are built at once on one builder; 0: as many as its processors and memory allow.
	Parallel int  `json:"parallel,omitempty"`
	FailFast bool `json:"failFast,omitempty"` // the first platform that fails ends the others
	// AllowFailure are platforms without which the others are published.
	AllowFailure []Platform    `json:"allowFailure,omitempty"`
	Timeout      time.Duration `json:"platformTimeout,omitempty"` // nanoseconds, per platform; 0: none
}

// MayFail reports whether the others are published without a platform.
func (c Course) MayFail(p Platform) bool { return slices.ContainsFunc(c.AllowFailure, p.Equal) }

// courseInputs are how a build goes.
func courseInputs() []Input {
	return []Input{
		{
			Name: "preflight", Flag: "preflight", Kind: KindText, Default: "on", Help: "on: look for what will fail before the first step is built; off: do not",
			text: func(in *Inputs) *string { return &in.Preflight },
		},
		{
			Name: "parallel", Flag: "parallel", Kind: KindText, Help: "platforms to build at once on a builder (default: by its processors and memory)",
			text: func(in *Inputs) *string { return &in.Parallel },
		},
		{
			Name: "fail-fast", Flag: "fail-fast", Kind: KindBool, Default: "false", Help: "end the build when the first platform fails",
			text: func(in *Inputs) *string { return &in.FailFast },
		},
		{
			Name: "allow-failure", Flag: "allow-failure", Kind: KindList, Help: "platforms that are left out of the index if they fail, for example linux/riscv64",
			list: func(in *Inputs) *[]string { return &in.AllowFailure },
		},
		{
			Name: "platform-timeout", Flag: "platform-timeout", Kind: KindText, Help: "how long building one platform may take, for example 30m (default: no limit)",
			text: func(in *Inputs) *string { return &in.PlatformTimeout },
		},
	}
}

func (r *reader) course(platforms []Platform) Course {
	return Course{
		Preflight: oneOf(r, "--preflight", r.in.Preflight, "on", "off") == "on", Parallel: r.parallel(),
		FailFast: r.boolean("--fail-fast", r.in.FailFast), AllowFailure: r.allowFailure(platforms), Timeout: r.platformTimeout(),
	}
}

func (r *reader) parallel() int {
	if r.in.Parallel == "" {
		return 0
	}
	n, err := strconv.Atoi(r.in.Parallel)
	if err != nil || n < 1 {
		r.problem("--parallel", r.in.Parallel, "it is not a number of platforms", "write 1 or more, or leave it out")
	}
	return n
}

func (r *reader) allowFailure(platforms []Platform) []Platform {
	var out []Platform
	for _, text := range r.in.AllowFailure {
		p, err := ParsePlatform(text)
		switch {
		case err != nil:
			problem := err.(*InputError) //nolint:errorlint // ParsePlatform returns nothing else
			r.problem("--allow-failure", text, problem.Rule, problem.Hint)
		case len(platforms) > 0 && !slices.ContainsFunc(platforms, p.Equal):
			r.problem("--allow-failure", text, "it is not one of the platforms that are built", "name one that --platform names")
		case !slices.ContainsFunc(out, p.Equal):
			out = append(out, p)
		}
	}
	if n := len(platforms); n > 0 && len(out) == n {
		r.problem("--allow-failure", "", fmt.Sprintf("it names all %d platforms, so nothing might be left to publish", n), "leave out at least one that must be there")
	}
	return out
}

func (r *reader) platformTimeout() time.Duration {
	if r.in.PlatformTimeout == "" {
		return 0
	}
	timeout, err := time.ParseDuration(r.in.PlatformTimeout)
	if err != nil || timeout <= 0 {
		r.problem("--platform-timeout", r.in.PlatformTimeout, "it is not a positive duration", "write a number with a unit, for example 90s or 30m")
	}
	return timeout
}
