//go:build e2e

package e2e

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// secured are the settings for the registry that speaks TLS with a certificate of its own authority and asks for a password.
func secured(t *testing.T, user, password string) (config string, env []string) {
	t.Helper()
	config = fmt.Sprintf(`[registry."docker.io"]
mirrors = [%q]
[registry.%q]
ca = [%q]
http = false
`, w.lab["LAB_REGISTRY"], w.lab["LAB_TLS_REGISTRY"], w.lab["LAB_TLS_CA"])
	login := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	dir := folder(t, map[string]string{
		"config.json": fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, w.lab["LAB_TLS_REGISTRY"], login),
	})
	return config, []string{"DOCKER_CONFIG=" + dir, "SSL_CERT_FILE=" + w.lab["LAB_TLS_CA"]}
}

func TestRegistryWithItsOwnAuthorityAndAPassword(t *testing.T) {
	t.Parallel()
	config, env := secured(t, w.lab["LAB_TLS_USER"], w.lab["LAB_TLS_PASSWORD"])
	ref := strings.Replace(tag(t), w.lab["LAB_REGISTRY"], w.lab["LAB_TLS_REGISTRY"], 1)
	i := invocation{env: env[:1], args: []string{
		"build", "--platform", "linux/amd64,linux/arm64", "--buildkitd-config-inline", config, "-t", ref, "--push", "../examples/hello",
	}}
	r := i.run(t)
	r.wantCode(t, 0)
	digest := withEnv(t, env, w.crane, "digest", ref)
	if strings.TrimSpace(digest) != r.report.Digest {
		t.Errorf("the tag points at %s, want %s", digest, r.report.Digest)
	}
	if password := w.lab["LAB_TLS_PASSWORD"]; strings.Contains(r.stderr+r.stdout, password) {
		t.Error("the password was printed")
	}
	wantNothingLeft(t, r.report.Run)
}

func TestRegistryInputsNeedNoConfigurationOfBuildKit(t *testing.T) {
	t.Parallel()
	_, env := secured(t, w.lab["LAB_TLS_USER"], w.lab["LAB_TLS_PASSWORD"])
	ref := strings.Replace(tag(t), w.lab["LAB_REGISTRY"], w.lab["LAB_TLS_REGISTRY"], 1)
	i := invocation{env: env[:1], args: []string{
		"build", "--platform", "linux/amd64,linux/arm64", "--registry-mirror", "docker.io=" + w.lab["LAB_REGISTRY"], "--insecure-registry", w.lab["LAB_REGISTRY"],
		"--registry-ca", w.lab["LAB_TLS_REGISTRY"] + "=" + w.lab["LAB_TLS_CA"], "-t", ref, "--push", "../examples/hello",
	}}
	r := i.run(t)
	r.wantCode(t, 0)
	if digest := withEnv(t, env, w.crane, "digest", ref); strings.TrimSpace(digest) != r.report.Digest {
		t.Errorf("the tag points at %s, want %s", digest, r.report.Digest)
	}
}

// A registry that speaks plain HTTP on another machine must be named, or all speak TLS to it: BuildKit, and our own client.
func TestPlainHTTPRegistryElsewhere(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", net.JoinHostPort(outsideAddress(t), "0"))
	if err != nil {
		t.Fatal(err)
	}
	host := listener.Addr().String()
	server := &http.Server{Handler: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: w.lab["LAB_REGISTRY"]})
		r.Out.Host = r.In.Host
	}}}
	go func() { _ = server.Serve(listener) }() // until it is closed
	defer func() { _ = server.Close() }()
	ref := host + "/e2e/plain-elsewhere:1"
	app := folder(t, map[string]string{"Dockerfile": runsAtOnce})
	r := builds(app, []string{"linux/amd64"}, "-t", ref, "--push").run(t)
	r.wantCode(t, 1)
	r.wantStderr(t, "hint: the registry speaks plain HTTP: if that is meant, add --insecure-registry "+host)
	r = builds(app, []string{"linux/amd64"}, "-t", ref, "--push", "--insecure-registry", host).run(t)
	r.wantCode(t, 0)
	if got := digestOf(t, strings.Replace(ref, host, w.lab["LAB_REGISTRY"], 1)); got != r.report.Digest {
		t.Errorf("the tag points at %s, want %s", got, r.report.Digest)
	}
}

// outsideAddress is an address of this machine that is not a loopback address.
func outsideAddress(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range addresses {
		if ip, _, err := net.ParseCIDR(address.String()); err == nil && ip.To4() != nil && !ip.IsLoopback() {
			return ip.String()
		}
	}
	t.Fatal("this machine has loopback addresses only")
	return ""
}

func TestWrongPasswordEndsTheRunBeforeTheBuild(t *testing.T) {
	t.Parallel()
	config, env := secured(t, w.lab["LAB_TLS_USER"], "no-such-password")
	ref := strings.Replace(tag(t), w.lab["LAB_REGISTRY"], w.lab["LAB_TLS_REGISTRY"], 1)
	i := invocation{env: env[:1], args: []string{
		"build", "--platform", "linux/amd64,linux/arm64", "--buildkitd-config-inline", config, "-t", ref, "--push", "../examples/hello",
	}}
	r := i.run(t)
	r.wantCode(t, 1)
	r.wantStderr(t, "repository "+strings.TrimSuffix(ref, ":1")+": asking whether we may push: ", "hint: log in with an account that may push there")
	if strings.Contains(r.stderr, "load build definition") || strings.Contains(r.stderr, "no-such-password") {
		t.Error("the build was begun, or the password was printed")
	}
	wantNothingLeft(t, r.report.Run)
}

// withEnv runs a program that has to succeed, with further environment variables.
func withEnv(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	return must(t, "env", append(append(append([]string{}, env...), name), args...)...)
}

func TestLoadGivesTheEngineAnImageOfAnotherPlatform(t *testing.T) {
	t.Parallel()
	r := builds("../examples/hello", []string{"linux/s390x"}, "-t", "e2e-load:dev", "--load").run(t)
	r.wantCode(t, 0)
	t.Cleanup(func() { _, _ = output("", "docker", "image", "rm", "-f", "e2e-load:dev") })
	r.wantStderr(t, "1 of 1 platforms built and verified; the Docker engine has it")
	got := strings.TrimSpace(must(t, "docker", "image", "inspect", "--format", "{{.Os}}/{{.Architecture}}", "e2e-load:dev"))
	if got != "linux/s390x" {
		t.Errorf("the engine has it as %s", got)
	}
	wantNothingLeft(t, r.report.Run)
}

func TestKeptBuilderIsUsedAgainAndRemovedByCleanup(t *testing.T) {
	t.Parallel()
	tmp := shortTemp(t)
	first := builds("../examples/hello", []string{"linux/amd64"}, "--keep-builder")
	first.tmp = tmp
	r := first.run(t)
	r.wantCode(t, 0)
	run := r.report.Run
	second := invocation{tmp: tmp, args: []string{
		"build", "--platform", "linux/amd64", "--builder", "multiarch-action-" + run, "--progress", "plain", "../examples/hello",
	}}.run(t)
	second.wantCode(t, 0)
	second.wantStderr(t, ": cached")
	clean := invocation{tmp: tmp, args: []string{"cleanup", "--run", run}}.run(t)
	clean.wantCode(t, 0)
	clean.wantStderr(t, "removed  container ", "removed  folder ")
	wantNothingLeft(t, run)
	wantEmpty(t, tmp)
	again := invocation{args: []string{"cleanup", "--run", run}}.run(t)
	if diff := cmp.Diff("nothing to remove\n", again.stderr); diff != "" {
		t.Errorf("second cleanup (-want +got):\n%s", diff)
	}
}
