package plan_test

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
)

// world is a machine with a few files, at the working directory /src.
// machine is what the tests run on.
var machine = plan.PlatformOf(ocispec.Platform{OS: "linux", Architecture: "arm64"})

func world(env map[string]string) plan.World {
	files := fstest.MapFS{
		"src/Dockerfile":          {Data: []byte("FROM scratch\n")},
		"src/app/Dockerfile":      {Data: []byte("FROM scratch\n")},
		"src/app/arm.dockerfile":  {Data: []byte("FROM scratch\n")},
		"src/empty/README":        {},
		"src/one/ca.pem":          {Data: []byte("authority one")},
		"src/two/ca.pem":          {Data: []byte("authority two")},
		"src/two/key.pem":         {Data: []byte("a key")},
		"src/mirror.toml":         {Data: []byte("[registry.\"docker.io\"]\n  mirrors = [\"127.0.0.1:5000/hub\"]\n")},
		"src/not.toml":            {Data: []byte("registry = \n")},
		"src/certificates.toml":   {Data: []byte(certificates)},
		"src/policy.yaml":         {Data: []byte(policyText)},
		"src/nocertificates.toml": {Data: []byte("[registry.\"a.example\"]\n  ca = [\"gone.pem\"]\n")},
	}
	inside := func(name string) string { return strings.TrimPrefix(path.Clean(name), "/") }
	return plan.World{
		EvalSymlinks: func(path string) (string, error) {
			if path == "/src/link" {
				return "/elsewhere", nil
			}
			return path, nil
		},
		Dir:      "/src",
		Machine:  machine,
		Stat:     func(name string) (fs.FileInfo, error) { return fs.Stat(files, inside(name)) },
		ReadFile: func(name string) ([]byte, error) { return fs.ReadFile(files, inside(name)) },
		Getenv:   func(name string) string { return env[name] },
		Now:      time.Date(2026, 11, 21, 23, 59, 0, 0, time.UTC),
		Checks:   knownChecks,
	}
}

// good are inputs with which nothing is wrong.
func good() plan.Inputs { return plan.Inputs{Platforms: []string{"linux/amd64"}} }

func with(change func(*plan.Inputs)) plan.Inputs {
	in := good()
	change(&in)
	return in
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range wrongInputs() {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p, err := plan.New(with(test.change), world(test.env))
			if err == nil {
				t.Fatalf("New() = %+v, want an error", p)
			}
			if got := err.Error(); got != test.want {
				t.Errorf("New():\n got %s\nwant %s", got, test.want)
			}
			if p != nil {
				t.Errorf("New() = %+v together with an error", p)
			}
		})
	}
}

type wrongInput struct {
	name   string
	change func(*plan.Inputs)
	env    map[string]string
	want   string
}

func wrongInputs() []wrongInput {
	set := func(field func(*plan.Inputs) *string, text string) func(*plan.Inputs) {
		return func(in *plan.Inputs) { *field(in) = text }
	}
	return []wrongInput{
		{name: "a default platform that is none", env: map[string]string{"DOCKER_DEFAULT_PLATFORM": "arm64"}, change: func(in *plan.Inputs) { in.Platforms = nil }, want: `DOCKER_DEFAULT_PLATFORM "arm64": an operating system and an architecture are needed, as in linux/arm64; write linux/arm64`},
		{name: "a platform without an operating system", change: func(in *plan.Inputs) { in.Platforms = []string{"arm64"} }, want: `--platform "arm64": an operating system and an architecture are needed, as in linux/arm64; write linux/arm64`},
		{name: "a platform twice", change: func(in *plan.Inputs) { in.Platforms = []string{"linux/arm64", "linux/arm64"} }, want: `--platform "linux/arm64": it is given twice; name each platform once`},
		{name: "a platform twice in two spellings", change: func(in *plan.Inputs) { in.Platforms = []string{"linux/arm64/v8", "linux/aarch64"} }, want: `--platform "linux/aarch64": it is the same platform as "linux/arm64/v8"; name each platform once`},
		{name: "a bad tag", change: func(in *plan.Inputs) { in.Tags = []string{"a:"} }, want: `--tag "a:": it is not an image reference; write [registry/]repository:tag in lower case, for example ghcr.io/owner/app:1.4`},
		{name: "a push without a tag", change: set(func(in *plan.Inputs) *string { return &in.Push }, "true"), want: `--push: there is no tag to push to; add --tag, for example --tag ghcr.io/owner/app:1.4`},
		{name: "a word where true or false should be", change: set(func(in *plan.Inputs) *string { return &in.KeepBuilder }, "maybe"), want: `--keep-builder "maybe": it is neither true nor false; write true or false`},
		{name: "an unknown level of verification", change: set(func(in *plan.Inputs) *string { return &in.Verify }, "all"), want: `--verify "all": it is not one of the known values; write one of: full, static, manifest, off`},
		{name: "an unknown progress", change: set(func(in *plan.Inputs) *string { return &in.Progress }, "json"), want: `--progress "json": it is not one of the known values; write one of: auto, plain, tty, quiet, none, rawjson`},
		{name: "no context", change: set(func(in *plan.Inputs) *string { return &in.Context }, "nowhere"), want: `context "nowhere": there is no such folder; name the folder that holds what the Dockerfile copies`},
		{name: "a file as context", change: set(func(in *plan.Inputs) *string { return &in.Context }, "Dockerfile"), want: `context "Dockerfile": there is no such folder; name the folder that holds what the Dockerfile copies`},
		{name: "no Dockerfile in the context", change: set(func(in *plan.Inputs) *string { return &in.Context }, "empty"), want: `--file "/src/empty/Dockerfile": there is no such Dockerfile; name it with --file, relative to the working directory`},
		{name: "a Dockerfile that is not there", change: set(func(in *plan.Inputs) *string { return &in.File }, "x/Dockerfile"), want: `--file "x/Dockerfile": there is no such Dockerfile; name it with --file, relative to the working directory`},
		{name: "a folder as Dockerfile", change: set(func(in *plan.Inputs) *string { return &in.File }, "app"), want: `--file "app": there is no such Dockerfile; name it with --file, relative to the working directory`},
		{name: "neither context nor Dockerfile", change: func(in *plan.Inputs) { in.Context, in.File = "nowhere", "gone" }, want: "context \"nowhere\": there is no such folder; name the folder that holds what the Dockerfile copies\n" +
			`--file "gone": there is no such Dockerfile; name it with --file, relative to the working directory`},
		{name: "a build argument without a name", change: func(in *plan.Inputs) { in.BuildArgs = []string{"A=1", "=s3cret"} }, want: `--build-arg: number 2 is not NAME=VALUE; for example --build-arg VERSION=1.4`},
		{name: "a build argument with a blank in its name", change: func(in *plan.Inputs) { in.BuildArgs = []string{"TOKEN: s3cret"} }, want: `--build-arg: number 1 is not NAME=VALUE; for example --build-arg VERSION=1.4`},
		{name: "a smoke test with a broken list", change: func(in *plan.Inputs) { in.SmokeTest = []string{`["/app"`} }, want: `--test "[\"/app\"": it begins like a JSON list of words and is not one; for example ["/app", "--version"]`},
		{name: "a smoke test with an empty list", change: func(in *plan.Inputs) { in.SmokeTest = []string{`[]`} }, want: `--test "[]": it begins like a JSON list of words and is not one; for example ["/app", "--version"]`},
		{name: "a smoke test with an open quote", change: func(in *plan.Inputs) { in.SmokeTest = []string{`app 'x`} }, want: `--test "app 'x": its quotes do not match; write it as in a shell, for example --test 'app --version'`},
		{name: "two smoke tests for all platforms", change: func(in *plan.Inputs) { in.SmokeTest = []string{"a", "b"} }, want: `--test "b": there is another line for the same platforms; write one line for each platform, and at most one for all`},
		{name: "a smoke test for a platform that is not built", change: func(in *plan.Inputs) { in.SmokeTest = []string{"linux/arm64=app"} }, want: `--test "linux/arm64=app": linux/arm64 is not one of the platforms to build; name one that --platform names`},
		{name: "a smoke test for no platform", change: func(in *plan.Inputs) { in.SmokeTest = []string{"linux/arm65=app"} }, want: `--test "linux/arm65=app": "arm65" is not an architecture of linux images; did you mean linux/arm64?`},
		{name: "an output without a smoke test", change: func(in *plan.Inputs) { in.SmokeTestExpect = []string{"1.4"} }, want: `--test-expect "1.4": there is no command whose output could hold it; add --test`},
		{name: "a word where a time should be", change: set(func(in *plan.Inputs) *string { return &in.SmokeTestEntrypoint }, "long"), want: `--test-entrypoint "long": it is neither true nor false nor a positive duration; write true, or how long the image must live, for example 30s`},
		{name: "a life longer than the test", change: set(func(in *plan.Inputs) *string { return &in.SmokeTestEntrypoint }, "3m"), want: `--test-entrypoint "3m": a test may take 2m0s only; write a shorter time, or a longer one for --test-timeout`},
		{name: "an unknown network", change: set(func(in *plan.Inputs) *string { return &in.SmokeTestNetwork }, "host"), want: `--test-network "host": it is not one of the known values; write one of: none, default`},
		{name: "a time without a unit", change: set(func(in *plan.Inputs) *string { return &in.SmokeTestTimeout }, "90"), want: `--test-timeout "90": it is not a positive duration; write a number with a unit, for example 90s or 5m`},
		{name: "no time at all", change: set(func(in *plan.Inputs) *string { return &in.SmokeTestTimeout }, "0s"), want: `--test-timeout "0s": it is not a positive duration; write a number with a unit, for example 90s or 5m`},
		{name: "patience without a unit", change: set(func(in *plan.Inputs) *string { return &in.RegistryRetry }, "10"), want: `--registry-retry "10": it is not a duration; write a number with a unit, for example 90s or 5m, or 0`},
		{name: "less than no patience", change: set(func(in *plan.Inputs) *string { return &in.RegistryRetry }, "-1m"), want: `--registry-retry "-1m": it is not a duration; write a number with a unit, for example 90s or 5m, or 0`},
		{name: "a bad builder image", change: set(func(in *plan.Inputs) *string { return &in.BuildkitImage }, "moby buildkit"), want: `--buildkit-image "moby buildkit": it is not an image reference; for example moby/buildkit:v0.33.1`},
		{name: "a summary that is a folder", change: set(func(in *plan.Inputs) *string { return &in.Summary }, "app"), want: `--summary "app": it is a folder; name a file in it`},
		{name: "a report in a folder that is not there", change: set(func(in *plan.Inputs) *string { return &in.Report }, "out/report.json"), want: `--report "out/report.json": the folder that it would be in does not exist; create the folder first`},
		{name: "a time that is not a number", change: func(*plan.Inputs) {}, env: map[string]string{"SOURCE_DATE_EPOCH": "yesterday"}, want: `SOURCE_DATE_EPOCH "yesterday": it is not a number of seconds since 1970; for example $(git log -1 --format=%ct)`},
		{name: "a time before 1970", change: func(*plan.Inputs) {}, env: map[string]string{"SOURCE_DATE_EPOCH": "-1"}, want: `SOURCE_DATE_EPOCH "-1": it is not a number of seconds since 1970; for example $(git log -1 --format=%ct)`},
	}
}

func TestNewNamesAllProblemsInTheOrderOfTheInputs(t *testing.T) {
	t.Parallel()
	in := plan.Inputs{
		Context: "nowhere", File: "gone", Platforms: []string{"arm64", "linux/amd65"}, Tags: []string{"A:1"}, Push: "yes please", Load: "ja",
		BuildArgs: []string{"="}, SmokeTest: []string{"'"}, SmokeTestEntrypoint: "ja", SmokeTestTimeout: "soon", SmokeTestNetwork: "x", Verify: "some", VerifyIgnore: []string{""}, VerifySeverity: []string{"x"}, BuildkitImage: "a b", BuildkitdConfig: "x", BuildkitdConfigInline: "y",
		RegistryRetry: "r", ForceTag: "fo", KeepBuilder: "k", KeepHandlers: "h", Summary: "x/y", Report: "x/z", Progress: "fancy",
	}
	_, err := plan.New(in, world(map[string]string{"SOURCE_DATE_EPOCH": "x"}))
	var problems plan.InputErrors
	if !errors.As(err, &problems) {
		t.Fatalf("New() gives %v, want InputErrors", err)
	}
	var got []string
	for _, problem := range problems {
		got = append(got, problem.Input)
	}
	want := []string{
		"context", "--file", "--platform", "--platform", "--tag", "--build-arg", "--push", "--load", "--test", "--test-entrypoint", "--test-timeout", "--test-network", "--verify", "--ignore", "--severity",
		"--buildkit-image", "--buildkitd-config", "--registry-retry", "--force-tag", "--keep-builder", "--keep-handlers", "--summary", "--report", "--progress", "SOURCE_DATE_EPOCH",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the inputs with problems differ (-want +got):\n%s", diff)
	}
	if got, want := strings.Count(err.Error(), "\n"), len(want)-1; got != want {
		t.Errorf("the error has %d line ends, want %d:\n%s", got, want, err)
	}
}

func TestNewPutsOldVariantsFirst(t *testing.T) {
	t.Parallel()
	in := with(func(in *plan.Inputs) {
		in.Platforms = []string{"linux/arm/v7", "linux/amd64/v3", "linux/arm64", "linux/arm/v6", "linux/amd64", "linux/arm/v5"}
	})
	var got []string
	for _, p := range newPlan(t, in, nil).Platforms {
		got = append(got, p.String())
	}
	want := []string{"linux/arm/v5", "linux/amd64", "linux/arm64", "linux/arm/v6", "linux/amd64/v3", "linux/arm/v7"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the platforms differ (-want +got):\n%s", diff)
	}
}

func TestNewFindsContextAndDockerfile(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, context, file, wantContext, wantFile string }{
		{"the working directory by default", "", "", "/src", "/src/Dockerfile"},
		{"the Dockerfile of the context by default", "app", "", "/src/app", "/src/app/Dockerfile"},
		{"a Dockerfile is relative to the working directory", "app", "Dockerfile", "/src/app", "/src/Dockerfile"},
		{"absolute paths stay", "/src/app/../app", "/src/app/arm.dockerfile", "/src/app", "/src/app/arm.dockerfile"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newPlan(t, with(func(in *plan.Inputs) { in.Context, in.File = test.context, test.file }), nil)
			if p.Context != test.wantContext || p.Dockerfile != test.wantFile {
				t.Errorf("New() = %s and %s, want %s and %s", p.Context, p.Dockerfile, test.wantContext, test.wantFile)
			}
		})
	}
}

func newPlan(t *testing.T, in plan.Inputs, env map[string]string) *plan.Plan {
	t.Helper()
	p, err := plan.New(in, world(env))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestNewReadsBuildArguments(t *testing.T) {
	t.Parallel()
	in := with(func(in *plan.Inputs) { in.BuildArgs = []string{"A=1", "B", "C=x=y", "D=", "E"} })
	// E has no value anywhere: the default of the Dockerfile counts.
	want := []plan.BuildArg{{Name: "A", Value: "1"}, {Name: "B", Value: "from the environment"}, {Name: "C", Value: "x=y"}, {Name: "D"}}
	p := newPlan(t, in, map[string]string{"B": "from the environment", "A": "not this"})
	if diff := cmp.Diff(want, p.BuildArgs); diff != "" {
		t.Errorf("BuildArgs differ (-want +got):\n%s", diff)
	}
}

func TestNewReadsTests(t *testing.T) {
	t.Parallel()
	type inputs = plan.Inputs
	commands := func(amd64, arm64 plan.SmokeTest) map[string]plan.SmokeTest {
		return map[string]plan.SmokeTest{"linux/amd64": amd64, "linux/arm64": arm64}
	}
	version := plan.SmokeTest{Command: "app --version && test -x /app"}
	words := plan.SmokeTest{Args: []string{"/app", "a b"}}
	tests := []struct {
		name string
		in   inputs
		want plan.Tests
	}{
		{"none", inputs{SmokeTest: []string{" "}}, plan.Tests{}},
		{"shell text stays as it is", inputs{SmokeTest: []string{" app --version && test -x /app "}}, plan.Tests{Timeout: 2 * time.Minute, Network: "none", Commands: commands(version, version)}},
		{"a JSON list is the words", inputs{SmokeTest: []string{`["/app", "a b"]`}}, plan.Tests{Timeout: 2 * time.Minute, Network: "none", Commands: commands(words, words)}},
		{"one for one platform", inputs{SmokeTest: []string{"/app --level=3", "linux/aarch64=app x=y"}}, plan.Tests{Timeout: 2 * time.Minute, Network: "none", Commands: commands(plan.SmokeTest{Command: "/app --level=3"}, plan.SmokeTest{Command: "app x=y"})}},
		{"none for one platform", inputs{SmokeTest: []string{"app", "linux/arm64="}}, plan.Tests{Timeout: 2 * time.Minute, Network: "none", Commands: map[string]plan.SmokeTest{"linux/amd64": {Command: "app"}}}},
		{
			"what the output must hold",
			inputs{SmokeTest: []string{"app"}, SmokeTestExpect: []string{"v1.4", "linux/arm64=v1.4 arm"}},
			plan.Tests{Timeout: 2 * time.Minute, Network: "none", Commands: commands(plan.SmokeTest{Command: "app", Expect: "v1.4"}, plan.SmokeTest{Command: "app", Expect: "v1.4 arm"})},
		},
		{"another time", inputs{SmokeTest: []string{"linux/arm64=app"}, SmokeTestTimeout: "90s"}, plan.Tests{Timeout: 90 * time.Second, Network: "none", Commands: map[string]plan.SmokeTest{"linux/arm64": {Command: "app"}}}},
		{"the image as it is", inputs{SmokeTestEntrypoint: "true"}, plan.Tests{Timeout: 2 * time.Minute, Network: "none", Entrypoint: &plan.EntrypointTest{Lives: 10 * time.Second}}},
		{"the image as it is, with less time", inputs{SmokeTestEntrypoint: "true", SmokeTestTimeout: "6s"}, plan.Tests{Entrypoint: &plan.EntrypointTest{Lives: 3 * time.Second}, Timeout: 6 * time.Second, Network: "none"}},
		{"the image as it is, for a time", inputs{SmokeTestEntrypoint: "30s"}, plan.Tests{Timeout: 2 * time.Minute, Network: "none", Entrypoint: &plan.EntrypointTest{Lives: 30 * time.Second}}},
		{"not the image as it is", inputs{SmokeTestEntrypoint: "false"}, plan.Tests{}},
		{"a network", inputs{SmokeTestEntrypoint: "1s", SmokeTestNetwork: "default"}, plan.Tests{Timeout: 2 * time.Minute, Network: "default", Entrypoint: &plan.EntrypointTest{Lives: time.Second}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.in.Platforms = []string{"linux/amd64", "linux/arm64"}
			if diff := cmp.Diff(test.want, newPlan(t, test.in, nil).Tests, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("Tests differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNewReadsSourceDateEpoch(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "<nil>", "0": "0", "1700000000": "1700000000"} {
		t.Run("SOURCE_DATE_EPOCH="+text, func(t *testing.T) {
			t.Parallel()
			p := newPlan(t, good(), map[string]string{"SOURCE_DATE_EPOCH": text})
			got := "<nil>"
			if p.SourceDateEpoch != nil {
				got = fmt.Sprint(*p.SourceDateEpoch)
			}
			if got != want {
				t.Errorf("SourceDateEpoch = %s, want %s", got, want)
			}
		})
	}
}

func TestPlatformByDefault(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(*plan.Inputs)
		env    map[string]string
		want   []string
		note   string
	}{
		{"this machine's", func(*plan.Inputs) {}, nil, []string{"linux/arm64"}, "no platform is named, so the image is for this machine's, linux/arm64; for more write --platform linux/amd64,linux/arm64"},
		{"that of the environment", func(*plan.Inputs) {}, map[string]string{"DOCKER_DEFAULT_PLATFORM": "linux/arm/v7"}, []string{"linux/arm/v7"}, "no platform is named, so the image is for linux/arm/v7, as DOCKER_DEFAULT_PLATFORM says"},
		{"what is named counts", func(in *plan.Inputs) { in.Platforms = []string{"linux/s390x"} }, map[string]string{"DOCKER_DEFAULT_PLATFORM": "linux/arm/v7"}, []string{"linux/s390x"}, ""},
		{"a question needs none", func(in *plan.Inputs) { in.Call = "check" }, nil, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			in := plan.Inputs{}
			test.change(&in)
			p := newPlan(t, in, test.env)
			var got []string
			for _, platform := range p.Platforms {
				got = append(got, platform.String())
			}
			if notes := strings.Join(p.Notes, "\n"); !slices.Equal(got, test.want) || notes != test.note {
				t.Errorf("platforms %v with the notes %q, want %v with %q", got, notes, test.want, test.note)
			}
		})
	}
}

func TestMultiPlatformGivesOneAnIndex(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{"1": true, "true": true, "0": false, "": false} {
		in := with(func(in *plan.Inputs) {
			in.BuildArgs, in.Outputs, in.Provenance = []string{"BUILDKIT_MULTI_PLATFORM=" + value}, []string{"out"}, "false"
		})
		if p := newPlan(t, in, nil); p.Index() != want || p.Outputs[0].Split != want {
			t.Errorf("BUILDKIT_MULTI_PLATFORM=%s: an index is %t and folders for platforms are %t, want both %t", value, p.Index(), p.Outputs[0].Split, want)
		}
	}
}
