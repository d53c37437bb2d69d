//go:build e2e

package e2e

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/crypto/ssh"
)

// asksForAll fails at the first thing that a step was not given.
const asksForAll = `# syntax=docker/dockerfile:1
FROM busybox AS tool
RUN echo "of a stage" > /of
FROM other AS base
ARG WHO
ARG TARGETARCH
ARG UNSET="the default"
RUN echo "$WHO on $TARGETARCH" > /who && [ "$UNSET" = "the default" ]
RUN grep -q "^10.180.0.1.*docker$" /etc/hosts && grep -q "^::1.*my.host$" /etc/hosts
RUN df -k /dev/shm | grep -q " 32768 " && [ "$(ulimit -n)" = 1024 ] && [ "$(ulimit -Hn)" = 2048 ]
RUN [ $(grep -c : /proc/net/dev) = 1 ]
RUN grep -q /e2e-parent/ /proc/self/cgroup
RUN --network=host wget -q -O - http://REGISTRY/v2/ > /registry
RUN --mount=type=secret,id=file --mount=type=secret,id=env --mount=type=secret,id=text --mount=type=secret,id=named --mount=type=secret,id=filed \
    cd /run/secrets && [ "$(cat file env named filed)" = "$(printf 'in a file\nin a variablein a variablein a file\n')" ] && [ "$(wc -l < text)" = 2 ]
RUN --mount=type=secret,id=env,env=SECRET [ "$SECRET" = "in a variable" ]
RUN --mount=type=ssh [ -S "$SSH_AUTH_SOCK" ]
RUN --mount=type=ssh,id=git [ -S "$SSH_AUTH_SOCK" ]
COPY --from=assets /a.txt /a.txt
COPY --from=tools /of /of
COPY --from=layout /bin/busybox /from-layout
FROM base AS small
RUN echo small > /size
FROM base
RUN echo full > /size
`

func TestStepsGetWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	ref := tag(t)
	dir := folder(t, map[string]string{
		"Dockerfile": strings.ReplaceAll(asksForAll, "REGISTRY", w.lab["LAB_REGISTRY"]), "secret.txt": "in a file\n", "assets/a.txt": "asset",
		".dockerignore": "**",
	})
	must(t, w.crane, "pull", "--format", "oci", w.lab["LAB_REGISTRY"]+"/library/busybox:latest", filepath.Join(dir, "layout"))
	key := privateKey(t, dir)
	i := builds(dir, []string{"linux/amd64", "linux/arm64"}, "-t", ref, "--push",
		"--build-arg", "WHO", "--build-arg", "UNSET", "--platform-overrides", "{linux/arm64: {target: small, build-args: {WHO: armed}}}",
		"--label", "org.example.text=a, b", "--label", "empty",
		"--add-host", "docker:10.180.0.1,my.host=[::1]", "--shm-size", "32m", "--ulimit", "nofile=1024:2048", "--cgroup-parent", "e2e-parent", "--network", "none",
		"--allow", "network.host",
		"--secret-env", "named=THE_SECRET", "--secret-file", "filed="+filepath.Join(dir, "secret.txt"), "--ssh", "default="+key, "--ssh", "git="+key,
		"--build-context", "assets="+filepath.Join(dir, "assets"), "--build-context", "other=docker-image://busybox", "--build-context", "tools=target:tool",
		"--build-context", "layout=oci-layout://"+filepath.Join(dir, "layout"),
		"--test", "cat /who /size /of /a.txt")
	// A secret by its text comes only from the environment.
	i.env = []string{"WHO=me", "THE_SECRET=in a variable", "MULTIARCH_SECRETS=\"text=two\nlines\n\"\nid=env,env=THE_SECRET\nid=file,src=" + filepath.Join(dir, "secret.txt")}
	r := i.run(t)
	r.wantCode(t, 0)
	for platform, want := range map[string][]string{
		"linux/amd64": {"me on amd64", "full", "of a stage", "asset"}, "linux/arm64": {"armed on arm64", "small", "of a stage", "asset"},
	} {
		if diff := cmp.Diff(want, r.platform(t, platform).SmokeTest.Output); diff != "" {
			t.Errorf("%s differs (-want +got):\n%s", platform, diff)
		}
		var config v1.ConfigFile
		if err := json.Unmarshal([]byte(must(t, w.crane, "config", "--platform", platform, ref)), &config); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]string{"org.example.text": "a, b", "empty": ""}, config.Config.Labels); diff != "" {
			t.Errorf("labels of %s differ (-want +got):\n%s", platform, diff)
		}
	}
	wantNothingLeft(t, r.report.Run)
}

// privateKey writes a new key of SSH into a folder, and returns its path.
func privateKey(t *testing.T, dir string) string {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "id_ed25519")
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEntitlementsAreRefusedUnlessAllowed(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"Dockerfile": "FROM busybox\nRUN --network=host true\n"})
	r := builds(dir, []string{"linux/amd64"}).run(t)
	r.wantCode(t, 1)
	r.wantStderr(t, "network.host is not allowed")
}

// executed counts the RUN steps that were executed in a run, and those that were taken from a cache.
func (r result) executed() (executed, cached int) {
	for line := range strings.Lines(r.stderr) {
		line = strings.TrimSpace(line)
		switch {
		case !strings.Contains(line, "] RUN "), strings.HasPrefix(line, "setup"):
		case strings.HasSuffix(line, ": cached"):
			cached++
		default:
			executed++
		}
	}
	return executed, cached
}

// A BuildKit that somebody else runs keeps what it has built.
func TestNoCacheExecutesStepsAgain(t *testing.T) {
	t.Parallel()
	b := startBuildkitd(t, newAuthority(t))
	dir := folder(t, map[string]string{
		"Dockerfile": "FROM busybox AS base\nRUN echo base > /base\nFROM busybox AS other\nRUN echo other > /other\nFROM base\nCOPY --from=other /other /\nRUN cat /base /other > /both\n",
	})
	for _, test := range []struct {
		flags            []string
		executed, cached int
	}{
		{nil, 3, 0},
		{nil, 0, 3},
		// What follows a step that gave the same again is the same.
		{[]string{"--no-cache-filter", "other,nothing"}, 1, 2},
		{[]string{"--no-cache", "--pull"}, 3, 0},
	} {
		args := append([]string{"build", "--platform", "linux/amd64", "--progress", "plain", "--builder", b.node()}, test.flags...)
		got := invocation{args: append(args, dir)}.run(t)
		got.wantCode(t, 0)
		if executed, cached := got.executed(); executed != test.executed || cached != test.cached {
			t.Errorf("%q: %d steps were executed and %d cached, want %d and %d", test.flags, executed, cached, test.executed, test.cached)
		}
	}
}

func TestCallAsksAboutTheDockerfile(t *testing.T) {
	t.Parallel()
	b := startBuildkitd(t, newAuthority(t))
	dir := folder(t, map[string]string{"Dockerfile": "FROM busybox as base\nARG WHO=nobody\nRUN --mount=type=secret,id=token true\nFROM base AS last\n"})
	for call, want := range map[string]struct {
		code int
		text []string
	}{
		"check":               {3, []string{"FromAsCasing", "Dockerfile:1", "Check complete, 1 warning has been found!"}},
		"check,format=json":   {3, []string{`"ruleName": "FromAsCasing"`}},
		"outline":             {0, []string{"WHO", "nobody", "token"}},
		"targets,format=json": {0, []string{`"name": "last"`, `"default": true`}},
	} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			i := invocation{args: []string{"build", "--call", call, "--progress", "plain", "--builder", b.node(), dir}, env: []string{"GITHUB_ACTIONS=true"}}
			if call == "check" { // a builder is started for it
				i.args = append(i.args[:5], "--buildkitd-config", w.lab["LAB_BUILDKITD_CONFIG"], dir)
			}
			r := i.run(t)
			r.wantCode(t, want.code)
			annotation := "::warning file=Dockerfile,line=1::FromAsCasing: 'as' and 'FROM' keywords' casing do not match (https://docs.docker.com/"
			if got := strings.Count(r.stderr, annotation); got != min(want.code, 1) {
				t.Errorf("the host is shown %d findings at their line, want %d", got, min(want.code, 1))
			}
			for _, text := range want.text {
				if !strings.Contains(r.stdout, text) {
					t.Errorf("stdout does not hold %q", text)
				}
			}
		})
	}
}

func TestProxiesOfTheDockerConfigurationReachSteps(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"Dockerfile":         "FROM busybox\nARG HTTP_PROXY\nRUN [ $HTTP_PROXY = http://proxy.example:3128 ] && [ $no_proxy = from.argument ]\n",
		"docker/config.json": `{"proxies":{"default":{"httpProxy":"http://proxy.example:3128","noProxy":"from.configuration"}}}`,
	})
	i := builds(dir, []string{"linux/amd64"}, "--build-arg", "no_proxy=from.argument", "--build-arg", "NO_PROXY=from.argument")
	i.env = []string{"DOCKER_CONFIG=" + filepath.Join(dir, "docker")}
	i.run(t).wantCode(t, 0)
}
