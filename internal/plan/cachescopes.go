package plan

import (
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"
)

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
