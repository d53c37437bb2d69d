package report

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Output is a file or folder that the result was written to.
type Output struct {
	Type   string `json:"type"`
	Dest   string `json:"dest"`             // "-": standard output
	Digest string `json:"digest,omitempty"` // of the image in it; empty: it holds files
}

// destinations names where the result was written.
func (r *Report) destinations() string {
	names := make([]string, len(r.Outputs))
	for i, o := range r.Outputs {
		names[i] = filepath.Base(o.Dest)
		if o.Dest == "-" {
			names[i] = "standard output"
		}
	}
	return strings.Join(names, ", ")
}

// attested counts and names the attestations, which are in the index beside the platforms.
func (r *Report) attested() string {
	count, platforms := 0, map[string]int{}
	var kinds []string
	for _, p := range r.Platforms {
		count += len(p.Attestations)
		for _, kind := range p.attests() {
			if platforms[kind]++; !slices.Contains(kinds, kind) {
				kinds = append(kinds, kind)
			}
		}
	}
	if len(kinds) == 0 { // nobody has read them where nothing was published
		return ""
	}
	parts := make([]string, len(kinds))
	for i, kind := range kinds {
		parts[i] = fmt.Sprintf("%s of %d platforms", kind, platforms[kind])
		if platforms[kind] == 1 {
			parts[i] = kind + " of 1 platform"
		}
	}
	text := fmt.Sprintf("attestations: %s, in %d manifests of the index", strings.Join(parts, ", "), count)
	if count == 1 {
		text = strings.Replace(text, "1 manifests", "1 manifest", 1)
	}
	return text
}

// attests names what is attested of a platform, each once.
func (p Platform) attests() []string {
	var out []string
	for _, a := range p.Attestations {
		for _, predicate := range a.Predicates {
			name := statement(predicate)
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}
