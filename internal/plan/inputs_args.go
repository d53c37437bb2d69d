package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Label is a label of the image's config.
type Label struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Override is what one platform is built with instead of what the others are. Its zero value changes nothing.
type Override struct {
	Dockerfile string     `json:"dockerfile,omitempty"` // as in Plan
	Target     string     `json:"target,omitempty"`
	BuildArgs  []BuildArg `json:"buildArgs,omitempty"` // beside those of the plan, and before them where both have one
}

// argumentInputs are values that Dockerfiles and images get.
func argumentInputs() []Input {
	return []Input{
		{
			Name: "build-args", Flag: "build-arg", Kind: KindLines, Help: "build argument NAME=VALUE, or NAME to take the value from the environment",
			list: func(in *Inputs) *[]string { return &in.BuildArgs },
		},
		{
			Name: "labels", Flag: "label", Kind: KindLines, Help: "label NAME=VALUE of the image",
			list: func(in *Inputs) *[]string { return &in.Labels },
		},
		{
			Name: "platform-overrides", Flag: "platform-overrides", Kind: KindText, Help: "build-args, file and target for one platform, as YAML: {linux/arm64: {target: small}}",
			text: func(in *Inputs) *string { return &in.PlatformOverrides },
		},
	}
}

func (r *reader) buildArgs() []BuildArg {
	var out []BuildArg
	for i, text := range r.in.BuildArgs {
		if arg, ok := r.buildArg(text, "--build-arg", strconv.Itoa(i+1)); ok {
			out = append(out, arg)
		}
	}
	return out
}

// buildArg reads one argument. A name without a value is left out if the environment has none for it: then the Dockerfile's counts.
func (r *reader) buildArg(text, input, which string) (BuildArg, bool) {
	key, value, given := strings.Cut(text, "=")
	if key == "" || strings.ContainsAny(key, " \t") {
		// Any part of it may be a secret, so none is shown.
		r.problem(input, "", fmt.Sprintf("number %s is not NAME=VALUE", which), "for example --build-arg VERSION=1.4")
		return BuildArg{}, false
	}
	if !given {
		if value = r.world.Getenv(key); value == "" {
			return BuildArg{}, false
		}
	}
	if key == "BUILDKIT_SYNTAX" && strings.TrimSpace(value) == "" {
		r.problem(input, text, "it names no frontend", "for example --build-arg BUILDKIT_SYNTAX=docker/dockerfile:1, or leave out the =")
		return BuildArg{}, false
	}
	if key == multiPlatformArg {
		r.multiPlatform(input, text, value)
	}
	return BuildArg{Name: key, Value: value}, true
}

// multiPlatform refuses what the frontend would refuse for every platform.
func (r *reader) multiPlatform(input, text, value string) {
	switch on, err := strconv.ParseBool(value); {
	case value == "":
	case err != nil:
		r.problem(input, text, "it is neither true nor false", "write "+multiPlatformArg+"=1, or leave it out")
	case !on && len(r.in.Platforms) > 1:
		r.problem(input, text, "several platforms are named, whose image is an index", "leave it out, or name one --platform")
	}
}

func (r *reader) labels() []Label {
	var out []Label
	for i, text := range r.in.Labels {
		key, value, _ := strings.Cut(text, "=")
		if key == "" {
			r.problem("--label", text, fmt.Sprintf("number %d has no name", i+1), "for example --label org.opencontainers.image.title=app")
			continue
		}
		out = append(slices.DeleteFunc(out, func(other Label) bool { return other.Name == key }), Label{Name: key, Value: value})
	}
	return out
}

// sourceDateEpoch is that of the environment, or of a build argument, which counts more.
func (r *reader) sourceDateEpoch(args []BuildArg) *int64 {
	const name = "SOURCE_DATE_EPOCH"
	text := r.world.Getenv(name)
	for _, arg := range args {
		if arg.Name == name {
			text = arg.Value
		}
	}
	if text == "" || text == "context" { // the frontend takes the time of the commit of a Git context
		return nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds < 0 {
		r.problem(name, text, "it is not a number of seconds since 1970", "for example $(git log -1 --format=%ct)")
		return nil
	}
	return &seconds
}

// rawOverride is an override as it is written. Build arguments are a list, a map, or lines.
type rawOverride struct {
	File      string    `yaml:"file"`
	Target    string    `yaml:"target"`
	BuildArgs yaml.Node `yaml:"build-args"`
}

const (
	overridesInput = "--platform-overrides"
	overridesHint  = "for example {linux/arm64: {target: small, build-args: [VARIANT=small]}}"
)

// overrides reads what platforms are built with otherwise, by platform.
func (r *reader) overrides(p *Plan) map[string]Override {
	if strings.TrimSpace(r.in.PlatformOverrides) == "" {
		return nil
	}
	var raw map[string]rawOverride
	decoder := yaml.NewDecoder(strings.NewReader(r.in.PlatformOverrides))
	decoder.KnownFields(true)
	if err := decoder.Decode(&raw); err != nil {
		// The parser's words may quote a build argument.
		r.problem(overridesInput, "", "it is not a YAML map from platforms to build-args, file and target", overridesHint)
		return nil
	}
	out := map[string]Override{}
	for text, override := range raw {
		platform, err := ParsePlatform(text)
		if err != nil || !slices.ContainsFunc(p.Platforms, platform.Equal) {
			r.problem(overridesInput, text, "it is not one of the platforms that are built", "name one of --platform")
			continue
		}
		o := Override{Target: strings.TrimSpace(override.Target), BuildArgs: r.overriddenArgs(platform, override.BuildArgs)}
		if override.File != "" {
			o.Dockerfile = r.dockerfile(overridesInput, override.File, p)
		}
		out[platform.String()] = o
	}
	return out
}

func (r *reader) overriddenArgs(p Platform, node yaml.Node) []BuildArg {
	var lines []string
	var byName map[string]string
	var text string
	switch {
	case node.IsZero() || node.Decode(&lines) == nil:
	case node.Decode(&byName) == nil:
		for name, value := range byName {
			lines = append(lines, name+"="+value)
		}
		slices.Sort(lines)
	case node.Decode(&text) == nil:
		lines, _ = KindLines.Split(text) // of a quote that stays open nothing is taken
	default:
		r.problem(overridesInput, p.String(), "its build-args are neither a list nor a map", overridesHint)
	}
	var out []BuildArg
	for i, line := range lines {
		if arg, ok := r.buildArg(line, overridesInput, fmt.Sprintf("%d of the build-args of %s", i+1, p)); ok {
			out = append(out, arg)
		}
	}
	return out
}

// For returns the plan as it concerns one platform: its override takes the place of what it overrides.
func (p *Plan) For(platform Platform) *Plan {
	override, ok := p.Overrides[platform.String()]
	if !ok {
		return p
	}
	own := *p
	if override.Dockerfile != "" {
		own.Dockerfile = override.Dockerfile
	}
	if override.Target != "" {
		own.Target = override.Target
	}
	own.BuildArgs = slices.Concat(p.BuildArgs, override.BuildArgs) // of two with one name the later counts
	return &own
}
