package plan

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/shlex"
)

// New turns inputs into a plan. If anything is wrong it returns InputErrors with every problem found, not just the first.
func New(in Inputs, world World) (*Plan, error) {
	r := &reader{in: in, world: world}
	p := &Plan{
		Target:        strings.TrimSpace(in.Target),
		Platforms:     r.platforms(),
		BuildArgs:     r.buildArgs(),
		Tags:          r.tags(),
		Push:          r.boolean("--push", in.Push),
		Load:          r.boolean("--load", in.Load),
		Verify:        oneOf(r, "--verify", in.Verify, VerifyFull, VerifyStatic, VerifyManifest, VerifyOff),
		Policy:        r.policy(),
		SmokeTest:     r.smokeTest(),
		RegistryRetry: r.registryRetry(),
		ForceTag:      r.boolean("--force-tag", in.ForceTag),
		Staged:        r.staging(),
		KeepHandlers:  r.boolean("--keep-handlers", in.KeepHandlers),
		Binfmt:        oneOf(r, "--binfmt", in.Binfmt, BinfmtAuto, BinfmtAlways, BinfmtNever),
		BinfmtImage:   r.binfmtImage(),
		Call:          r.call(),
		Labels:        r.labels(),
		Contexts:      r.namedContexts(),
		Steps:         r.steps(),
		Summary:       in.Summary,
		Report:        in.Report,
		Progress:      oneOf(r, "--progress", in.Progress, ProgressAuto, ProgressPlain, ProgressTTY, ProgressQuiet, ProgressRawJSON),
		JUnit:         in.JUnit,
	}
	p.SourceDateEpoch = r.sourceDateEpoch(p.BuildArgs)
	p.Push = p.Push || p.Staged != nil
	r.files(p)
	p.Course = r.course(p.Platforms)
	p.Overrides = r.overrides(p)
	p.Secrets, p.SSH = r.secrets(p), r.ssh(p)
	r.tokenForGit(p)
	p.CacheFrom, p.CacheTo = r.caches(p, "--cache-from", in.CacheFrom), r.caches(p, "--cache-to", in.CacheTo)
	p.Builder = r.builder(p)
	p.Steps.allowOnBuilder(&p.Builder)
	p.QEMUCPU = r.qemuCPU(p.Platforms)
	r.contradictions(p)
	r.outputs()
	if len(r.problems) > 0 {
		return nil, r.problems.inOrder()
	}
	return p, nil
}

// reader collects what is wrong while it reads the inputs.
type reader struct {
	in       Inputs
	world    World
	problems InputErrors
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
	return p
}

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
	return out
}

// jsonList tells a list of words from the command [ of a shell.
var jsonList = regexp.MustCompile(`^\[\s*["\]]`)

func (r *reader) smokeTest() *SmokeTest {
	timeout, err := time.ParseDuration(r.in.SmokeTestTimeout)
	if r.in.SmokeTestTimeout == "" {
		timeout, err = 2*time.Minute, nil
	}
	if err != nil || timeout <= 0 {
		r.problem("--test-timeout", r.in.SmokeTestTimeout, "it is not a positive duration", "write a number with a unit, for example 90s or 5m")
	}
	text := strings.TrimSpace(r.in.SmokeTest)
	if text == "" {
		return nil
	}
	test := &SmokeTest{Timeout: timeout}
	if jsonList.MatchString(text) {
		if err := json.Unmarshal([]byte(text), &test.Args); err != nil || len(test.Args) == 0 {
			r.problem("--test", text, "it begins like a JSON list of words and is not one", `for example ["/app", "--version"]`)
		}
		return test
	}
	if words, err := shlex.Split(text); err != nil || len(words) == 0 {
		r.problem("--test", text, "its quotes do not match", "write it as in a shell, for example --test 'app --version'")
	}
	test.Command = text
	return test
}

// outputs finds out, before anything is started, that a result could not be written at the end.
func (r *reader) outputs() {
	for _, file := range []struct{ input, path string }{{"--summary", r.in.Summary}, {"--report", r.in.Report}, {"--junit", r.in.JUnit}} {
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
}

func (r *reader) contradictions(p *Plan) {
	if len(r.in.Platforms) == 0 && p.Call.Method == CallBuild {
		r.problem("--platform", "", "no platform is named", "for example --platform linux/amd64,linux/arm64")
	}
	if p.Staged != nil && len(r.in.Tags) == 0 {
		r.problem("--staged", "", "no tag says for which repository", "add --tag as for publish, for example --tag ghcr.io/owner/app:1.4; it will not be moved")
	} else if p.Push && len(r.in.Tags) == 0 {
		r.problem("--push", "", "there is no tag to push to", "add --tag, for example --tag ghcr.io/owner/app:1.4")
	}
	if p.Load && len(r.in.Platforms) > 1 {
		r.problem("--load", "", fmt.Sprintf("the Docker engine's image store holds one platform a tag, and %d are asked for", len(r.in.Platforms)), "name one --platform, or use --push")
	}
	if p.Load && p.Staged != nil {
		r.problem("--load", "", "--staged is given too, and what is handed over is pushed", "leave out one of the two")
	}
	if p.Load && len(r.in.Tags) == 0 {
		r.problem("--load", "", "there is no tag to load the image under", "add --tag, for example --tag app:dev")
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
