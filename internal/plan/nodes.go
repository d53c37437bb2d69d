package plan

import "strings"

// Node is a further builder, beside the default one or instead of it.
type Node struct {
	Endpoint
	// Platforms are those that the user gives to this node; none: those that its BuildKit lists.
	Platforms []Platform `json:"platforms,omitempty"`
}

// Words that --builder takes instead of a name or an address.
const (
	builderLocal = "local"
	builderNone  = "none"
	// builderDefault is what docker buildx calls the BuildKit inside the engine.
	builderDefault = "default"
)

// Started reports whether the default builder is one that this run starts.
func (b Builder) Started() bool { return b.Use == "" && b.Remote == nil && !b.None }

// Elsewhere reports whether nothing is built with this machine's own handlers.
func (b Builder) Elsewhere() bool { return b.Remote != nil || b.None }

// whichBuilder reads --builder: the name of a kept container, an address, or one of two words.
func (r *reader) whichBuilder(b *Builder) {
	switch text := r.in.Builder; {
	case text == builderLocal || text == builderLocal+"://":
		b.Local = true
	case text == builderNone:
		b.None = true
	case text == builderDefault:
		// It keeps no cache of ours and exports less: a container is started.
	case looksLikeEndpoint(text):
		b.Remote = r.endpoint("--builder", text)
	default:
		b.Use = text
	}
	b.Nodes = r.nodes(b)
	b.RequireNative = r.boolean("--require-native", r.in.RequireNative)
	if b.None && len(r.in.Nodes) == 0 {
		r.problem("--builder", builderNone, "there is no node either", "add --node ADDRESS")
	}
	if b.Local && b.Keep {
		r.problem("--keep-builder", "", "a local builder is a process of this run and ends with it", "leave it out")
	}
}

// nodes reads the further builders: [PLATFORM,…=]ADDRESS[,OPTION=VALUE…].
func (r *reader) nodes(b *Builder) []Node {
	seen := map[string]bool{}
	if b.Remote != nil {
		seen[b.Remote.Address] = true
	}
	var out []Node
	for _, text := range r.in.Nodes {
		platforms, address := splitNode(text)
		node := Node{Platforms: r.nodePlatforms(platforms)}
		e := r.endpoint("--node", address)
		if e == nil {
			continue
		}
		if seen[e.Address] {
			r.problem("--node", e.Address, "it is given twice", "name each builder once, with all its platforms")
			continue
		}
		seen[e.Address] = true
		node.Endpoint = *e
		out = append(out, node)
	}
	return out
}

// splitNode cuts before the address: at the last = before its ://.
func splitNode(text string) (platforms, address string) {
	before, _, found := strings.Cut(text, "://")
	if i := strings.LastIndexByte(before, '='); found && i >= 0 {
		return text[:i], text[i+1:]
	}
	return "", text
}

func (r *reader) nodePlatforms(text string) []Platform {
	var out []Platform
	words, err := KindList.Split(text)
	if err != nil {
		r.problem("--node", text, errOpenQuote.Rule, errOpenQuote.Hint)
	}
	for _, word := range words {
		p, err := ParsePlatform(word)
		if err != nil {
			problem := err.(*InputError) //nolint:errorlint // ParsePlatform returns nothing else
			r.problem("--node", word, problem.Rule, problem.Hint)
			continue
		}
		out = append(out, p)
	}
	return out
}
