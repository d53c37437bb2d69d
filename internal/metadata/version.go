package metadata

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"
	pep440 "github.com/aquasecurity/go-pep440-version"
)

// parsedVersion is a version in one of the schemes, as its rule uses it.
type parsedVersion struct {
	names   scope // for the pattern
	raw     string
	version string // in the scheme's canonical spelling
	early   bool   // a pre-release; in PEP 440 a post-release too: these get no shortened tags, and no latest
}

// largest is the largest number that JavaScript counts to without gaps; node-semver refuses larger ones.
const largest = 1<<53 - 1

// semverOf reads a version as strictly as semver.valid of node-semver does: with or without a v before it.
func semverOf(text string) (parsedVersion, bool) {
	v, err := semver.StrictNewVersion(strings.TrimPrefix(strings.TrimSpace(text), "v"))
	if err != nil || v.Major() > largest || v.Minor() > largest || v.Patch() > largest {
		return parsedVersion{}, false
	}
	version := fmt.Sprintf("%d.%d.%d", v.Major(), v.Minor(), v.Patch())
	if v.Prerelease() != "" {
		version += "-" + v.Prerelease()
	}
	return parsedVersion{
		raw: text, version: version, early: v.Prerelease() != "",
		names: scope{
			"raw": text, "version": version,
			"major": strconv.FormatUint(v.Major(), 10), "minor": strconv.FormatUint(v.Minor(), 10), "patch": strconv.FormatUint(v.Patch(), 10),
			"prerelease": list(v.Prerelease()), "build": list(v.Metadata()), "loose": true, "includePrerelease": false,
		},
	}, true
}

// list splits the identifiers of a version.
func list(identifiers string) []any {
	out := []any{}
	if identifiers == "" {
		return out
	}
	for part := range strings.SplitSeq(identifiers, ".") {
		out = append(out, part)
	}
	return out
}

// pep440Of reads a version of Python's scheme.
func pep440Of(text string) (parsedVersion, bool) {
	v, err := pep440.Parse(text)
	if err != nil || strings.TrimSpace(text) != text {
		return parsedVersion{}, false
	}
	version := v.Public()
	if v.Local() != "" {
		version += "+" + localVersion(v.Local())
	}
	_, base, found := strings.Cut(v.BaseVersion(), "!") // behind the epoch
	if !found {
		base = v.BaseVersion()
	}
	release := append(strings.Split(base, "."), "0", "0")
	return parsedVersion{
		raw: text, version: version, early: v.IsPreRelease() || v.IsPostRelease(),
		names: scope{"raw": text, "version": version, "major": release[0], "minor": release[1], "patch": release[2]},
	}, true
}

// localVersion joins the segments of a local version as @renovate/pep440 does, with commas.
func localVersion(local string) string {
	segments := strings.FieldsFunc(local, func(c rune) bool { return strings.ContainsRune("._-", c) })
	for i, segment := range segments {
		if number, err := strconv.ParseUint(segment, 10, 64); err == nil {
			segments[i] = strconv.FormatUint(number, 10)
		}
	}
	return strings.Join(segments, ",")
}
