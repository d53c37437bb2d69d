package plan

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"
)

// Cache is a place outside the builder where results of steps are kept. Its attributes are those of BuildKit
// (https://docs.docker.com/build/cache/backends/).
type Cache struct {
	Type  string
	Attrs map[string]string
	// PerPlatform keeps the results of each platform apart, so that machines that build different ones do not overwrite each other's.
	PerPlatform bool
	// Required makes a run fail that cannot read or write it.
	Required bool
}

// CacheService is the service of a CI host that type=gha keeps results in. Nothing is known of it where its token is empty.
type CacheService struct {
	URL   string // of the service's first version
	URLv2 string
	Token string
}

// cacheInputs are where results of steps are kept.
func cacheInputs() []Input {
	return []Input{
		{
			Name: "cache-from", Flag: "cache-from", Kind: KindLines, Help: "cache to read, for example user/app:cache or type=local,src=FOLDER; also type=gha, s3, azblob",
			list: func(in *Inputs) *[]string { return &in.CacheFrom },
		},
		{
			Name: "cache-to", Flag: "cache-to", Kind: KindLines, Help: "cache to write, for example type=registry,ref=user/app:cache,mode=max; also type=local, inline, gha, s3, azblob",
			list: func(in *Inputs) *[]string { return &in.CacheTo },
		},
	}
}

// cacheType is what is to be known of a type of cache.
type cacheType struct {
	read, write []string // attributes without which it cannot be read, or written
	scope       string   // the attribute that keeps platforms apart
}

var cacheTypes = map[string]cacheType{
	"registry": {read: []string{"ref"}, write: []string{"ref"}, scope: "ref"},
	"local":    {read: []string{"src"}, write: []string{"dest"}, scope: "tag"},
	"gha":      {scope: "scope"},
	"inline":   {},
	"s3":       {read: []string{"bucket", "region"}, write: []string{"bucket", "region"}, scope: "name"},
	"azblob":   {read: []string{"account_url"}, write: []string{"account_url"}, scope: "name"},
}

// secretAttributes are those of caches that are never printed.
var secretAttributes = []string{"token", "ghtoken", "access_key_id", "secret_access_key", "session_token"}

const cacheHint = "for example type=registry,ref=user/app:cache"

// caches reads the caches of one direction.
func (r *reader) caches(p *Plan, input string, texts []string) []Cache {
	var out []Cache
	for _, text := range texts {
		fields, err := csv.NewReader(strings.NewReader(text)).Read()
		if err != nil || len(fields) == 0 {
			r.problem(input, "", "its quotes do not match", cacheHint)
			continue
		}
		if !strings.Contains(text, "=") { // images, one a field
			for _, ref := range fields {
				out = append(out, r.cache(p, input, []string{"type=registry", "ref=" + ref})...)
			}
			continue
		}
		out = append(out, r.cache(p, input, fields)...)
	}
	return out
}

// cache reads one cache; none comes out if something is wrong with it, or if it is one that the host would have to provide and does not.
func (r *reader) cache(p *Plan, input string, fields []string) []Cache {
	c := Cache{Attrs: map[string]string{}}
	for _, field := range fields {
		key, value, found := strings.Cut(field, "=")
		if !found {
			// The field may be a part of a secret that was written with a comma.
			r.problem(input, "", "it is not a list of NAME=VALUE", cacheHint)
			return nil
		}
		c.Attrs[strings.ToLower(key)] = value
	}
	c.Type = c.Attrs["type"]
	delete(c.Attrs, "type")
	known, ok := cacheTypes[c.Type]
	if !ok || c.Type == "inline" && input == "--cache-from" {
		types := slices.Sorted(maps.Keys(cacheTypes))
		r.problem(input, c.Type, "there is no such type of cache", "write one of: "+strings.Join(types, ", ")+"; an inline cache is read from the image: type=registry,ref=IMAGE")
		return nil
	}
	needed := known.write
	if input == "--cache-from" {
		needed = known.read
	}
	for _, name := range needed {
		if c.Attrs[name] == "" {
			r.problem(input, c.String(), name+" is missing", "add "+name+"=")
			return nil
		}
	}
	c.Required = !r.cacheFlag(input, &c, "ignore-error", true)
	_, chosen := c.Attrs[known.scope]
	c.PerPlatform = r.cacheFlag(input, &c, "per-platform", c.Type == "registry" || !chosen && known.scope != "")
	if !r.cachePlace(p, input, &c) {
		return nil
	}
	return []Cache{c}
}

// cacheFlag reads and removes an attribute that BuildKit does not know, or that says how an error counts.
func (r *reader) cacheFlag(input string, c *Cache, name string, fallback bool) bool {
	text, said := c.Attrs[name]
	delete(c.Attrs, name)
	if !said {
		return fallback
	}
	value, err := strconv.ParseBool(text)
	if err != nil {
		r.problem(input, c.String(), fmt.Sprintf("%s is %q", name, text), "write true or false")
	}
	return value
}

// cachePlace checks and completes what depends on the type.
func (r *reader) cachePlace(p *Plan, input string, c *Cache) bool {
	switch c.Type {
	case "registry":
		if _, err := reference.ParseNormalizedNamed(c.Attrs["ref"]); err != nil {
			r.problem(input, c.Attrs["ref"], "it is not an image reference: "+err.Error(), cacheHint)
			return false
		}
	case "local":
		for _, name := range []string{"src", "dest"} {
			if c.Attrs[name] != "" {
				c.Attrs[name] = r.absolute(c.Attrs[name])
			}
		}
	case "s3":
		r.credentials(c, map[string]string{ //nolint:gosec // names of variables
			"access_key_id": "AWS_ACCESS_KEY_ID", "secret_access_key": "AWS_SECRET_ACCESS_KEY", "session_token": "AWS_SESSION_TOKEN",
		})
	case "gha":
		return r.hostCache(p, input, c)
	}
	if mode := c.Attrs["mode"]; mode != "" && mode != "min" && mode != "max" {
		r.problem(input, c.String(), fmt.Sprintf("there is no mode %q", mode), "write mode=min or mode=max")
		return false
	}
	return true
}

// credentials takes from the environment what the user has not written: the builder has not that environment.
func (r *reader) credentials(c *Cache, variables map[string]string) {
	if c.Attrs["access_key_id"] != "" || c.Attrs["secret_access_key"] != "" {
		return
	}
	for name, variable := range variables {
		if value := r.world.Getenv(variable); value != "" {
			c.Attrs[name] = value
		}
	}
}

// hostCache completes a cache of type=gha with what the host says of its service.
func (r *reader) hostCache(p *Plan, input string, c *Cache) bool {
	service := r.world.CacheService
	for name, value := range map[string]string{"token": service.Token, "url": service.URL, "url_v2": service.URLv2} {
		if c.Attrs[name] == "" && value != "" {
			c.Attrs[name] = value
		}
	}
	if c.Attrs["url_v2"] != "" && c.Attrs["version"] == "" {
		c.Attrs["version"] = "2" // the first version of the service is gone
	}
	if c.Attrs["token"] != "" && (c.Attrs["url"] != "" || c.Attrs["url_v2"] != "") {
		return true
	}
	const why = "the host gives this step no cache service; on GitHub only actions get one, steps with run: do not"
	if c.Required {
		r.problem(input, "type=gha", why, "use the action, or another type of cache")
	} else {
		p.Notes = append(p.Notes, strings.TrimPrefix(input, "--")+" type=gha is left out: "+why)
	}
	return false
}

// String is the cache as the user may have written it, without its secrets.
func (c Cache) String() string {
	text := "type=" + c.Type
	for _, name := range slices.Sorted(maps.Keys(c.Attrs)) {
		value := c.Attrs[name]
		if slices.Contains(secretAttributes, name) {
			value = "…"
		}
		text += "," + name + "=" + value
	}
	return text
}

// MarshalJSON writes String.
func (c Cache) MarshalJSON() ([]byte, error) { return json.Marshal(c.String()) }

// scopedTo is the cache of one platform: its scope's name is that of all, and the platform's.
func (c Cache) scopedTo(base string, p Platform) Cache {
	c.Attrs = maps.Clone(c.Attrs)
	suffix := strings.ReplaceAll(p.String(), "/", "-")
	switch c.Type {
	case "registry":
		c.Attrs["ref"] = withSuffix(c.Attrs["ref"], suffix)
	case "local":
		for _, name := range []string{"src", "dest"} {
			if folder := c.Attrs[name]; folder != "" {
				c.Attrs[name] = filepath.Join(folder, suffix)
			}
		}
	default:
		scope := cacheTypes[c.Type].scope
		name := c.Attrs[scope]
		if name == "" {
			name = base
		}
		c.Attrs[scope] = name + "-" + suffix
	}
	return c
}

// withSuffix is a reference whose tag ends with a suffix. What is named by its digest is one thing only, and stays.
func withSuffix(ref, suffix string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ref
	}
	if _, pinned := named.(reference.Digested); pinned {
		return ref
	}
	tagged, _ := reference.TagNameOnly(named).(reference.Tagged)
	return reference.TrimNamed(named).Name() + ":" + tagged.Tag() + "-" + suffix
}

// cacheScope is what the caches of an image are named after where the user chose no name: the image, or else its folder, and the stage.
func (p *Plan) cacheScope() string {
	name := filepath.Base(p.Context)
	if repositories := p.Repositories(); len(repositories) > 0 {
		name = repositories[0].RepositoryStr()
	}
	if p.Target != "" {
		name += "-" + p.Target
	}
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune("/:,=# ", c) {
			return '-'
		}
		return c
	}, name)
}

// CachesToWrite returns where the results for some platforms go, each with the platforms that it is for.
func (p *Plan) CachesToWrite() []CacheWrite {
	var out []CacheWrite
	for _, c := range p.CacheTo {
		switch {
		case c.Type == "inline": // the image itself
		case !c.PerPlatform:
			out = append(out, CacheWrite{Cache: c, Platforms: p.Platforms})
		default:
			for _, platform := range p.Platforms {
				out = append(out, CacheWrite{Cache: c.scopedTo(p.For(platform).cacheScope(), platform), Platforms: []Platform{platform}})
			}
		}
	}
	return out
}

// CacheWrite is one writing of a cache.
type CacheWrite struct {
	Cache     Cache
	Platforms []Platform
}

// InlineCache reports whether the image itself is to say what it can be a cache of.
func (p *Plan) InlineCache() bool {
	inline := slices.ContainsFunc(p.CacheTo, func(c Cache) bool { return c.Type == "inline" })
	for _, arg := range p.BuildArgs {
		if arg.Name == "BUILDKIT_INLINE_CACHE" {
			said, err := strconv.ParseBool(arg.Value)
			inline = inline || said && err == nil
		}
	}
	return inline
}

// CachesToRead returns, for each cache of the plan, where its results are looked for: those of the plan's platforms, those of the build
// platform, whose steps many platforms share, and those that other programs wrote under the name alone.
func (p *Plan) CachesToRead(buildPlatform Platform) [][]Cache {
	var out [][]Cache
	platforms := p.Platforms
	if !slices.ContainsFunc(platforms, buildPlatform.Equal) {
		platforms = append(slices.Clone(platforms), buildPlatform)
	}
	for _, c := range p.CacheFrom {
		var places []Cache
		seen := map[string]bool{}
		add := func(c Cache) {
			if text := c.String(); !seen[text] {
				seen[text] = true
				places = append(places, c)
			}
		}
		if c.PerPlatform {
			for _, platform := range platforms {
				add(c.scopedTo(p.For(platform).cacheScope(), platform))
			}
		}
		if _, named := c.Attrs[cacheTypes[c.Type].scope]; named || !c.PerPlatform || c.Type == "local" {
			add(c)
		}
		out = append(out, places)
	}
	return out
}

// cacheRegistries are the hosts of the registries that caches are kept in.
func (p *Plan) cacheRegistries() []string {
	var out []string
	for _, c := range slices.Concat(p.CacheFrom, p.CacheTo) {
		if named, err := reference.ParseNormalizedNamed(c.Attrs["ref"]); err == nil && c.Type == "registry" {
			out = append(out, reference.Domain(named))
		}
	}
	return out
}
