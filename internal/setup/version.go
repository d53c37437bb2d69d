package setup

import "fmt"

// oldestSafe is the first BuildKit without the vulnerabilities known when this was written
// (https://github.com/moby/buildkit/security/advisories).
var oldestSafe = [3]int{0, 28, 1}

// VersionWarning says that a BuildKit has known vulnerabilities. It is empty where it has none, and where the version is not one of
// upstream's releases.
func VersionWarning(version string) string {
	var v [3]int
	if n, _ := fmt.Sscanf(version, "v%d.%d.%d", &v[0], &v[1], &v[2]); n != 3 {
		return ""
	}
	for i, part := range v {
		if part > oldestSafe[i] {
			return ""
		}
		if part < oldestSafe[i] {
			return fmt.Sprintf("BuildKit %s has known vulnerabilities, which v%d.%d.%d fixes; use a newer image for the builder", version, oldestSafe[0], oldestSafe[1], oldestSafe[2])
		}
	}
	return ""
}
