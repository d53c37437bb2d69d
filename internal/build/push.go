package build

import "strings"

// isPush reports whether it was the push that failed (exporter/containerimage of BuildKit).
func isPush(err error) bool { return err != nil && strings.Contains(err.Error(), "failed to push ") }

// good is the request for those platforms that are to be pushed.
func (r Request) good(results []Result) Request {
	part := *r.Plan
	part.Platforms = nil
	for _, result := range results {
		if result.Good() {
			part.Platforms = append(part.Platforms, result.Platform)
		}
	}
	r.NamePlatforms = r.NamePlatforms || len(r.Plan.Platforms) > 1
	r.Plan = &part
	return r
}

// replace puts later results of platforms where the earlier ones are.
func replace(results, later []Result) {
	byPlatform := map[string]Result{}
	for _, result := range later {
		byPlatform[result.Platform.String()] = result
	}
	for i, result := range results {
		if again, ok := byPlatform[result.Platform.String()]; ok && again.Done {
			results[i] = again
		}
	}
}
