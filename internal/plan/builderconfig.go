package plan

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// BuildkitImage is the builder's image unless the user names another: BuildKit v0.33.1, by digest, so that nobody can put another in its
// place. It must match the version of the client in go.mod.
const BuildkitImage = "moby/buildkit:v0.33.1@sha256:cec9f139f45e93c5c69c60f8b07cfad9f43f4ef6b6a6cd917527fea5ff2e3dea"

// BuilderConfig is a buildkitd.toml (https://github.com/moby/buildkit/blob/v0.33.1/docs/buildkitd.toml.md) as a tree.
type BuilderConfig map[string]any

// TOML returns the text for the builder.
func (c BuilderConfig) TOML() ([]byte, error) { return toml.Marshal(map[string]any(c)) }

// builderConfig reads the user's configuration and adds what makes pushes faster: BuildKit's own limit of 4 requests to a
// registry at once leaves most of the time to round trips.
func (r *reader) builderConfig() (BuilderConfig, bool) {
	input, text := "--buildkitd-config-inline", r.in.BuildkitdConfigInline
	if file := r.in.BuildkitdConfig; file != "" {
		if text != "" {
			r.problem("--buildkitd-config", file, "--buildkitd-config-inline is given too", "use one of the two")
			return nil, false
		}
		content, err := r.world.ReadFile(r.absolute(file))
		if err != nil {
			r.problem("--buildkitd-config", file, "the file cannot be read", "name a buildkitd.toml, relative to the working directory")
			return nil, false
		}
		input, text = "--buildkitd-config", string(content)
	}
	config := BuilderConfig{}
	if err := toml.Unmarshal([]byte(text), &config); err != nil {
		r.problem(input, r.in.BuildkitdConfig, "it is not valid TOML: "+err.Error(), "see docs/buildkitd.toml.md of BuildKit")
		return nil, false
	}
	if _, err := config.table("registry"); err != nil {
		r.problem(input, r.in.BuildkitdConfig, err.Error(), `write [registry."host:port"]`)
		return nil, false
	}
	system, err := config.table("system")
	if err != nil {
		r.problem(input, r.in.BuildkitdConfig, err.Error(), "write [system]")
		return nil, false
	}
	if _, set := system["maxRegistryConcurrency"]; !set {
		system["maxRegistryConcurrency"] = int64(16)
	}
	return config, true
}

// takeFiles reads the certificates that registries name, and makes the configuration name their copies inside the builder's
// container, where it has its own files only. It returns the copies by their path below /etc/buildkit, and the authorities.
func (r *reader) takeFiles(config BuilderConfig) (files map[string][]byte, authorities [][]byte) {
	files = map[string][]byte{}
	registries := config.Registries()
	for _, host := range slices.Sorted(maps.Keys(registries)) {
		settings := registries[host]
		take := func(value any) any {
			path, _ := value.(string)
			content, err := r.world.ReadFile(r.absolute(path))
			if err != nil {
				r.problem("--buildkitd-config", path, fmt.Sprintf("registry %q names this file, and it cannot be read", host), "paths are relative to the working directory")
			}
			// Numbered, because two files may have one name.
			inside := fmt.Sprintf("certs/%02d-%s", len(files)+1, filepath.Base(path))
			files[inside] = content
			return "/etc/buildkit/" + inside
		}
		list, _ := settings["ca"].([]any)
		for i, path := range list {
			list[i] = take(path)
			authorities = append(authorities, files[strings.TrimPrefix(list[i].(string), "/etc/buildkit/")])
		}
		pairs, _ := settings["keypair"].([]any)
		for _, value := range pairs {
			if pair, ok := value.(map[string]any); ok {
				pair["key"], pair["cert"] = take(pair["key"]), take(pair["cert"])
			}
		}
	}
	return files, authorities
}

// table returns the table of that name, making it where there is none.
func (c BuilderConfig) table(name string) (map[string]any, error) {
	value, ok := c[name]
	if !ok {
		value = map[string]any{}
		c[name] = value
	}
	table, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%q is not a table", name)
	}
	return table, nil
}

// Registries returns the registries that have settings of their own, by host.
func (c BuilderConfig) Registries() map[string]map[string]any {
	out := map[string]map[string]any{}
	all, _ := c["registry"].(map[string]any)
	for host, value := range all {
		if settings, ok := value.(map[string]any); ok {
			out[host] = settings
		}
	}
	return out
}

// usePlainHTTP makes the builder speak plain HTTP to registries for which the user said nothing, and returns those.
func (c BuilderConfig) usePlainHTTP(registries []string) []string {
	var changed []string
	all, _ := c["registry"].(map[string]any)
	for _, host := range registries {
		if _, said := all[host]; said {
			continue
		}
		all[host] = map[string]any{"http": true}
		changed = append(changed, host)
	}
	return changed
}

// loopbackRegistries returns the registries on loopback addresses that the configuration names, also as mirrors, in order.
func (c BuilderConfig) loopbackRegistries() []string {
	var out []string
	for host, settings := range c.Registries() {
		mirrors, _ := settings["mirrors"].([]any)
		for _, candidate := range append([]any{host}, mirrors...) {
			text, _ := candidate.(string)
			address, _, _ := strings.Cut(text, "/")
			if Loopback(address) && !slices.Contains(out, address) {
				out = append(out, address)
			}
		}
	}
	slices.Sort(out)
	return out
}
