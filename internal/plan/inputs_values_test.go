package plan_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/plan"
)

// The examples of docker/build-push-action's documentation and of its own test workflows.
func TestNewReadsWhatStepsGet(t *testing.T) {
	t.Parallel()
	p := newPlan(t, with(func(in *plan.Inputs) {
		in.AddHosts = []string{"docker:10.180.0.1", "my.host=[::1]", "two=1.1.1.1,2.2.2.2"}
		in.ShmSize, in.Ulimit, in.CgroupParent, in.Network = "2g", []string{"nofile=1024:2048", "nproc=3"}, "foo", "host"
		in.NoCacheFilters, in.Pull, in.Allow = []string{"base"}, "true", []string{"security.insecure"}
	}), nil)
	want := plan.Steps{
		Hosts:   []string{"docker=10.180.0.1", "my.host=::1", "two=1.1.1.1", "two=2.2.2.2"},
		ShmSize: 2 << 30, Ulimits: []string{"nofile=1024:2048", "nproc=3:3"}, CgroupParent: "foo", Network: "host",
		NoCacheStages: []string{"base"}, Pull: true, Entitlements: []string{"security.insecure", "network.host"},
	}
	if diff := cmp.Diff(want, p.Steps); diff != "" {
		t.Errorf("Steps differ (-want +got):\n%s", diff)
	}
	flags := []string{"--allow-insecure-entitlement=security.insecure", "--allow-insecure-entitlement=network.host"}
	if !cmp.Equal(p.Builder.Flags, flags) {
		t.Errorf("flags of the builder = %q, want %q", p.Builder.Flags, flags)
	}
}

func TestNewReadsSecrets(t *testing.T) {
	t.Parallel()
	env := map[string]string{"TOKEN": "from the environment", "mysecret": "by its own name", "GH": "a,b\n"}
	p := newPlan(t, with(func(in *plan.Inputs) {
		in.Secrets = []string{"id=file,src=one/ca.pem", "id=env,env=TOKEN", "type=env,id=typed,src=TOKEN", "id=mysecret", "type=file,id=source,source=two/ca.pem"}
		in.SecretTexts = []string{"GITHUB_TOKEN=abc,def=ghi\n", "id=spec,env=GH", "EMPTY="}
		in.SecretEnvs = []string{"named=TOKEN", "unset=NOTHING"}
		in.SecretFiles = []string{"there=two/key.pem"}
	}), env)
	want := map[string]string{
		"file": "authority one", "env": "from the environment", "typed": "from the environment", "mysecret": "by its own name",
		"source": "authority two", "GITHUB_TOKEN": "abc,def=ghi\n", "spec": "a,b\n", "named": "from the environment", "there": "a key",
	}
	got := map[string]string{}
	for _, s := range p.Secrets {
		got[s.ID] = string(s.Value)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("secrets differ (-want +got):\n%s", diff)
	}
	for _, id := range []string{`"EMPTY"`, `"unset"`} {
		if !slices.ContainsFunc(p.Notes, func(note string) bool { return strings.Contains(note, id) }) {
			t.Errorf("the notes %q do not say that %s is left out", p.Notes, id)
		}
	}
	for _, value := range want {
		if strings.Contains(jsonOf(t, p), value) && value != "by its own name" {
			t.Errorf("the plan's JSON holds the value %q", value)
		}
	}
}

func TestNewReadsContexts(t *testing.T) {
	t.Parallel()
	p := newPlan(t, with(func(in *plan.Inputs) {
		in.Context, in.File = "https://github.com/owner/repo.git#main:sub", "docker/app.Dockerfile"
		in.GitHubToken = "ghs_123"
		in.BuildContexts = []string{
			"assets=app", "alpine=docker-image://alpine:edge", "docs=https://github.com/owner/docs.git#v1", "alpine:latest=target:base",
			"tar=https://example.org/x.tar.gz", "src=git@example.org:a/b.git",
		}
	}), nil)
	if p.ContextKind != plan.ContextGit || p.Context != "https://github.com/owner/repo.git#main:sub" || p.Dockerfile != "docker/app.Dockerfile" {
		t.Errorf("context %q of kind %s with %q", p.Context, p.ContextKind, p.Dockerfile)
	}
	want := []plan.NamedContext{
		{Name: "assets", Kind: plan.ContextFolder, Value: "/src/app"},
		{Name: "docs", Kind: plan.ContextGit, Value: "https://github.com/owner/docs.git#v1"},
		{Name: "alpine", Kind: plan.ContextTarget, Value: "base"},
		{Name: "tar", Kind: plan.ContextHTTP, Value: "https://example.org/x.tar.gz"},
		{Name: "src", Kind: plan.ContextGit, Value: "git@example.org:a/b.git"},
	}
	if diff := cmp.Diff(want, p.Contexts); diff != "" {
		t.Errorf("named contexts differ (-want +got):\n%s", diff)
	}
	if len(p.Secrets) != 1 || p.Secrets[0].ID != "GIT_AUTH_TOKEN.github.com" {
		t.Errorf("secrets = %+v, want the token for the server of the Git context", p.Secrets)
	}
}

func TestTokenGoesToNoOtherServer(t *testing.T) {
	t.Parallel()
	p := newPlan(t, with(func(in *plan.Inputs) {
		in.Context, in.GitHubToken = "https://evil.example/owner/repo.git", "ghs_123"
	}), nil)
	if len(p.Secrets) != 0 {
		t.Errorf("secrets = %+v, want none", p.Secrets)
	}
}

func TestNewReadsOverrides(t *testing.T) {
	t.Parallel()
	p := newPlan(t, with(func(in *plan.Inputs) {
		in.Platforms = []string{"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/riscv64"}
		in.BuildArgs = []string{"A=1", "B=2"}
		in.PlatformOverrides = `
linux/arm64: {target: small, file: app/arm.dockerfile, build-args: [B=3]}
linux/arm: {build-args: {B: four, C: five}}
linux/riscv64:
  build-args: |
    B=6
    C=a,b
`
	}), nil)
	got := map[string]string{}
	for _, platform := range p.Platforms {
		own := p.For(platform)
		args := map[string]string{}
		for _, arg := range own.BuildArgs {
			args[arg.Name] = arg.Value
		}
		text := own.Dockerfile + " " + own.Target
		for _, name := range slices.Sorted(maps.Keys(args)) {
			text += " " + name + "=" + args[name]
		}
		got[platform.String()] = text
	}
	want := map[string]string{
		"linux/amd64": "/src/Dockerfile  A=1 B=2", "linux/arm64": "/src/app/arm.dockerfile small A=1 B=3",
		"linux/arm/v7": "/src/Dockerfile  A=1 B=four C=five", "linux/riscv64": "/src/Dockerfile  A=1 B=6 C=a,b",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what platforms are built with (-want +got):\n%s", diff)
	}
}

// The peers' documentation: https://docs.docker.com/build/ci/github-actions/cache/ and the README of docker/build-push-action.
func TestNewReadsCaches(t *testing.T) {
	t.Parallel()
	w := world(map[string]string{"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s3cret"})
	w.CacheService = plan.CacheService{Token: "jwt", URLv2: "https://results.example/"}
	p, err := plan.New(with(func(in *plan.Inputs) {
		in.Platforms = []string{"linux/arm64"}
		in.CacheFrom = []string{"user/app:latest", "type=gha", "type=gha,scope=image", "type=local,src=path/to/dir", "type=s3,region=eu,bucket=b"}
		in.CacheTo = []string{
			"type=registry,ref=user/app:buildcache,mode=max", "type=gha,mode=max", "type=local,dest=path/to/dir,per-platform=false", "type=inline",
		}
	}), w)
	if err != nil {
		t.Fatal(err)
	}
	amd64, err := plan.ParsePlatform("linux/amd64")
	if err != nil {
		t.Fatal(err)
	}
	service := "token=…,url_v2=https://results.example/,version=2"
	var reads, writes []string
	for _, places := range p.CachesToRead(amd64) {
		for _, c := range places {
			reads = append(reads, c.String())
		}
	}
	for _, write := range p.CachesToWrite() {
		writes = append(writes, write.Cache.String())
	}
	wantReads := []string{
		"type=registry,ref=docker.io/user/app:latest-linux-arm64", "type=registry,ref=docker.io/user/app:latest-linux-amd64", "type=registry,ref=user/app:latest",
		"type=gha,scope=src-linux-arm64," + service, "type=gha,scope=src-linux-amd64," + service, "type=gha,scope=image," + service,
		"type=local,src=/src/path/to/dir/linux-arm64", "type=local,src=/src/path/to/dir/linux-amd64", "type=local,src=/src/path/to/dir",
		"type=s3,access_key_id=…,bucket=b,name=src-linux-arm64,region=eu,secret_access_key=…",
		"type=s3,access_key_id=…,bucket=b,name=src-linux-amd64,region=eu,secret_access_key=…",
	}
	wantWrites := []string{
		"type=registry,mode=max,ref=docker.io/user/app:buildcache-linux-arm64", "type=gha,mode=max,scope=src-linux-arm64," + service,
		"type=local,dest=/src/path/to/dir",
	}
	if diff := cmp.Diff(wantReads, reads); diff != "" {
		t.Errorf("caches that are read (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(wantWrites, writes); diff != "" {
		t.Errorf("caches that are written (-want +got):\n%s", diff)
	}
	if !p.InlineCache() {
		t.Error("the image is no cache, and type=inline asks for it")
	}
}

func TestHostWithoutACacheServiceIsNoError(t *testing.T) {
	t.Parallel()
	p := newPlan(t, with(func(in *plan.Inputs) { in.CacheTo, in.CacheFrom = []string{"type=gha,mode=max"}, []string{"type=gha"} }), nil)
	if len(p.CacheTo)+len(p.CacheFrom) != 0 || len(p.Notes) != 2 {
		t.Errorf("caches %v and %v, notes %q; want none, and two notes", p.CacheFrom, p.CacheTo, p.Notes)
	}
}

func TestEpochOfABuildArgumentCountsMore(t *testing.T) {
	t.Parallel()
	p := newPlan(t, with(func(in *plan.Inputs) { in.BuildArgs = []string{"SOURCE_DATE_EPOCH=5"} }), map[string]string{"SOURCE_DATE_EPOCH": "7"})
	if p.SourceDateEpoch == nil || *p.SourceDateEpoch != 5 {
		t.Errorf("SourceDateEpoch = %v, want 5", p.SourceDateEpoch)
	}
}

func TestNewReadsCalls(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]plan.Call{
		"": {}, "build": {}, "check": {Method: plan.CallCheck, Format: "text"}, "lint,format=json": {Method: plan.CallCheck, Format: "json"},
		"outline": {Method: plan.CallOutline, Format: "text"}, "targets,ignorestatus=true": {Method: plan.CallTargets, Format: "text", IgnoreStatus: true},
	} {
		if got := newPlan(t, with(func(in *plan.Inputs) { in.Call = text }), nil).Call; got != want {
			t.Errorf("call %q = %+v, want %+v", text, got, want)
		}
	}
}
