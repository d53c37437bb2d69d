//go:build e2e

package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	orasremote "oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/org/multiarch-action/internal/report"
)

// From its parts publish makes the very index that the build has made, with what the CI host knows of the source.
func TestPublishMakesTheIndexOfADirectBuild(t *testing.T) {
	t.Parallel()
	ref := tag(t)
	repository := strings.TrimSuffix(ref, ":1")
	platforms := []string{"linux/arm64", "linux/amd64"}
	event := folder(t, map[string]string{"event.json": `{"head_commit":{"id":"860c1904","timestamp":"2020-01-10T01:30:00+01:00"},
		"repository":{"name":"app","description":"Says hello","html_url":"https://git.example.org/o/app","license":{"spdx_id":"MIT"}}}`})
	build := builds("../examples/hello", platforms, "-t", ref, "--push", "--annotation", "org.opencontainers.image.licenses=BSD-3-Clause", "--provenance", "false")
	build.env = append(build.env, "GITHUB_ACTIONS=true", "GITHUB_SHA=860c1904", "GITHUB_EVENT_PATH="+event+"/event.json")
	built := build.run(t)
	built.wantCode(t, 0)
	wantAnnotated(t, ref, map[string]string{
		"org.opencontainers.image.description": "Says hello", "org.opencontainers.image.licenses": "BSD-3-Clause", "org.opencontainers.image.revision": "860c1904",
		"org.opencontainers.image.source": "https://git.example.org/o/app", "org.opencontainers.image.url": "https://git.example.org/o/app",
		"org.opencontainers.image.created": "2020-01-10T00:30:00.000Z",
	})
	args := []string{"publish", "-t", repository + ":again", "--platform", strings.Join(platforms, ",")}
	for _, p := range []string{"linux/amd64", "linux/arm64"} {
		args = append(args, repository+"@"+built.platform(t, p).Digest)
	}
	r := invocation{args: args}.run(t)
	r.wantCode(t, 0)
	if want := repository + ":again@" + built.report.Digest; strings.TrimSpace(r.stdout) != want {
		t.Errorf("publish gives %s, want %s", r.stdout, want)
	}
	if a, b := must(t, w.crane, "manifest", ref), must(t, w.crane, "manifest", repository+":again"); a != b {
		t.Errorf("the indexes differ:\n%s\n%s", a, b)
	}
}

// wantAnnotated checks the annotations of an index and of the manifest of each platform.
func wantAnnotated(t *testing.T, ref string, want map[string]string) {
	t.Helper()
	var index v1.IndexManifest
	if err := json.Unmarshal([]byte(must(t, w.crane, "manifest", ref)), &index); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, index.Annotations); diff != "" {
		t.Errorf("annotations of the index (-want +got):\n%s", diff)
	}
	for _, platform := range []string{"linux/amd64", "linux/arm64"} {
		var manifest v1.Manifest
		if err := json.Unmarshal([]byte(must(t, w.crane, "manifest", "--platform", platform, ref)), &manifest); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, manifest.Annotations); diff != "" {
			t.Errorf("annotations of %s (-want +got):\n%s", platform, diff)
		}
	}
}

// The same commit of a checkout gives the same digest, one platform stays a plain manifest, and files that are not in the commit are not
// said to be.
func TestACheckoutIsAnnotated(t *testing.T) {
	t.Parallel()
	ref := tag(t)
	dir := folder(t, map[string]string{"Dockerfile": runsAtOnce})
	for _, args := range [][]string{
		{"init", "--quiet"},
		{"add", "."},
		{"-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "--message", "a"},
		{"remote", "add", "origin", "git@git.example.org:o/app.git"},
	} {
		must(t, "git", append([]string{"-C", dir}, args...)...)
	}
	build := func(args ...string) (result, map[string]string) {
		t.Helper()
		i := builds(dir, []string{"linux/amd64"}, append(args, "-t", ref, "--push")...)
		i.env = append(i.env, "SOURCE_DATE_EPOCH=1578616200")
		r := i.run(t)
		r.wantCode(t, 0)
		var manifest v1.Manifest
		if err := json.Unmarshal([]byte(must(t, w.crane, "manifest", ref)), &manifest); err != nil {
			t.Fatal(err)
		}
		if !manifest.MediaType.IsImage() {
			t.Errorf("it is of the type %s, want a plain manifest", manifest.MediaType)
		}
		return r, manifest.Annotations
	}
	want := map[string]string{
		"org.opencontainers.image.source": "https://git.example.org/o/app", "org.opencontainers.image.url": "https://git.example.org/o/app",
		"org.opencontainers.image.created": "2020-01-10T00:30:00.000Z", "org.opencontainers.image.revision": strings.TrimSpace(must(t, "git", "-C", dir, "rev-parse", "HEAD")),
	}
	first, got := build("-o", "type=oci,dest="+dir+"/out.tar")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	if second, _ := build("-o", "type=oci,dest="+dir+"/out.tar"); second.report.Digest != first.report.Digest {
		t.Errorf("the same commit gives %s and %s", first.report.Digest, second.report.Digest)
	}
	r, got := build()
	if delete(want, "org.opencontainers.image.revision"); !cmp.Equal(want, got) {
		t.Errorf("with a new file the annotations are %v, want %v", got, want)
	}
	r.wantStderr(t, "the image claims no revision")
	if _, got = build("--annotation", "none"); len(got) != 0 {
		t.Errorf("with none there are the annotations %v", got)
	}
}

// attested builds an image for two platforms with provenance, by docker buildx, and returns its digest.
func attested(t *testing.T, ref string) string {
	t.Helper()
	builder := "e2e-attested"
	must(t, w.buildx, "create", "--name", builder, "--driver", "docker-container", "--driver-opt", "image="+w.lab["LAB_BUILDKIT_IMAGE"],
		"--driver-opt", "network=host", "--buildkitd-config", w.lab["LAB_BUILDKITD_CONFIG"])
	t.Cleanup(func() { _, _ = output("", w.buildx, "rm", "--force", builder) })
	dir := folder(t, map[string]string{"Dockerfile": "FROM busybox\nCOPY Dockerfile /\n"})
	must(t, w.buildx, "build", "--builder", builder, "--provenance=mode=max", "--platform", "linux/amd64,linux/arm64", "-t", ref, "--push", dir)
	return digestOf(t, ref)
}

// orasAt is a peer's view of a repository.
func orasAt(t *testing.T, repository string) *orasremote.Repository {
	t.Helper()
	repo, err := orasremote.NewRepository(repository)
	if err != nil {
		t.Fatal(err)
	}
	repo.PlainHTTP = strings.HasPrefix(repository, w.lab["LAB_REGISTRY"]+"/")
	authority, err := os.ReadFile(w.lab["LAB_TLS_CA"])
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	repo.Client = &auth.Client{
		Client:     &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}},
		Credential: auth.StaticCredential(w.lab["LAB_TLS_REGISTRY"], auth.Credential{Username: w.lab["LAB_TLS_USER"], Password: w.lab["LAB_TLS_PASSWORD"]}),
	}
	return repo
}

// referrersOf asks oras what refers to a manifest.
func referrersOf(t *testing.T, repo *orasremote.Repository, digest string) []string {
	t.Helper()
	subject, err := repo.Resolve(t.Context(), digest)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	err = repo.Referrers(t.Context(), subject, "", func(referrers []ocispec.Descriptor) error {
		for _, d := range referrers {
			out = append(out, d.ArtifactType+" "+d.Digest.String())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// An image with attestations, a referrer of the index, one of a platform and a signature of cosign's old kind goes to a registry with
// another address, a password and TLS. Peers find all of it there.
func TestPromoteToAnotherRegistry(t *testing.T) {
	t.Parallel()
	ref := tag(t)
	repository := strings.TrimSuffix(ref, ":1")
	digest := attested(t, ref)
	arm64 := strings.TrimSpace(must(t, w.crane, "digest", "--platform", "linux/arm64", ref))
	here := orasAt(t, repository)
	for subject, artifact := range map[string]string{digest: "application/vnd.example.signature", arm64: "application/vnd.example.sbom"} {
		descriptor, err := here.Resolve(t.Context(), subject)
		if err == nil {
			_, err = oras.PackManifest(t.Context(), here, oras.PackManifestVersion1_1, artifact, oras.PackManifestOptions{Subject: &descriptor})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	cosign := strings.Replace(digest, ":", "-", 1) + ".sig"
	signature, err := name.NewTag(repository + ":" + cosign)
	if err == nil {
		err = remote.Write(signature, empty.Image)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, env := secured(t, w.lab["LAB_TLS_USER"], w.lab["LAB_TLS_PASSWORD"])
	target := strings.Replace(repository, w.lab["LAB_REGISTRY"], w.lab["LAB_TLS_REGISTRY"], 1)
	ca := w.lab["LAB_TLS_REGISTRY"] + "=" + w.lab["LAB_TLS_CA"]
	r := invocation{env: env[:1], args: []string{"promote", repository + "@" + digest, "-t", target + ":1.4.0", "--registry-ca", ca, "--json"}}.run(t)
	r.wantCode(t, 0)
	var released report.Released
	if err := json.Unmarshal([]byte(r.stdout), &released); err != nil {
		t.Fatal(err)
	}
	if released.Digest != digest || released.Companions != 3 || len(released.Platforms) != 2 || released.Platforms[1].Attestations != 1 {
		t.Errorf("the result is %+v, want both platforms with an attestation each, and three companions", released)
	}
	if got := strings.TrimSpace(withEnv(t, env, w.crane, "digest", target+":1.4.0")); got != digest {
		t.Errorf("crane finds %s there, want %s", got, digest)
	}
	withEnv(t, env, w.crane, "validate", "--remote", target+":1.4.0")
	withEnv(t, env, w.crane, "manifest", target+":"+cosign)
	there := orasAt(t, target)
	for _, subject := range []string{digest, arm64} {
		// What BuildKit attests has a subject too, so there it is also in the list for clients that know only that.
		want, got := referrersOf(t, here, subject), referrersOf(t, there, subject)
		if len(want) != 1 || !slices.Contains(got, want[0]) {
			t.Errorf("oras finds %q about %s there, want %q", got, subject, want)
		}
	}
	shown := invocation{env: env[:1], args: []string{"inspect", "--registry-ca", ca, target + ":1.4.0"}}.run(t)
	shown.wantCode(t, 0)
	for _, platform := range []string{"linux/amd64", "linux/arm64"} {
		if !slices.ContainsFunc(strings.Split(shown.stdout, "\n"), func(line string) bool {
			return strings.HasPrefix(line, platform+" ") && strings.Contains(line, " busybox:latest ") && strings.HasSuffix(line, " provenance")
		}) {
			t.Errorf("inspect does not show %s with its base image and provenance:\n%s", platform, shown.stdout)
		}
	}
	if password := w.lab["LAB_TLS_PASSWORD"]; strings.Contains(r.stderr+r.stdout+shown.stderr, password) {
		t.Error("the password was printed")
	}
	// What has been promoted verifies there, and publish takes the attestations along.
	again := invocation{env: env[:1], args: []string{"publish", "--registry-ca", ca, "-t", target + ":again", "--platform", "linux/amd64,linux/arm64", repository + "@" + digest}}.run(t)
	again.wantCode(t, 0)
	if got := strings.TrimSpace(withEnv(t, env, w.crane, "digest", target+":again")); got != digest {
		t.Errorf("publish has made %s of it, want %s: it holds nothing else", got, digest)
	}
}

// A variant that the config of an image lacks is that of its programs.
func TestPublishWorksOutTheVariantOfARealProgram(t *testing.T) {
	t.Parallel()
	ref := tag(t)
	busybox, err := name.ParseReference(w.lab["LAB_REGISTRY"] + "/library/busybox")
	if err != nil {
		t.Fatal(err)
	}
	image, err := remote.Image(busybox, remote.WithPlatform(v1.Platform{OS: "linux", Architecture: "arm", Variant: "v6"}))
	if err != nil {
		t.Fatal(err)
	}
	pushWithoutVariant(t, ref, image)
	r := invocation{args: []string{"publish", "-t", ref + ".0", ref}}.run(t)
	r.wantCode(t, 0)
	r.wantStderr(t, "its config names no variant of ARM; /bin/busybox is built for ARMv", "it is published as linux/arm/v")
}

func pushWithoutVariant(t *testing.T, ref string, image v1.Image) {
	t.Helper()
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.Variant = ""
	image, err = mutate.ConfigFile(image, config)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := name.ParseReference(ref)
	if err == nil {
		err = remote.Write(parsed, image)
	}
	if err != nil {
		t.Fatal(err)
	}
}
