package plan

import (
	"maps"
	"slices"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Release is everything that publish and promote will do with images that exist.
type Release struct {
	Sources   []string   // as they were written
	Tags      []Tag      // most specific first
	Platforms []Platform // that must be there, and no others; empty: those that are there
	Append    bool       // to what the first tag points at
	Staged    *Staging   // nil: nothing is handed over
	Wait      time.Duration
	Promotion Promotion
	ForceTag  bool
	Verify    Level
	Policy    Policy
	Registries
	ResultFiles
	Notes []string // what was decided without being asked, for the log
}

// Promotion is what only promote is asked.
type Promotion struct {
	FromTag string       // the tag that names the image; empty: a digest does
	Expect  *v1.Hash     // what that tag must point at; nil: nobody said
	Rules   ReleaseRules // that give further tags
}

// Registries is how registries are reached.
type Registries struct {
	Authorities [][]byte // further certificates to trust them by, in PEM
	PlainHTTP   []string // hosts that speak it
	Logins      []Login
	Retry       time.Duration
}

// Repositories returns the repositories of the tags, each once, in the order of the tags.
func (r *Release) Repositories() []name.Repository { return Repositories(r.Tags) }

// releaseRows are rows of the build's inputs that mean the same for images that exist.
var releaseRows = []string{
	"tags", "platforms", "verify", "verify-ignore", "verify-severity", "buildkitd-config", "buildkitd-config-inline", "insecure-registries", "registry-cas", "registry-retry", "force-tag",
	"registry", "username", "password", "password-file", "registry-auth", "summary", "report", "junit", "dotenv", "links",
}

// releaseHelp is what some of these rows mean there.
var releaseHelp = map[string]string{
	"platforms":               "platforms that must be there, and no others, for example linux/amd64,linux/arm64",
	"tags":                    "image references to move to the result once it is verified, for example ghcr.io/owner/app:1.4",
	"staged":                  "take the platforms that builds on many machines have handed over under a key (default: the CI host's run)",
	"record":                  "folder with the files that builds have handed over instead of references in the registry; implies staged",
	"buildkitd-config":        "buildkitd.toml, of which the settings of registries count",
	"buildkitd-config-inline": "the same, as text",
}

// rows picks rows out of the build's inputs, in the order of the names.
func rows(names ...string) []Input {
	var out []Input
	for _, n := range names {
		for _, input := range BuildInputs() {
			if input.Name != n {
				continue
			}
			if help := releaseHelp[n]; help != "" {
				input.Help = help
			}
			out = append(out, input)
		}
	}
	return out
}

// RegistryInputs returns the inputs that say how registries are reached.
func RegistryInputs() []Input {
	return rows(slices.Concat([]string{"buildkitd-config", "buildkitd-config-inline", "insecure-registries", "registry-cas", "registry-retry"}, loginNames)...)
}

// PublishInputs returns the table of the publish command's inputs.
func PublishInputs() []Input {
	own := []Input{
		{
			Name: "sources", Kind: KindList, Help: "images to make the index of: tags, digests, other indexes, OCI layouts",
			list: func(in *Inputs) *[]string { return &in.Sources },
		},
		{
			Name: "append", Flag: "append", Kind: KindBool, Default: "false", Help: "add to the index that the first tag points at; a platform that it has is replaced",
			text: func(in *Inputs) *string { return &in.Append },
		},
		{
			Name: "wait", Flag: "wait", Kind: KindText, Default: "0s", Help: "how long to wait for staged platforms that are not there yet, for example 30m",
			text: func(in *Inputs) *string { return &in.Wait },
		},
	}
	return slices.Concat(own[:1], rows("tags", "images", "flavor", "platforms"), own[1:2], rows("staged", "record"), own[2:], rows(releaseRows[2:]...))
}

// PromoteInputs returns the table of the promote command's inputs.
func PromoteInputs() []Input {
	own := []Input{
		{
			Name: "sources", Kind: KindList, Help: "image to promote, by its digest: ghcr.io/owner/app@sha256:…; with from-tag its repository",
			list: func(in *Inputs) *[]string { return &in.Sources },
		},
		{
			Name: "from-tag", Flag: "from-tag", Kind: KindText, Help: "tag that names the image instead of a digest, for example rc",
			text: func(in *Inputs) *string { return &in.FromTag },
		},
		{
			Name: "expect", Flag: "expect", Kind: KindText, Help: "digest that the tag must point at, sha256:…; another is refused",
			text: func(in *Inputs) *string { return &in.Expect },
		},
		{
			Name: "rules", Flag: "rules", Kind: KindLines, Help: "rule that gives further tags, for example type=semver,pattern={{major}}.{{minor}}",
			list: func(in *Inputs) *[]string { return &in.Rules },
		},
	}
	return slices.Concat(own[:1], rows("tags"), own[1:], rows("flavor"), rows(releaseRows[1:]...))
}

// NewRelease turns inputs of publish or promote into what will be done. If anything is wrong it returns InputErrors with every
// problem found.
func NewRelease(in Inputs, world World) (*Release, error) {
	r := &reader{in: in, world: world, release: true}
	config, registries := r.registries()
	described := r.metadata(r.sourceDateEpoch(nil))
	out := &Release{
		Sources:     in.Sources,
		Tags:        config.plainHTTP(r.tags()),
		Append:      r.boolean("--append", in.Append),
		Staged:      r.staging(),
		Wait:        r.wait(),
		ForceTag:    r.boolean("--force-tag", in.ForceTag),
		Verify:      oneOf(r, "--verify", in.Verify, VerifyFull, VerifyStatic, VerifyManifest, VerifyOff),
		Policy:      r.policy(),
		Registries:  registries,
		ResultFiles: r.resultFiles(),
		Notes:       described.Notes,
		Promotion:   Promotion{FromTag: in.FromTag, Expect: r.expect(), Rules: r.releaseRules()},
	}
	if len(in.Platforms) > 0 {
		out.Platforms = r.platforms()
	}
	r.releaseContradictions(out)
	if len(r.problems) > 0 {
		return nil, r.problems.inOrder()
	}
	return out, nil
}

// NewRegistries reads the inputs that say how registries are reached.
func NewRegistries(in Inputs, world World) (Registries, InputErrors) {
	r := &reader{in: in, world: world}
	_, out := r.registries()
	return out, r.problems
}

func (r *reader) registries() (BuilderConfig, Registries) {
	out := Registries{Retry: r.registryRetry(), Logins: r.logins()}
	config, ok := r.builderConfig()
	if !ok {
		return nil, out
	}
	r.registryInputs(config)
	r.dockerAuthorities(config)
	_, out.Authorities = r.takeFiles(config)
	registries := config.Registries()
	for _, host := range slices.Sorted(maps.Keys(registries)) {
		if registries[host]["http"] == true {
			out.PlainHTTP = append(out.PlainHTTP, host)
		}
	}
	return config, out
}

func (r *reader) wait() time.Duration {
	if r.in.Wait == "" {
		return 0
	}
	wait, err := time.ParseDuration(r.in.Wait)
	if err != nil || wait < 0 {
		r.problem("--wait", r.in.Wait, "it is not a duration", "write a number with a unit, for example 30m or 90s")
	}
	return wait
}

func (r *reader) expect() *v1.Hash {
	if r.in.Expect == "" {
		return nil
	}
	hash, err := v1.NewHash(r.in.Expect)
	if err != nil {
		r.problem("--expect", r.in.Expect, "it is not a digest", "write sha256: and 64 hexadecimal digits, as inspect shows it")
		return nil
	}
	return &hash
}

func (r *reader) releaseContradictions(out *Release) {
	if len(r.in.Tags) == 0 && len(r.in.Rules) == 0 && !r.rules {
		r.problem("--tag", "", "no tag is named", "for example --tag ghcr.io/owner/app:1.4")
	}
	if len(r.in.Sources) == 0 && out.Staged == nil {
		r.problem("sources", "", "no image is named", "name tags, digests or OCI layouts behind the flags")
	}
	if out.Staged != nil && len(r.in.Platforms) == 0 {
		r.problem("--staged", "", "no platform is named, so nobody knows when all are there", "for example --platform linux/amd64,linux/arm64")
	}
	if out.Staged == nil && out.Wait > 0 {
		r.problem("--wait", r.in.Wait, "only what is handed over is waited for", "add --staged, or leave it out")
	}
	if out.Promotion.Expect != nil && r.in.FromTag == "" {
		r.problem("--expect", r.in.Expect, "it is compared with what --from-tag points at, and there is none", "add --from-tag, or write the digest behind the image: IMAGE@"+r.in.Expect)
	}
}
