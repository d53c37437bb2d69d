package verify

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/org/multiarch-action/internal/plan"
)

// maxChildren bounds the entries of an index. The largest of official images have about 40.
const maxChildren = 1000

// Values of $GOOS and $GOARCH that images are published for (image-spec, image-index.md, "platform").
var (
	knownSystems       = strings.Fields("linux windows freebsd darwin netbsd openbsd dragonfly solaris illumos aix android wasip1 js plan9")
	knownArchitectures = strings.Fields("386 amd64 arm arm64 loong64 mips mipsle mips64 mips64le ppc64 ppc64le riscv64 s390x wasm ppc s390 sparc64")
)

// knownVariants are the variants of an architecture (image-spec, "Platform Variants"; Go's GOAMD64, GOPPC64, GORISCV64).
var knownVariants = map[string]*regexp.Regexp{
	"arm": regexp.MustCompile(`^v[5-8]$`), "arm64": regexp.MustCompile(`^v[89](\.\d)?$`), "amd64": regexp.MustCompile(`^v[1-4]$`),
	"ppc64le": regexp.MustCompile(`^power(8|9|10|11)$`), "riscv64": regexp.MustCompile(`^rva\d\du64$`),
}

// values checks that an entry's platform is spelled as clients compare it: letter by letter, many of them.
func (i *indexRun) values(d v1.Descriptor) {
	var wrong []string
	if !slices.Contains(knownSystems, d.Platform.OS) {
		wrong = append(wrong, "os "+shown(d.Platform.OS))
	}
	if !slices.Contains(knownArchitectures, d.Platform.Architecture) {
		wrong = append(wrong, "architecture "+shown(d.Platform.Architecture))
	} else if v := d.Platform.Variant; v != "" && (knownVariants[d.Platform.Architecture] == nil || !knownVariants[d.Platform.Architecture].MatchString(v)) {
		wrong = append(wrong, "variant "+shown(v)+" of "+d.Platform.Architecture)
	}
	if len(wrong) == 0 {
		return
	}
	i.report(plan.Finding{
		Check: checkIndexValue, Platform: platformOf(*d.Platform).String(), Path: d.Digest.String(),
		Expected: "the words of the image specification: those of GOOS and GOARCH, and variants such as v7", Found: strings.Join(wrong, ", "),
		Why: `clients that compare them as they are written find "no matching manifest"`,
		Fix: "write the platform as " + platformOf(*d.Platform).String() + ", if that is what is meant",
	})
}

// limits refuses what no index of use has, before anything else looks at it.
func (i *indexRun) limits() (within bool) {
	f := plan.Finding{
		Check: checkIndexLimits, Why: "clients and registries refuse it, or need very long for it", Fix: "make the index again, of the platforms' images alone",
	}
	if n := len(i.got.Index.Manifests); n > maxChildren {
		f.Expected, f.Found = fmt.Sprintf("at most %d entries", maxChildren), fmt.Sprintf("%d entries", n)
		i.report(f)
		return false
	}
	for _, d := range i.got.Index.Manifests {
		if d.Size < 0 {
			f.Path, f.Expected, f.Found = d.Digest.String(), "the size of the manifest", fmt.Sprintf("size %d", d.Size)
			i.report(f)
		}
	}
	return true
}
