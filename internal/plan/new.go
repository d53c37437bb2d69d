package plan

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/org/multiarch-action/internal/metadata"
)

// New turns inputs into a plan. If anything is wrong it returns InputErrors with every problem found, not just the first.
func New(in Inputs, world World) (*Plan, error) {
	r := &reader{in: in, world: world}
	to := r.destinations()
	p := &Plan{
		Target:        strings.TrimSpace(in.Target),
		Platforms:     r.platforms(),
		BuildArgs:     to.BuildArgs,
		Tags:          r.tags(),
		Push:          to.Push,
		ByDigest:      to.ByDigest,
		Form:          to.Form,
		Load:          to.Load,
		LoadNames:     to.LoadNames,
		Outputs:       to.Outputs,
		Attest:        r.attestations(to),
		Verify:        oneOf(r, "--verify", in.Verify, VerifyFull, VerifyStatic, VerifyManifest, VerifyOff),
		Policy:        r.policy(),
		RegistryRetry: r.registryRetry(),
		ForceTag:      r.boolean("--force-tag", in.ForceTag),
		Staged:        to.Staged,
		KeepHandlers:  r.boolean("--keep-handlers", in.KeepHandlers),
		Binfmt:        oneOf(r, "--binfmt", in.Binfmt, BinfmtAuto, BinfmtAlways, BinfmtNever),
		BinfmtImage:   r.binfmtImage(),
		Call:          r.call(),
		Labels:        r.labels(),
		Contexts:      r.namedContexts(),
		Steps:         r.steps(),
		Metadata:      to.Metadata,
		Logins:        r.logins(),
		Notes:         to.Metadata.Notes,
		ResultFiles:   r.resultFiles(),
		Progress:      oneOf(r, "--progress", in.Progress, ProgressAuto, ProgressPlain, ProgressTTY, ProgressQuiet, ProgressNone, ProgressRawJSON),
	}
	r.platformByDefault(p)
	p.SourceDateEpoch = to.SourceDateEpoch
	p.MetadataProvenance = metadataProvenance(world.Getenv("BUILDX_METADATA_PROVENANCE"))
	r.files(p)
	p.Course = r.course(p.Platforms)
	p.Overrides = r.overrides(p)
	p.Secrets, p.SSH = r.secrets(p), r.ssh(p)
	r.tokenForGit(p)
	p.CacheFrom, p.CacheTo = r.caches(p, "--cache-from", in.CacheFrom), r.caches(p, "--cache-to", in.CacheTo)
	p.Builder = r.builder(p)
	p.Steps.allowOnBuilder(&p.Builder)
	p.Tests = r.tests(p.Platforms)
	p.Annotations = r.annotations(p.Platforms)
	r.describe(p)
	r.enforce(p)
	r.contradictions(p)
	p.Notes = append(p.Notes, p.secretWarnings()...)
	if len(r.problems) > 0 {
		return nil, r.problems.inOrder()
	}
	return p, nil
}

// destinations reads where the result goes, which decides how the rest is read.
func (r *reader) destinations() *Plan {
	to := &Plan{
		BuildArgs: r.buildArgs(), Push: r.boolean("--push", r.in.Push), Load: r.boolean("--load", r.in.Load), Staged: r.staging(),
	}
	to.Push = to.Push || to.Staged != nil
	to.SourceDateEpoch = r.sourceDateEpoch(to.BuildArgs)
	to.Metadata = r.metadata(to.SourceDateEpoch)
	r.outputs(to)
	return to
}

// reader collects what is wrong while it reads the inputs.
type reader struct {
	in       Inputs
	world    World
	problems InputErrors
	rules    bool            // whether the tags are rules
	said     []metadata.Pair // annotations by the rules

	undescribed bool // whether no annotations are wanted but those that are given
	release     bool // whether images exist and are to be tagged
}

func (r *reader) problem(input, value, rule, hint string) {
	r.problems = append(r.problems, &InputError{Input: input, Value: value, Rule: rule, Hint: hint})
}

func (r *reader) boolean(input, text string) bool {
	if text == "" {
		return false
	}
	value, err := strconv.ParseBool(text)
	if err != nil {
		r.problem(input, text, "it is neither true nor false", "write true or false")
	}
	return value
}

// oneOf reads a word out of a fixed set; the first is the default.
func oneOf[T ~string](r *reader, input, text string, known ...T) T {
	if text == "" {
		return known[0]
	}
	if !slices.Contains(known, T(text)) {
		words := make([]string, len(known))
		for i, k := range known {
			words[i] = string(k)
		}
		r.problem(input, text, "it is not one of the known values", "write one of: "+strings.Join(words, ", "))
	}
	return T(text)
}

func (r *reader) policy() Policy {
	p, problems := NewPolicy(r.in.VerifyIgnore, r.in.VerifySeverity, r.world.Checks)
	r.problems = append(r.problems, problems...)
	if r.in.VerifyPolicy == "" {
		return p
	}
	file, problems := ReadPolicyFile(r.in.VerifyPolicy, r.world)
	r.problems = append(r.problems, problems...)
	return file.Join(p)
}

// enforce holds the plan to what its policy file requires.
func (r *reader) enforce(p *Plan) {
	for _, required := range p.Policy.Platforms {
		if len(p.Platforms) > 0 && !slices.ContainsFunc(p.Platforms, required.Platform.Equal) {
			r.problem("--platform", "", fmt.Sprintf("%s requires %s, and it is not built", required.Where, required.Platform), "add it, or change the policy")
		}
	}
	order := []Level{VerifyOff, VerifyManifest, VerifyStatic, VerifyFull}
	switch least := p.Policy.Level; {
	case slices.Index(order, p.Verify) >= slices.Index(order, least):
	case p.Verify == VerifyOff:
		r.problem("--verify", string(p.Verify), fmt.Sprintf("%s wants at least %s", p.Policy.File, least), "leave it out, or change the policy")
	default:
		p.Verify = least
		p.Notes = append(p.Notes, fmt.Sprintf("%s wants at least the level %s, which is taken", p.Policy.File, least))
	}
	p.Notes = append(p.Notes, p.Policy.Expired()...)
}

// platformByDefault is what is built if no platform is named: as for docker buildx build that of $DOCKER_DEFAULT_PLATFORM, or this
// machine's. A question about a Dockerfile needs none: its frontend has one.
func (r *reader) platformByDefault(p *Plan) {
	if len(r.in.Platforms) > 0 || p.Call.Method != CallBuild {
		return
	}
	source, native := r.world.Getenv(platformVariable), r.world.Machine
	if source == "" {
		p.Platforms, p.ByDefault = []Platform{native}, true
		text := "no platform is named, so the image is for this machine's, " + native.String()
		if b := strings.TrimSpace(r.in.Builder); b == builderNone || looksLikeEndpoint(b) {
			text = "no platform is named, so the image is for the builder's own, which it is asked for when it builds"
		}
		p.Notes = append(p.Notes, text+"; for more write --platform linux/amd64,linux/arm64")
		return
	}
	platform, err := ParsePlatform(source)
	if err != nil {
		problem := err.(*InputError) //nolint:errorlint // ParsePlatform returns nothing else
		r.problem(platformVariable, source, problem.Rule, problem.Hint)
		return
	}
	p.Platforms = []Platform{platform}
	p.Notes = append(p.Notes, fmt.Sprintf("no platform is named, so the image is for %s, as %s says", platform, platformVariable))
}

// platformVariable is where docker buildx build finds the platform that is meant where none is named.
const platformVariable = "DOCKER_DEFAULT_PLATFORM"

func (r *reader) platforms() []Platform {
	var out []Platform
	spelled := map[string]string{}
	for _, text := range r.in.Platforms {
		p, err := ParsePlatform(text)
		if err != nil {
			problem := err.(*InputError) //nolint:errorlint // ParsePlatform returns nothing else
			r.problem("--platform", text, problem.Rule, problem.Hint)
			continue
		}
		if first, twice := spelled[p.String()]; twice {
			rule := "it is given twice"
			if first != text {
				rule = fmt.Sprintf("it is the same platform as %q", first)
			}
			r.problem("--platform", text, rule, "name each platform once")
			continue
		}
		spelled[p.String()] = text
		out = append(out, p)
	}
	oldestFirst(out)
	return out
}

// oldestFirst puts older variants of an architecture before newer ones, in the places that they have: clients that take the first entry of
// their architecture out of an index would else get programs that are too new for the machine (moby/moby#37647).
func oldestFirst(platforms []Platform) {
	for i := range platforms {
		for j := i + 1; j < len(platforms); j++ {
			a, b := platforms[i].spec, platforms[j].spec
			if a.OS == b.OS && a.OSVersion == b.OSVersion && a.Architecture == b.Architecture && a.Variant > b.Variant {
				platforms[i], platforms[j] = platforms[j], platforms[i]
			}
		}
	}
}

// resultFiles reads where results go, and finds out, before anything is started, that one could not be written at the end.
func (r *reader) resultFiles() ResultFiles {
	for _, file := range []struct{ input, path string }{
		{"--summary", r.in.Summary},
		{"--report", r.in.Report},
		{"--junit", r.in.JUnit},
		{"--dotenv", r.in.Dotenv},
		{"--links", r.in.Links},
		{"--iidfile", r.in.IIDFile},
		{"--metadata-file", r.in.MetadataFile},
	} {
		if file.path == "" {
			continue
		}
		path := r.absolute(file.path)
		if info, err := r.world.Stat(path); err == nil && info.IsDir() {
			r.problem(file.input, file.path, "it is a folder", "name a file in it")
		} else if info, err := r.world.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
			r.problem(file.input, file.path, "the folder that it would be in does not exist", "create the folder first")
		}
	}
	return ResultFiles{
		Summary: r.in.Summary, Report: r.in.Report, JUnit: r.in.JUnit, Dotenv: r.in.Dotenv, Links: r.in.Links,
		IIDFile: r.in.IIDFile, MetadataFile: r.in.MetadataFile,
	}
}

func (r *reader) contradictions(p *Plan) {
	if p.Staged != nil && len(r.in.Tags) == 0 && !r.rules {
		r.problem("--staged", "", "no tag says for which repository", "add --tag as for publish, for example --tag ghcr.io/owner/app:1.4; it will not be moved")
	} else if p.Push && len(r.in.Tags) == 0 && !r.rules {
		r.problem("--push", "", "there is no tag to push to", "add --tag, for example --tag ghcr.io/owner/app:1.4")
	}
	if r.in.IIDFile != "" && !p.HoldsImage() {
		r.problem("--iidfile", r.in.IIDFile, "no image is made that has a digest", "add --push, --load or --output type=oci,dest=FILE")
	}
	if p.Load && p.Staged != nil {
		r.problem("--load", "", "--staged is given too, and what is handed over is pushed", "leave out one of the two")
	}
}

func (r *reader) absolute(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(r.world.Dir, path)
}

func defaultTo(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}
