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
		Target:          strings.TrimSpace(in.Target),
		Platforms:       r.platforms(),
		BuildArgs:       r.buildArgs(),
		Tags:            r.tags(),
		Push:            r.boolean("--push", in.Push),
		Load:            r.boolean("--load", in.Load),
		Verify:          oneOf(r, "--verify", in.Verify, VerifyStatic, VerifyFull, VerifyManifest, VerifyOff),
		Policy:          r.policy(),
		SmokeTest:       r.smokeTest(),
		KeepHandlers:    r.boolean("--keep-handlers", in.KeepHandlers),
		Binfmt:          oneOf(r, "--binfmt", in.Binfmt, BinfmtAuto, BinfmtAlways, BinfmtNever),
		BinfmtImage:     r.binfmtImage(),
		SourceDateEpoch: r.sourceDateEpoch(),
		Summary:         in.Summary,
		Report:          in.Report,
		Progress:        oneOf(r, "--progress", in.Progress, ProgressAuto, ProgressPlain, ProgressTTY, ProgressQuiet, ProgressRawJSON),
		JUnit:           in.JUnit,
	}
	p.Context, p.Dockerfile = r.files()
	p.Course = r.course(p.Platforms)
	p.Builder = r.builder(p)
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
	if len(r.in.Platforms) == 0 {
		r.problem("--platform", "", "no platform is named", "for example --platform linux/amd64,linux/arm64")
	}
	return out
}

func (r *reader) buildArgs() []BuildArg {
	var out []BuildArg
	for i, text := range r.in.BuildArgs {
		key, value, given := strings.Cut(text, "=")
		if key == "" || strings.ContainsAny(key, " \t") {
			// Any part of it may be a secret, so none is shown.
			r.problem("--build-arg", "", fmt.Sprintf("number %d is not NAME=VALUE", i+1), "for example --build-arg VERSION=1.4")
			continue
		}
		if !given {
			value = r.world.Getenv(key)
		}
		out = append(out, BuildArg{Name: key, Value: value})
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

func (r *reader) sourceDateEpoch() *int64 {
	text := r.world.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		return nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds < 0 {
		r.problem("SOURCE_DATE_EPOCH", text, "it is not a number of seconds since 1970", "for example $(git log -1 --format=%ct)")
		return nil
	}
	return &seconds
}

// files finds the context and the Dockerfile.
func (r *reader) files() (context, dockerfile string) {
	context = r.absolute(defaultTo(r.in.Context, "."))
	info, err := r.world.Stat(context)
	if err != nil || !info.IsDir() {
		r.problem("context", defaultTo(r.in.Context, "."), "there is no such folder", "name the folder that holds what the Dockerfile copies")
		if r.in.File == "" {
			return "", ""
		}
	}
	dockerfile = filepath.Join(context, "Dockerfile")
	if r.in.File != "" {
		dockerfile = r.absolute(r.in.File)
	}
	info, err = r.world.Stat(dockerfile)
	if err != nil || info.IsDir() {
		r.problem("--file", defaultTo(r.in.File, dockerfile), "there is no such Dockerfile", "name it with --file, relative to the working directory")
	}
	return context, dockerfile
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
	if p.Push && len(r.in.Tags) == 0 {
		r.problem("--push", "", "there is no tag to push to", "add --tag, for example --tag ghcr.io/owner/app:1.4")
	}
	if p.Load && len(r.in.Platforms) > 1 {
		r.problem("--load", "", fmt.Sprintf("the Docker engine's image store holds one platform a tag, and %d are asked for", len(r.in.Platforms)), "name one --platform, or use --push")
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
