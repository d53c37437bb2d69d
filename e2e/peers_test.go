//go:build e2e

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// asAction is a start by GitHub with the inputs of docker/build-push-action, on a BuildKit that runs already, and what it gives to later
// steps.
func asAction(t *testing.T, b buildkitd, dir string, with map[string]string, env ...string) (r result, outputs string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "output")
	i := invocation{dir: dir, args: []string{"build"}, env: append(env, "GITHUB_ACTIONS=true", "GITHUB_OUTPUT="+file, "INPUT_BUILDER="+b.node(),
		"INPUT_INSECURE-REGISTRIES="+w.lab["LAB_REGISTRY"])}
	for name, value := range with {
		i.env = append(i.env, "INPUT_"+strings.ToUpper(name)+"="+value)
	}
	r = i.run(t)
	if _, err := os.Stat(file); err == nil {
		outputs = text(t, file)
	}
	return r, outputs
}

const peersSecrets = `# syntax=docker/dockerfile:1
FROM busybox
RUN --mount=type=secret,id=MYSECRET --mount=type=secret,id=EMPTYLINE --mount=type=secret,id=FOO --mount=type=secret,id=MORE \
  cd /run/secrets && [ "$(cat MYSECRET)" = "$(printf 'aaaa\nbbb "b\nccc')" ] && [ "$(cat EMPTYLINE)" = "$(printf 'aaaa\n\nbbbb')" ] && [ "$(cat FOO)" = bar ]
`

// What the workflows of docker/build-push-action call, as they write it, gives what they look for.
func TestCallsOfDockersAction(t *testing.T) {
	t.Parallel()
	b := startBuildkitd(t, newAuthority(t))
	dir := folder(t, map[string]string{
		"test/Dockerfile":         "# syntax=docker/dockerfile:1\nFROM alpine\nRUN echo \"Hello world!\" > /hello\n",
		"test/secret.Dockerfile":  peersSecrets,
		"test/sources.Dockerfile": "FROM busybox\nRUN --mount=type=secret,id=FILE --mount=type=secret,id=ENV [ \"$(cat /run/secrets/FILE /run/secrets/ENV)\" = foobar ]\n",
		"test/binary.Dockerfile":  "FROM busybox AS build\nRUN echo x > /app\nFROM scratch AS binary\nCOPY --from=build /app /bin/app\n",
		"test/lint.Dockerfile":    "frOM busybox as base\nMAINTAINER moby@example.com\n",
		"test/secret.txt":         "foo",
		"docker/config.json":      "foo_bar\n",
	})
	const alpine = "alpine=docker-image://busybox" // a named context instead of an image that the lab has not
	t.Run("several outputs have names of their own", func(t *testing.T) {
		t.Parallel()
		ref, local, oci := tag(t), "multiarch-e2e/peers:local", filepath.Join(t.TempDir(), "oci.tar")
		r, outputs := asAction(t, b, dir, map[string]string{
			"context": "./test", "file": "./test/Dockerfile", "build-contexts": alpine, "platforms": "linux/amd64",
			"outputs": "type=image,name=" + ref + ",push=true\ntype=docker,name=" + local + "\ntype=oci,dest=" + oci + "\n",
			"dotenv":  filepath.Join(filepath.Dir(oci), "build.env"), "links": filepath.Join(filepath.Dir(oci), "links.json"),
		})
		r.wantCode(t, 0)
		t.Cleanup(func() { _, _ = output("", "docker", "image", "rm", "-f", local) })
		must(t, "docker", "image", "inspect", local)
		if _, err := output("", "docker", "image", "inspect", ref); err == nil {
			t.Errorf("the engine was given %s too, which was only to be pushed", ref)
		}
		if digest := digestOf(t, ref); digest == "" || !strings.Contains(outputs, digest) {
			t.Errorf("the tag has %q, and the outputs are\n%s", digest, outputs)
		}
		wantLines(t, must(t, "tar", "-tf", oci), "index.json", "oci-layout")
		wantLines(t, text(t, filepath.Join(filepath.Dir(oci), "build.env")), "IMAGE_DIGEST="+digestOf(t, ref))
		wantLines(t, text(t, filepath.Join(filepath.Dir(oci), "links.json")), `"multiarch-action"`)
	})
	t.Run("load and push", func(t *testing.T) {
		t.Parallel()
		ref := tag(t)
		r, outputs := asAction(t, b, dir, map[string]string{"context": "./test", "build-contexts": alpine, "load": "true", "push": "true", "tags": ref})
		r.wantCode(t, 0)
		t.Cleanup(func() { _, _ = output("", "docker", "image", "rm", "-f", ref) })
		id := strings.TrimSpace(must(t, "docker", "image", "inspect", "-f", "{{.Id}}", ref))
		wantLines(t, outputs, digestOf(t, ref), id)
	})
	t.Run("secrets", func(t *testing.T) {
		t.Parallel()
		r, _ := asAction(t, b, dir, map[string]string{
			"context": ".", "file": "./test/secret.Dockerfile",
			"secrets": "GIT_AUTH_TOKEN=t0ken\n\"MYSECRET=aaaa\nbbb \"\"b\nccc\"\nFOO=bar\n\"EMPTYLINE=aaaa\n\nbbbb\"\nMORE=\n",
		})
		r.wantCode(t, 0)
		r, _ = asAction(t, b, dir, map[string]string{
			"context": ".", "file": "./test/sources.Dockerfile", "secret-files": "FILE=./test/secret.txt\nINVALID_SECRET=\n", "secret-envs": "ENV=OF_ENV\nINVALID_SECRET=\n",
		}, "OF_ENV=bar")
		r.wantCode(t, 0)
	})
	t.Run("files with provenance", func(t *testing.T) {
		t.Parallel()
		out := filepath.Join(t.TempDir(), "build")
		r, _ := asAction(t, b, dir, map[string]string{"context": "test", "file": "test/binary.Dockerfile", "target": "binary", "outputs": out, "provenance": "mode=max", "platforms": "linux/amd64"})
		r.wantCode(t, 0)
		wantLines(t, text(t, filepath.Join(out, "provenance.json")), `"llbDefinition"`)
		wantLines(t, text(t, filepath.Join(out, "bin/app")), "x\n")
	})
	t.Run("annotations and no attestation", func(t *testing.T) {
		t.Parallel()
		ref := tag(t)
		r, _ := asAction(t, b, dir, map[string]string{
			"context": "./test", "build-contexts": alpine, "push": "true", "tags": ref + "\n" + ref + "-more", "platforms": "linux/amd64,linux/386",
			"annotations": "index:com.example.key=value\nmanifest:com.example.key3=value3",
		}, "BUILDX_NO_DEFAULT_ATTESTATIONS=1")
		r.wantCode(t, 0)
		index := strings.ReplaceAll(must(t, w.crane, "manifest", ref+"-more"), `": "`, `":"`)
		wantLines(t, index, `"com.example.key":"value"`)
		if strings.Contains(index, "attestation-manifest") {
			t.Errorf("there are attestations: %s", index)
		}
		wantLines(t, strings.ReplaceAll(must(t, w.crane, "manifest", "--platform", "linux/386", ref), `": "`, `":"`), `"com.example.key3":"value3"`)
	})
	t.Run("a configuration of docker that cannot be read", func(t *testing.T) {
		t.Parallel()
		r, _ := asAction(t, b, dir, map[string]string{"context": "./test", "build-contexts": alpine}, "DOCKER_CONFIG="+filepath.Join(dir, "docker"))
		r.wantCode(t, 0)
		r.wantStderr(t, "::warning::logins: the docker configuration: reading ", "no login of it is used")
	})
	t.Run("checks and summary", func(t *testing.T) {
		t.Parallel()
		summary := filepath.Join(t.TempDir(), "summary.md")
		lint := map[string]string{"context": "./test", "file": "./test/lint.Dockerfile"}
		r, _ := asAction(t, b, dir, lint, "DOCKER_BUILD_CHECKS_ANNOTATIONS=false", "DOCKER_BUILD_SUMMARY=false", "GITHUB_STEP_SUMMARY="+summary)
		r.wantCode(t, 0)
		if _, err := os.Stat(summary); err == nil || strings.Contains(r.stderr, "::warning file=") {
			t.Errorf("what was not wanted is shown: %v", err)
		}
		lint["call"] = "check"
		r, _ = asAction(t, b, dir, lint)
		r.wantCode(t, 3)
		r.wantStderr(t, "::warning file=test/lint.Dockerfile,line=2::MaintainerDeprecated")
	})
}

// A workflow that still sets up docker's builder names it.
func TestBuilderOfBuildxIsUsedByItsName(t *testing.T) {
	const name = "multiarch-e2e-peer"
	t.Setenv("BUILDX_CONFIG", t.TempDir())
	must(t, w.buildx, "create", "--name", name, "--driver", "docker-container", "--driver-opt", "network=host,image="+w.lab["LAB_BUILDKIT_IMAGE"],
		"--buildkitd-config", w.lab["LAB_BUILDKITD_CONFIG"], "--bootstrap")
	t.Cleanup(func() { must(t, w.buildx, "rm", "--force", name) })
	dir := folder(t, map[string]string{"Dockerfile": "FROM busybox\nRUN true\n"})
	r := invocation{args: []string{"build", "--platform", "linux/amd64", "--builder", name, dir}}.run(t)
	r.wantCode(t, 0)
	r.wantStderr(t, "builder buildx_buildkit_"+name+"0 ready")
	must(t, "docker", "inspect", "buildx_buildkit_"+name+"0")
	r = invocation{args: []string{"build", "--platform", "linux/amd64", "--builder", "multiarch-e2e-nowhere", dir}}.run(t)
	r.wantCode(t, 1)
	r.wantStderr(t, "builder multiarch-e2e-nowhere: the engine has no container of this name, nor one of docker buildx", "hint: leave --builder out to have one started")
}
