package plan

import "slices"

// Execution says how a node runs the programs of a platform.
type Execution string

// The ways, the best first.
const (
	Native   Execution = "native"   // its processor runs them
	Emulated Execution = "emulated" // it says that it can, or the user says so, by an emulator
	Unlisted Execution = "none"     // nobody says that it can: the build works there only if it executes nothing of the platform
)

// rank orders the ways; a smaller one wins.
func (e Execution) rank() int { return slices.Index([]Execution{Native, Emulated, Unlisted}, e) }

// Offer is what a node can build.
type Offer struct {
	// Listed are the platforms that the node's BuildKit lists; the first is what its processor is.
	Listed []Platform
	// Declared are those that the user gives to the node; none: all that are listed.
	Declared []Platform
	// Away says that the node is lost: nothing is assigned to it any more.
	Away bool
}

// companions are architectures whose programs a processor of another one runs as its own. 64-bit ARM processors without the
// 32-bit instructions exist, so there the list decides.
var companions = map[string]string{"amd64": "386", "arm64": "arm"}

// Execution says how the node runs a platform. Platforms are compared strictly: a node for linux/arm/v7 is none for linux/arm64.
func (o Offer) Execution(p Platform) Execution {
	in := func(list []Platform) bool { return slices.ContainsFunc(list, p.Equal) }
	if !in(o.Declared) && (len(o.Declared) > 0 || !in(o.Listed)) {
		return Unlisted
	}
	if len(o.Listed) > 0 {
		own := o.Listed[0]
		if p.OS() == own.OS() && (p.Architecture() == own.Architecture() || p.Architecture() == companions[own.Architecture()]) {
			return Native
		}
	}
	return Emulated
}

// Unvouched are the platforms that the user gives to the node and its BuildKit does not list.
func (o Offer) Unvouched() []Platform {
	return slices.DeleteFunc(slices.Clone(o.Declared), func(p Platform) bool { return slices.ContainsFunc(o.Listed, p.Equal) })
}

// Assignment says where a platform is built.
type Assignment struct {
	Platform  Platform
	Node      int // index of the offer
	Execution Execution
}

// Assign gives each platform to an offer: to one that runs it natively, else to one that emulates it, else to one that at least may
// build it. Among equals the one with the fewest platforms wins, then the first. load counts, for each offer, the platforms that it
// has already, and is not changed. Where every offer is away there are no assignments.
func Assign(platforms []Platform, offers []Offer, load []int) []Assignment {
	load = slices.Clone(load)
	out := make([]Assignment, len(platforms))
	for _, i := range leastChoiceFirst(platforms, offers) {
		best := bestOffers(platforms[i], offers)
		if len(best) == 0 {
			return nil
		}
		node := slices.MinFunc(best, func(a, b int) int { return load[a] - load[b] })
		load[node]++
		out[i] = Assignment{Platform: platforms[i], Node: node, Execution: offers[node].Execution(platforms[i])}
	}
	return out
}

// leastChoiceFirst orders the indices of platforms so that those that few offers run equally well come first: the others can make way
// for them.
func leastChoiceFirst(platforms []Platform, offers []Offer) []int {
	order, choices := make([]int, len(platforms)), make([]int, len(platforms))
	for i, p := range platforms {
		order[i], choices[i] = i, len(bestOffers(p, offers))
	}
	slices.SortStableFunc(order, func(a, b int) int { return choices[a] - choices[b] })
	return order
}

// bestOffers are the indices of the offers that run a platform in the best way that there is. To a platform that nobody lists no node
// has a claim: then those to which the user gave no platforms come before the others.
func bestOffers(p Platform, offers []Offer) []int {
	var best []int
	rank := func(o Offer) int {
		rank := o.Execution(p).rank()
		if rank == Unlisted.rank() && len(o.Declared) > 0 {
			rank++
		}
		return rank
	}
	for i, o := range offers {
		switch {
		case o.Away:
		case len(best) == 0 || rank(o) < rank(offers[best[0]]):
			best = []int{i}
		case rank(o) == rank(offers[best[0]]):
			best = append(best, i)
		}
	}
	return best
}

// NotNative are the platforms that no offer runs natively.
func NotNative(platforms []Platform, offers []Offer) []Platform {
	var out []Platform
	for _, p := range platforms {
		if !slices.ContainsFunc(offers, func(o Offer) bool { return o.Execution(p) == Native }) {
			out = append(out, p)
		}
	}
	return out
}
