package plan

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/containerd/platforms"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Platform is what an image is built for: operating system, architecture and variant, always in normal form, so
// that two values are the same platform exactly if their strings are equal. Make one with ParsePlatform or PlatformOf.
type Platform struct{ spec ocispec.Platform }

// architectures lists, by operating system, what a build can be asked for: the values of $GOOS and $GOARCH that the
// image specification refers to (image-spec config.md, "architecture", "os") and that a builder can make images of.
var architectures = map[string][]string{
	"linux":   {"386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le", "riscv64", "s390x"},
	"windows": {"amd64", "arm64"},
	"freebsd": {"amd64", "arm64"},
}

// ParsePlatform turns text such as "linux/arm/v7" into a Platform. Spellings of one platform give one value:
// "linux/aarch64" and "linux/arm64/v8" are both "linux/arm64". An operating system must be named: what
// "arm64" alone means depends on the machine that reads it.
func ParsePlatform(text string) (Platform, error) {
	osName, _, hasSlash := strings.Cut(text, "/")
	if !hasSlash {
		return Platform{}, platformError(text, "an operating system and an architecture are needed, as in linux/arm64", suggestion(text))
	}
	if osName == "darwin" || osName == "macos" {
		return Platform{}, platformError(text, "there are no macOS container images", "Apple Silicon machines run linux/arm64 images; write linux/arm64")
	}
	spec, err := platforms.Parse(text)
	if err != nil {
		return Platform{}, platformError(text, "it is not os/architecture or os/architecture/variant", suggestion(text))
	}
	p := PlatformOf(spec)
	known, ok := architectures[p.spec.OS]
	if !ok {
		return Platform{}, platformError(text, fmt.Sprintf("%q is not an operating system that images are built for", osName), "most images are for linux, as in linux/amd64")
	}
	if !slices.Contains(known, p.spec.Architecture) {
		hint := "known architectures: " + strings.Join(known, ", ")
		if p.spec.OS == "linux" {
			hint = suggestion(text)
		}
		return Platform{}, platformError(text, fmt.Sprintf("%q is not an architecture of %s images", p.spec.Architecture, p.spec.OS), hint)
	}
	if rule, hint := wrongVersion(p.spec); rule != "" {
		return Platform{}, platformError(text, rule, hint)
	}
	if hint, ok := wrongVariant(p.spec); ok {
		return Platform{}, platformError(text, fmt.Sprintf("%q is not a variant of %s", p.spec.Variant, p.spec.Architecture), hint)
	}
	return p, nil
}

// PlatformOf returns the platform that an image's config or a descriptor names.
func PlatformOf(spec ocispec.Platform) Platform {
	return Platform{spec: platforms.Normalize(spec)}
}

// MachinePlatform is the Linux platform of the machine that the program runs on. On macOS and Windows that is what the engine's virtual
// machine runs.
func MachinePlatform() Platform {
	spec := platforms.DefaultSpec()
	spec.OS, spec.OSVersion, spec.OSFeatures = "linux", "", nil
	return PlatformOf(spec)
}

// String returns the platform as it is written in flags and reports, with the OS version where there is one.
func (p Platform) String() string { return platforms.FormatAll(p.spec) }

// Spec returns the platform in the form of the image specification.
func (p Platform) Spec() ocispec.Platform { return p.spec }

// Architecture returns the GOARCH name, for example "arm64" or "386".
func (p Platform) Architecture() string { return p.spec.Architecture }

// OS returns the GOOS name, for example "linux".
func (p Platform) OS() string { return p.spec.OS }

// Equal reports whether both are the same platform. Unlike containerd's matchers it does not ask whether one
// could run the other: linux/arm/v7 is not linux/arm64.
func (p Platform) Equal(other Platform) bool { return p.String() == other.String() }

// MarshalText makes a platform a plain string in JSON.
func (p Platform) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (p *Platform) UnmarshalText(text []byte) error {
	parsed, err := ParsePlatform(string(text))
	if err != nil {
		return err
	}
	*p = parsed
	return nil
}

func platformError(text, rule, hint string) error {
	return &InputError{Value: text, Rule: rule, Hint: hint}
}

var variants = map[string][]string{
	"amd64": {"v2", "v3", "v4"},
	"arm":   {"v5", "v6", "v7", "v8"},
	"arm64": {"v8", "v9"},
}

// minorVersion matches what may follow the variants of arm64: v8.1, v9.2.
var minorVersion = regexp.MustCompile(`^(v[89])\.[0-9]$`)

// otherNames are what other tools and distributions call an architecture where containerd does not know the name: uname -m,
// Debian, and the official images' repositories.
var otherNames = map[string]string{
	"arm32v5": "linux/arm/v5", "arm32v6": "linux/arm/v6", "arm32v7": "linux/arm/v7", "arm64v8": "linux/arm64",
	"armv5": "linux/arm/v5", "armv5l": "linux/arm/v5", "armv5tel": "linux/arm/v5", "armv6": "linux/arm/v6", "armv6l": "linux/arm/v6",
	"armv7": "linux/arm/v7", "armv7l": "linux/arm/v7", "armv8": "linux/arm64", "armv8l": "linux/arm64",
	"loongarch64": "linux/loong64", "mipsel": "linux/mipsle", "mips64el": "linux/mips64le", "ppc64el": "linux/ppc64le",
	"x64": "linux/amd64", "x86": "linux/386",
}

var windowsVersion = regexp.MustCompile(`^[0-9]+(\.[0-9]+)*$`)

// wrongVersion says what is wrong with what stands in parentheses after the operating system, and what to write instead.
func wrongVersion(spec ocispec.Platform) (rule, hint string) {
	written := strings.Join(append([]string{spec.OSVersion}, spec.OSFeatures...), "+")
	switch {
	case written == "":
		return "", ""
	case spec.OS != "windows":
		return fmt.Sprintf("%s images have no version of the operating system", spec.OS), fmt.Sprintf("write %s/%s", spec.OS, spec.Architecture)
	case windowsVersion.MatchString(written):
		return "", ""
	}
	return fmt.Sprintf("%q is not a version of Windows", written), "as in windows(10.0.17763)/amd64"
}

// wrongVariant reports whether an architecture has no such variant, and what to write instead.
func wrongVariant(spec ocispec.Platform) (hint string, wrong bool) {
	if spec.Variant == "" {
		return "", false
	}
	known := variants[spec.Architecture]
	variant := spec.Variant
	if spec.Architecture == "arm64" {
		variant = minorVersion.ReplaceAllString(variant, "$1")
	}
	if slices.Contains(known, variant) {
		return "", false
	}
	if len(known) == 0 {
		return fmt.Sprintf("%s has no variants; write %s/%s", spec.Architecture, spec.OS, spec.Architecture), true
	}
	return fmt.Sprintf("known variants: %s", strings.Join(known, ", ")), true
}

// suggestion finds the known platform that is spelled most like the text.
func suggestion(text string) string {
	last := text[strings.LastIndex(text, "/")+1:]
	if strings.Count(text, "/") > 1 {
		last = strings.Split(text, "/")[1]
	}
	if known, ok := otherNames[strings.ToLower(last)]; ok {
		return "write " + known
	}
	spec, err := platforms.Parse("linux/" + last)
	if err == nil && slices.Contains(architectures["linux"], platforms.Normalize(spec).Architecture) {
		return "write " + PlatformOf(spec).String()
	}
	// Among equals the one of the same length: two letters that change places are two changes, as two that are added.
	nearest := slices.MinFunc(architectures["linux"], func(a, b string) int {
		return cmp.Or(
			cmp.Compare(levenshtein.Distance(a, last, nil), levenshtein.Distance(b, last, nil)),
			cmp.Compare(max(len(a)-len(last), len(last)-len(a)), max(len(b)-len(last), len(last)-len(b))),
		)
	})
	if levenshtein.Distance(nearest, last, nil) <= 2 {
		return "did you mean linux/" + nearest + "?"
	}
	return "known architectures: " + strings.Join(architectures["linux"], ", ")
}
