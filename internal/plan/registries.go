package plan

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
)

// dockerCerts is where a machine keeps the certificates of registries for Docker, by host
// (https://docs.docker.com/engine/security/certificates/).
const dockerCerts = "/etc/docker/certs.d"

// registryInputs adds what --registry-mirror, --insecure-registry and --registry-ca say to the builder's configuration. What it says
// of a registry already stays, unless both say something about one setting: then the inputs win.
func (r *reader) registryInputs(config BuilderConfig) {
	for _, line := range r.in.RegistryMirrors {
		host, mirror, ok := r.hostAnd("--registry-mirror", line, "docker.io=mirror.example.org")
		if !ok {
			continue
		}
		mirrorHost, _, _ := strings.Cut(mirror, "/")
		if !r.registryHost("--registry-mirror", line, mirrorHost) {
			continue
		}
		settings := config.registry(host)
		settings["mirrors"] = append(list(settings["mirrors"]), mirror)
	}
	for _, host := range r.in.InsecureRegistries {
		if r.registryHost("--insecure-registry", host, host) {
			config.registry(host)["http"] = true
		}
	}
	for _, line := range r.in.RegistryCAs {
		host, file, ok := r.hostAnd("--registry-ca", line, "registry.example.org=ca.pem")
		if !ok {
			continue
		}
		if _, err := r.world.ReadFile(r.absolute(file)); err != nil {
			r.problem("--registry-ca", line, "the file cannot be read", "name a certificate in PEM, relative to the working directory")
			continue
		}
		config.trust(host, file)
	}
}

// RegistryRetry is how long registries that fail are waited for, unless something else is said.
const RegistryRetry = 10 * time.Minute

// registryRetry reads for how long registries are waited for.
func (r *reader) registryRetry() time.Duration {
	text := r.in.RegistryRetry
	if text == "" {
		return RegistryRetry
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		r.problem("--registry-retry", text, "it is not a duration", "write a number with a unit, for example 90s or 5m, or 0")
	}
	return d
}

// hostAnd reads HOST=SOMETHING.
func (r *reader) hostAnd(input, line, example string) (host, value string, ok bool) {
	host, value, _ = strings.Cut(line, "=")
	if host == "" || value == "" {
		r.problem(input, line, "it is not REGISTRY=VALUE", "for example "+example)
		return "", "", false
	}
	return host, value, r.registryHost(input, line, host)
}

// registryHost checks the host in a line. Only if it is right, the rest of the line is worth reading.
func (r *reader) registryHost(input, line, host string) bool {
	for _, scheme := range []string{"http://", "https://"} {
		if strings.Contains(line, scheme) {
			r.problem(input, line, "a registry is named without a scheme", "write "+strings.TrimSuffix(strings.ReplaceAll(line, scheme, ""), "/"))
			return false
		}
	}
	if _, err := name.NewRegistry(host, name.StrictValidation); err != nil {
		r.problem(input, line, fmt.Sprintf("%q is not a registry", host), "write its host, and its port where it has one, for example registry.example.org:5000")
		return false
	}
	return true
}

// dockerAuthorities takes over the authorities by which this machine's Docker trusts registries, for those of which the configuration says
// nothing about that.
func (r *reader) dockerAuthorities(config BuilderConfig) {
	if r.world.ReadDir == nil {
		return
	}
	folders, _ := r.world.ReadDir(dockerCerts) // mostly there is none
	for _, folder := range folders {
		files, err := r.world.ReadDir(path.Join(dockerCerts, folder.Name()))
		if err != nil {
			continue // it is no folder
		}
		settings, said := config.Registries()[folder.Name()]
		if said && settings["ca"] != nil {
			continue
		}
		if found := authoritiesIn(folder.Name(), files); len(found) > 0 {
			config.trust(folder.Name(), found...)
		}
	}
}

// authoritiesIn lists the files with the ending by which Docker knows authorities.
func authoritiesIn(host string, files []fs.DirEntry) []any {
	var out []any
	for _, file := range files {
		if strings.HasSuffix(file.Name(), ".crt") && !file.IsDir() {
			out = append(out, path.Join(dockerCerts, host, file.Name()))
		}
	}
	return out
}

// trust adds authorities of a registry. BuildKit would speak plain HTTP to one on a loopback address if nothing were said.
func (c BuilderConfig) trust(host string, files ...any) {
	settings := c.registry(host)
	settings["ca"] = append(list(settings["ca"]), files...)
	if _, said := settings["http"]; !said && Loopback(host) {
		settings["http"] = false
	}
}

// registry returns the settings of a registry, making them where there are none.
func (c BuilderConfig) registry(host string) map[string]any {
	all, _ := c["registry"].(map[string]any) // builderConfig has made it
	settings, ok := all[host].(map[string]any)
	if !ok {
		settings = map[string]any{}
		all[host] = settings
	}
	return settings
}

func list(value any) []any {
	out, _ := value.([]any)
	return out
}

// EngineRegistries is what an engine is told about registries in its own configuration.
type EngineRegistries struct {
	Mirrors  []string // of Docker Hub, as URLs
	Insecure []string // hosts whose certificates it does not check, or that speak plain HTTP
}

// Adopt adds what the engine knows about registries to the builder's configuration, where that says nothing: a BuildKit in a container of
// its own does not know it otherwise. It returns what it has added, for people.
func (b *Builder) Adopt(engine EngineRegistries) []string {
	notes := b.Config.adopt(engine)
	return append(notes, b.reachLoopback(b.Config.loopbackRegistries())...)
}

// reachLoopback gives the builder this host's network if one of the registries is on a loopback address.
func (b *Builder) reachLoopback(registries []string) []string {
	if len(registries) == 0 || b.HostNetwork {
		return nil
	}
	note := "registry " + registries[0] + " is on a loopback address"
	if b.Options.Network != "" {
		return []string{fmt.Sprintf("%s, which the builder's network %q does not reach", note, b.Options.Network)}
	}
	b.HostNetwork = true
	return []string{note + ": the builder uses this host's network"}
}

func (c BuilderConfig) adopt(engine EngineRegistries) []string {
	var notes []string
	for _, host := range engine.Insecure {
		if _, said := c.Registries()[host]; said {
			continue
		}
		settings := c.registry(host)
		settings["http"], settings["insecure"] = true, true // TLS unchecked, else plain HTTP, as the engine does
		notes = append(notes, fmt.Sprintf("registry %s is insecure by the engine's configuration, and for the builder too", host))
	}
	hub := c.registry("docker.io")
	if hub["mirrors"] != nil || len(engine.Mirrors) == 0 {
		if len(hub) == 0 {
			delete(c["registry"].(map[string]any), "docker.io")
		}
		return notes
	}
	var mirrors []any
	for _, mirror := range engine.Mirrors {
		scheme, address, _ := strings.Cut(strings.TrimSuffix(mirror, "/"), "://")
		mirrors = append(mirrors, address)
		if host, _, _ := strings.Cut(address, "/"); scheme == "http" && c.Registries()[host] == nil {
			c.registry(host)["http"] = true
		}
		notes = append(notes, "docker.io has the mirror "+address+" by the engine's configuration, and for the builder too")
	}
	hub["mirrors"] = mirrors
	return notes
}

// plainHTTP makes our own registry client speak plain HTTP to the registries for which the builder does.
func (c BuilderConfig) plainHTTP(tags []Tag) []Tag {
	registries := c.Registries()
	out := slices.Clone(tags)
	for i, tag := range tags {
		if registries[tag.RegistryStr()]["http"] != true {
			continue
		}
		if plain, err := name.NewTag(tag.Name(), name.WeakValidation, name.Insecure); err == nil {
			out[i] = Tag{plain}
		}
	}
	return out
}

// proxyVariables are those that programs look for, in the spellings that they look for
// (https://docs.docker.com/build/building/variables/#proxy-arguments).
var proxyVariables = []string{"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"}

// proxies passes the environment's proxies on: to BuildKit, which speaks to registries, and to the build as arguments, which every
// Dockerfile knows without naming them. What the user has said wins.
func (r *reader) proxies(p *Plan, b *Builder) {
	var passed []string
	for _, upper := range proxyVariables {
		for _, variable := range []string{upper, strings.ToLower(upper)} {
			value := r.world.Getenv(variable)
			if value == "" {
				continue
			}
			passed = append(passed, variable)
			if !slices.ContainsFunc(b.Options.Env, func(env string) bool { return strings.HasPrefix(env, variable+"=") }) {
				b.Options.Env = append(b.Options.Env, variable+"="+value)
			}
			if !slices.ContainsFunc(p.BuildArgs, func(arg BuildArg) bool { return arg.Name == variable }) {
				p.BuildArgs = append(p.BuildArgs, BuildArg{Name: variable, Value: value})
			}
		}
	}
	if len(passed) > 0 {
		p.Notes = append(p.Notes, "passed on to the builder and the build from the environment: "+strings.Join(passed, ", "))
	}
}
