package build

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/org/multiarch-action/internal/plan"
)

var (
	amd64 = platform("linux/amd64")
	arm64 = platform("linux/arm64")
	s390x = platform("linux/s390x")
)

func platform(text string) plan.Platform {
	p, err := plan.ParsePlatform(text)
	if err != nil {
		panic(err)
	}
	return p
}

// baseImages is a registry with images for amd64 and arm64: "plain", and "onbuild", which brings commands along.
func baseImages(t *testing.T) (host string, requests *atomic.Int64) {
	t.Helper()
	requests = new(atomic.Int64)
	handler := registry.New()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	host = strings.TrimPrefix(server.URL, "http://")
	for repository, config := range map[string]v1.Config{
		"plain": {}, "onbuild": {OnBuild: []string{"RUN /prepare"}}, "onbuild-copy": {OnBuild: []string{"COPY --from=tools /tool /tool"}},
		"library/busybox": {}, "env": {Env: []string{"FORMAT=zip"}},
	} {
		push(t, host+"/"+repository+":latest", config, amd64, arm64)
	}
	requests.Store(0)
	return host, requests
}

func push(t *testing.T, ref string, config v1.Config, platforms ...plan.Platform) {
	t.Helper()
	var index v1.ImageIndex = empty.Index
	for _, p := range platforms {
		image, err := random.Image(64, 1)
		if err == nil {
			image, err = mutate.ConfigFile(image, &v1.ConfigFile{OS: p.OS(), Architecture: p.Architecture(), Config: config, RootFS: rootFS(t, image)})
		}
		if err != nil {
			t.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{
			Platform: &v1.Platform{OS: p.OS(), Architecture: p.Architecture()},
		}})
	}
	tag, err := name.NewTag(ref)
	if err == nil {
		err = remote.WriteIndex(tag, index)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func rootFS(t *testing.T, image v1.Image) v1.RootFS {
	t.Helper()
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	return config.RootFS
}

// needRequest is one for a Dockerfile, in which REGISTRY stands for the registry.
func needRequest(t *testing.T, host, dockerfile string, platforms ...plan.Platform) NeedRequest {
	t.Helper()
	file := filepath.Join(t.TempDir(), "Dockerfile")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(dockerfile, "REGISTRY", host)), 0o600); err != nil {
		t.Fatal(err)
	}
	return NeedRequest{
		Plan: &plan.Plan{Dockerfile: file, Platforms: platforms}, BuildPlatform: amd64,
		BaseImages: BaseImages{Keychain: authn.NewMultiKeychain(), Config: plan.BuilderConfig{
			// Nothing is to be asked outside this process.
			"registry": map[string]any{"docker.io": map[string]any{"mirrors": []any{host}}},
		}},
	}
}

const (
	nothingForeign = "executes nothing foreign: cross-compiled on linux/amd64"
	onlyCopies     = "executes nothing: files are only copied"
)

func TestNeedsForDockerfiles(t *testing.T) {
	t.Parallel()
	host, _ := baseImages(t)
	foreign := []plan.Platform{arm64}
	tests := []struct {
		name       string
		dockerfile string
		change     func(*plan.Plan)
		want       Need // for linux/arm64
	}{
		{
			name: "a command", dockerfile: "FROM REGISTRY/plain\nWORKDIR /src\nRUN apk add curl\n",
			want: Need{Needs: true, Foreign: foreign, Why: "RUN apk add curl (Dockerfile:3) executes on linux/arm64"},
		},
		{
			name: "the first of several commands is named", dockerfile: "FROM REGISTRY/plain\nRUN one\nRUN two\n",
			want: Need{Needs: true, Foreign: foreign, Why: "RUN one (Dockerfile:2) executes on linux/arm64"},
		},
		{
			name: "a heredoc", dockerfile: "FROM REGISTRY/plain\nRUN <<EOF\nmake\nmake install\nEOF\n",
			want: Need{Needs: true, Foreign: foreign, Why: "RUN <<EOF (Dockerfile:2) executes on linux/arm64"},
		},
		{
			name: "a heredoc with an interpreter", dockerfile: "FROM REGISTRY/plain\nRUN <<EOF\n#!/usr/bin/python3\nprint(1)\nEOF\n",
			want: Need{Needs: true, Foreign: foreign, Why: "RUN <<EOF (Dockerfile:2) executes on linux/arm64"},
		},
		{
			name: "files made by a heredoc", dockerfile: "FROM REGISTRY/plain\nCOPY <<EOF /greeting\nhello\nEOF\n",
			want: Need{Why: onlyCopies},
		},
		{
			name: "mounts", dockerfile: "FROM --platform=$BUILDPLATFORM REGISTRY/plain AS tools\nRUN build\nFROM REGISTRY/plain\nRUN --mount=from=tools,target=/t --mount=type=cache,target=/c /t/tool\n",
			want: Need{Needs: true, Foreign: foreign, Why: "RUN --mount=from=tools,target=/t --mount=type=cache,target=/c /t/tool (Dockerfile:4) executes on linux/arm64"},
		},
		{
			name: "a foreign image that is only mounted", dockerfile: "FROM --platform=$BUILDPLATFORM REGISTRY/plain AS b\nRUN --mount=from=REGISTRY/plain,target=/t cp /t/a /a\nFROM scratch\nCOPY --from=b /a /a\n",
			want: Need{Why: nothingForeign},
		},
		{
			name: "cross-compiled", dockerfile: "FROM --platform=$BUILDPLATFORM REGISTRY/plain AS b\nARG TARGETARCH\nRUN go build\nFROM scratch\nCOPY --from=b /app /app\n",
			want: Need{Why: nothingForeign},
		},
		{
			name: "cross-compiled onto a base image", dockerfile: "FROM --platform=$BUILDPLATFORM REGISTRY/plain AS b\nRUN go build\nFROM REGISTRY/plain\nCOPY --from=b /app /app\nENTRYPOINT [\"/app\"]\n",
			want: Need{Why: nothingForeign},
		},
		{
			name: "the target platform, by name", dockerfile: "FROM --platform=$TARGETPLATFORM REGISTRY/plain\nRUN make\n",
			want: Need{Needs: true, Foreign: foreign, Why: "RUN make (Dockerfile:2) executes on linux/arm64"},
		},
		{
			name: "a fixed platform that is the machine's", dockerfile: "FROM --platform=linux/amd64 REGISTRY/plain\nRUN make\n",
			want: Need{Why: nothingForeign},
		},
		{
			name: "a fixed platform that is a third one", dockerfile: "FROM --platform=linux/s390x REGISTRY/plain AS b\nRUN make\nFROM scratch\nCOPY --from=b /app /app\n",
			want: Need{Needs: true, Foreign: []plan.Platform{s390x}, Why: "RUN make (Dockerfile:2) executes on linux/s390x"},
		},
		{
			name: "two foreign platforms", dockerfile: "FROM --platform=linux/s390x REGISTRY/plain AS b\nRUN make\nFROM REGISTRY/plain\nCOPY --from=b /app /app\nRUN /app\n",
			want: Need{Needs: true, Foreign: []plan.Platform{s390x, arm64}, Why: "RUN make (Dockerfile:2) executes on linux/s390x"},
		},
		{
			name: "a stage that nothing needs", dockerfile: "FROM REGISTRY/plain AS test\nRUN make test\nFROM REGISTRY/plain\nCOPY . /\n",
			want: Need{Why: onlyCopies},
		},
		{
			name: "a stage that the target does not need", dockerfile: "FROM REGISTRY/plain AS files\nCOPY . /\nFROM files\nRUN make\n",
			change: func(p *plan.Plan) { p.Target = "files" }, want: Need{Why: onlyCopies},
		},
		{
			name: "a stage that the target does need", dockerfile: "FROM REGISTRY/plain AS test\nRUN make test\nFROM scratch\nCOPY . /\n",
			change: func(p *plan.Plan) { p.Target = "test" },
			want:   Need{Needs: true, Foreign: foreign, Why: "RUN make test (Dockerfile:2) executes on linux/arm64"},
		},
		{
			name: "files from a foreign image", dockerfile: "FROM scratch\nCOPY --from=REGISTRY/plain /a /a\nADD https://example.com/b /b\n",
			want: Need{Why: onlyCopies},
		},
		{
			name: "a command in an image without files", dockerfile: "FROM scratch\nCOPY app /app\nRUN [\"/app\", \"init\"]\n",
			want: Need{Needs: true, Foreign: foreign, Why: `RUN ["/app", "init"] (Dockerfile:3) executes on linux/arm64`},
		},
		{
			name: "a base image by argument", dockerfile: "ARG BASE=nowhere.invalid/none\nFROM $BASE\nCOPY . /\n",
			change: func(p *plan.Plan) { p.BuildArgs = []plan.BuildArg{{Name: "BASE", Value: host + "/onbuild"}} },
			want:   Need{Needs: true, Foreign: foreign, Why: "RUN /prepare (Dockerfile:2) executes on linux/arm64"},
		},
		{
			name: "a platform by argument", dockerfile: "ARG WHERE\nFROM --platform=$WHERE REGISTRY/plain\nRUN make\n",
			change: func(p *plan.Plan) { p.BuildArgs = []plan.BuildArg{{Name: "WHERE", Value: "linux/amd64"}} },
			want:   Need{Why: nothingForeign},
		},
		{
			name: "a base image with a trigger", dockerfile: "FROM REGISTRY/onbuild\nCOPY . /\n",
			want: Need{Needs: true, Foreign: foreign, Why: "RUN /prepare (Dockerfile:1) executes on linux/arm64"},
		},
		{
			name: "a trigger on the build platform", dockerfile: "FROM --platform=$BUILDPLATFORM REGISTRY/onbuild AS b\nFROM scratch\nCOPY --from=b /a /a\n",
			want: Need{Why: nothingForeign},
		},
		{
			name: "a trigger that needs another stage", dockerfile: "FROM REGISTRY/plain AS tools\nRUN make tool\nFROM REGISTRY/onbuild-copy\n",
			want: Need{Needs: true, Foreign: foreign, Why: "RUN make tool (Dockerfile:2) executes on linux/arm64"},
		},
		{
			name: "a trigger of the Dockerfile itself", dockerfile: "FROM REGISTRY/plain AS base\nONBUILD RUN later\nFROM base\nCOPY . /\n",
			want: Need{Needs: true, Foreign: foreign, Why: "RUN later (Dockerfile:3) executes on linux/arm64"},
		},
		{
			name: "a variable of the base image", dockerfile: "FROM REGISTRY/env\nCOPY app${FORMAT:?unknown} /\n", want: Need{Why: onlyCopies},
		},
		{
			name: "the usual frontend", dockerfile: "# syntax=docker/dockerfile:1\nFROM REGISTRY/plain\nCOPY . /\n", want: Need{Why: onlyCopies},
		},
		{
			name: "the usual frontend's next version", dockerfile: "# syntax=docker.io/docker/dockerfile-upstream:master\nFROM REGISTRY/plain\nCOPY . /\n", want: Need{Why: onlyCopies},
		},
		{
			name: "another frontend", dockerfile: "# syntax=ghcr.io/other/frontend:2\nFROM scratch\n",
			want: Need{Needs: true, Foreign: foreign, Why: "cannot be told: the Dockerfile's syntax is that of the frontend ghcr.io/other/frontend:2"},
		},
		{
			name: "another frontend, by argument", dockerfile: "FROM scratch\nCOPY . /\n",
			change: func(p *plan.Plan) {
				p.BuildArgs = []plan.BuildArg{{Name: "BUILDKIT_SYNTAX", Value: "other/dockerfile x"}}
			},
			want: Need{Needs: true, Foreign: foreign, Why: "cannot be told: the Dockerfile's syntax is that of the frontend other/dockerfile"},
		},
		{
			name: "a mirror is asked", dockerfile: "FROM busybox\nCOPY . /\n", want: Need{Why: onlyCopies},
		},
		{
			name: "a smoke test", dockerfile: "FROM scratch\nCOPY . /\n", change: func(p *plan.Plan) { p.Tests.Entrypoint = &plan.EntrypointTest{} },
			want: Need{Needs: true, Foreign: foreign, Why: "the smoke test executes on linux/arm64"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			request := needRequest(t, host, test.dockerfile, arm64)
			if test.change != nil {
				test.change(request.Plan)
			}
			test.want.Platform = arm64
			test.want.Why = strings.ReplaceAll(test.want.Why, "REGISTRY", host)
			if diff := cmp.Diff([]Need{test.want}, Needs(t.Context(), request)); diff != "" {
				t.Errorf("Needs() differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNeedsSayWhatCannotBeTold(t *testing.T) {
	t.Parallel()
	host, _ := baseImages(t)
	for _, test := range []struct{ name, dockerfile, why string }{
		{"a Dockerfile that is none", "FORM scratch\n", "unknown instruction: FORM"},
		{"an empty Dockerfile", "", "the Dockerfile cannot be empty"},
		{"a variable that is nothing", "FROM --platform=$WHERE scratch\n", "empty platform value"},
		{"a base image that is not there", "FROM REGISTRY/nothing\nCOPY . /\n", "REGISTRY/nothing"},
		{"a named context that is not there", "FROM scratch\nCOPY --from=REGISTRY/sources /a /a\n", "REGISTRY/sources"},
		{"a base image for other platforms", "FROM --platform=linux/riscv64 REGISTRY/plain\nCOPY . /\n", "it is not published for linux/riscv64"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			needs := Needs(t.Context(), needRequest(t, host, test.dockerfile, amd64, arm64))
			why := strings.ReplaceAll(test.why, "REGISTRY", host)
			for _, need := range needs {
				if !strings.HasPrefix(need.Why, "cannot be told: ") || !strings.Contains(need.Why, why) {
					t.Errorf("%s: why = %q, want %q", need.Platform, need.Why, why)
				}
			}
			if needs[0].Needs || !needs[1].Needs {
				t.Errorf("needed: %s %t, %s %t; want it for all but the machine's own", amd64, needs[0].Needs, arm64, needs[1].Needs)
			}
		})
	}
}

func TestNeedsOfTheMachinesOwnArchitecture(t *testing.T) {
	t.Parallel()
	host, _ := baseImages(t)
	own := []plan.Platform{amd64, platform("linux/amd64/v2")}
	for _, need := range Needs(t.Context(), needRequest(t, host, "FROM REGISTRY/plain\nRUN make\n", own...)) {
		if need.Needs || need.Why != "executes nothing foreign: it is the build platform's architecture" {
			t.Errorf("need = %+v, want none", need)
		}
	}
}

func TestNeedsAskNobodyIfTheDockerfileSaysIt(t *testing.T) {
	t.Parallel()
	host, requests := baseImages(t)
	Needs(t.Context(), needRequest(t, host, "FROM REGISTRY/plain\nRUN make\n", arm64, s390x))
	if got := requests.Load(); got != 0 {
		t.Errorf("%d requests to the registry, want none", got)
	}
}

func TestNeedsAskForEachImageOnce(t *testing.T) {
	t.Parallel()
	host, requests := baseImages(t)
	dockerfile := "FROM --platform=$BUILDPLATFORM REGISTRY/plain AS b\nRUN make\nFROM scratch\nCOPY --from=b / /\n"
	Needs(t.Context(), needRequest(t, host, dockerfile, arm64, s390x, platform("linux/arm/v7"), platform("linux/riscv64")))
	// The registry's greeting, the index, the manifest, and the config.
	if got := requests.Load(); got != 4 {
		t.Errorf("%d requests to the registry, want 4", got)
	}
}

func TestNeedsDoNotWaitForARegistryThatHangs(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("time is up"))
	defer cancel()
	request := needRequest(t, "127.0.0.1:1", "FROM 127.0.0.1:1/app\nCOPY . /\n", arm64)
	request.BaseImages.Transport = hanging{}
	needs := Needs(ctx, request)
	if !needs[0].Needs || !strings.HasPrefix(needs[0].Why, "cannot be told: ") {
		t.Errorf("need = %+v, want what cannot be told", needs[0])
	}
}

// hanging is a transport whose requests end only with their context.
type hanging struct{}

func (hanging) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, context.Cause(r.Context())
}
