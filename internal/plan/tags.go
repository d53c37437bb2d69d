package plan

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/name"
)

// tags reads the references and puts the most specific first, so that a run that is stopped between two tags has moved
// "1.4.2" and not yet "latest".
func (r *reader) tags() []Tag {
	var out []Tag
	for _, text := range r.in.Tags {
		tag, problem := parseTag(text)
		if problem != nil {
			r.problems = append(r.problems, problem)
			continue
		}
		out = append(out, tag)
	}
	return Ordered(out)
}

// Ordered returns tags, each once, in the order in which they move: the most specific first.
func Ordered(tags []Tag) []Tag {
	var out []Tag
	seen := map[string]bool{}
	for _, tag := range tags {
		if !seen[tag.Name()] {
			seen[tag.Name()] = true
			out = append(out, tag)
		}
	}
	slices.SortStableFunc(out, func(a, b Tag) int { return specificity(b) - specificity(a) })
	return out
}

func parseTag(text string) (Tag, *InputError) {
	wrong := func(rule, hint string) (Tag, *InputError) {
		return Tag{}, &InputError{Input: "--tag", Value: text, Rule: rule, Hint: hint}
	}
	if scheme, rest, found := strings.Cut(text, "://"); found {
		return wrong("a reference is no URL", "leave out "+scheme+"://, as in "+rest)
	}
	if before, _, found := strings.Cut(text, "@"); found {
		repository, _ := splitTag(before)
		return wrong("a digest cannot be moved", "name a tag, for example "+defaultTo(repository, "ghcr.io/owner/app")+":1.4")
	}
	if tag, ok := strictTag(text); ok {
		return tag, nil
	}
	repository, tag := splitTag(text)
	if lower := strings.ToLower(repository) + tag; lower != text {
		if _, ok := strictTag(lower); ok {
			return wrong("a repository has no capital letters", "write "+lower)
		}
	}
	return wrong("it is not an image reference", "write [registry/]repository:tag in lower case, for example ghcr.io/owner/app:1.4")
}

// strictTag reads a reference that all who will see it read in the same way: go-containerregistry moves the tag, and BuildKit,
// which reads with the stricter distribution/reference, pushes to the repository.
func strictTag(text string) (Tag, bool) {
	tag, err := name.NewTag(text, name.WeakValidation)
	if err != nil {
		return Tag{}, false
	}
	named, err := reference.ParseNormalizedNamed(tag.Name())
	if err != nil {
		return Tag{}, false
	}
	asTyped, err := reference.ParseNormalizedNamed(text)
	return Tag{tag}, err == nil && asTyped.Name() == named.Name()
}

// splitTag cuts a reference before the colon of its tag.
func splitTag(text string) (repository, tag string) {
	if i := strings.LastIndexByte(text, ':'); i > strings.LastIndexByte(text, '/') {
		return text[:i], text[i:]
	}
	return text, ""
}

// specificity orders tags: 1.4.2 before 1.4 before 1 before other words, and latest last.
func specificity(t Tag) int {
	text := strings.TrimPrefix(t.TagStr(), "v")
	switch {
	case t.TagStr() == "latest":
		return -1
	case text == "" || text[0] < '0' || text[0] > '9':
		return 0
	}
	return 1 + strings.Count(text, ".")
}

// Loopback reports whether a registry's address is on this machine only, where a container on a network of its own
// cannot reach it and certificates are rare.
func Loopback(registry string) bool {
	host, _, err := net.SplitHostPort(registry)
	if err != nil {
		host = registry
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return ip != nil && ip.IsLoopback()
}

// builder reads the builder's settings, and what a registry on a loopback address means for it.
func (r *reader) builder(p *Plan) Builder {
	b := Builder{
		Image: defaultTo(r.in.BuildkitImage, BuildkitImage),
		Keep:  r.boolean("--keep-builder", r.in.KeepBuilder),
	}
	r.whichBuilder(&b)
	if r.in.Builder == builderDefault {
		p.Notes = append(p.Notes, "builder default is the engine's own, which is not used: a container is started instead")
	}
	if _, err := name.ParseReference(b.Image, name.WeakValidation); err != nil {
		r.problem("--buildkit-image", b.Image, "it is not an image reference", "for example moby/buildkit:v0.33.1")
	}
	if !b.Started() && r.describesBuilder() {
		r.problem("--builder", withoutPassword(r.in.Builder), "a builder's configuration is given too, and that of a running one cannot be changed", "leave out one of the two")
	}
	r.driverOptions(p, &b)
	r.proxies(p, &b)
	config, ok := r.builderConfig()
	if !ok {
		return b
	}
	b.Config = config
	r.registryInputs(config)
	r.dockerAuthorities(config)
	p.Tags = config.plainHTTP(p.Tags)
	b.Files, b.Authorities = r.takeFiles(config)
	if !b.Started() {
		return b // what follows is settled when a builder is started
	}
	b.HostNetwork = b.Options.Network == "host"
	var local []string
	for _, repo := range p.Repositories() {
		if registry := repo.RegistryStr(); Loopback(registry) && p.Push {
			local = append(local, registry)
		}
	}
	for _, registry := range p.cacheRegistries() {
		if Loopback(registry) && !slices.Contains(local, registry) {
			local = append(local, registry)
		}
	}
	plain := b.Config.usePlainHTTP(local)
	p.Notes = append(p.Notes, b.reachLoopback(append(local, b.Config.loopbackRegistries()...))...)
	for _, registry := range plain {
		p.Notes = append(p.Notes, fmt.Sprintf("registry %s is on a loopback address: the builder speaks plain HTTP to it", registry))
	}
	return b
}
