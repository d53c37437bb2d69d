//go:build e2e

package e2e

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// guarded is a registry beside the lab's TLS registry that has the same content as the open one, and asks for a password of its own.
func guarded(t *testing.T, user, password string) (host string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	behind := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: w.lab["LAB_REGISTRY"]})
		r.Out.Host = r.In.Host
		r.Out.Header.Del("Authorization")
	}}
	server := &http.Server{Handler: http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		if u, p, _ := request.BasicAuth(); u != user || p != password {
			response.Header().Set("WWW-Authenticate", `Basic realm="guarded"`)
			http.Error(response, `{"errors":[{"code":"UNAUTHORIZED","message":"who are you?"}]}`, http.StatusUnauthorized)
			return
		}
		behind.ServeHTTP(response, request)
	})}
	go func() { _ = server.Serve(listener) }() // until it is closed
	t.Cleanup(func() { _ = server.Close() })
	return listener.Addr().String()
}

// One build pushes to two registries with a password each: one given as input, the other known to a credential helper. The builder gets
// the same logins, and the user's file stays as it is. A third command has them in DOCKER_AUTH_CONFIG, and a fourth as input.
func TestTwoRegistriesWithTwoPasswords(t *testing.T) {
	t.Parallel()
	const password = "pass-of-the-guarded"
	host := guarded(t, "owner", password)
	name := strings.TrimPrefix(tag(t), w.lab["LAB_REGISTRY"])
	tls, plain := w.lab["LAB_TLS_REGISTRY"]+name, host+name
	config := fmt.Sprintf(`{"credHelpers":{%q:"lab"}}`, w.lab["LAB_TLS_REGISTRY"])
	user := folder(t, map[string]string{
		"config.json":           config,
		"docker-credential-lab": fmt.Sprintf("#!/bin/sh\nread -r host\nprintf '{\"ServerURL\":\"%%s\",\"Username\":\"%s\",\"Secret\":\"%s\"}' \"$host\"\n", w.lab["LAB_TLS_USER"], w.lab["LAB_TLS_PASSWORD"]),
	})
	if err := os.Chmod(filepath.Join(user, "docker-credential-lab"), 0o700); err != nil {
		t.Fatal(err)
	}
	app := folder(t, map[string]string{"Dockerfile": runsAtOnce})
	build := func(t *testing.T, env ...string) result {
		t.Helper()
		i := builds(app, []string{"linux/amd64"}, "--registry-ca", w.lab["LAB_TLS_REGISTRY"]+"="+w.lab["LAB_TLS_CA"], "-t", tls, "-t", plain, "--push")
		i.env = append(env, "PATH="+user+":"+w.lab["LAB_QEMU_DIR"]+":"+os.Getenv("PATH"))
		r := i.run(t)
		for _, secret := range []string{password, "no-such-password", w.lab["LAB_TLS_PASSWORD"]} {
			if strings.Contains(r.stdout+r.stderr, secret) {
				t.Errorf("the password %s was printed", secret)
			}
		}
		return r
	}
	list := func(password string) string {
		return fmt.Sprintf("MULTIARCH_REGISTRY_AUTH=- registry: %s\n  username: owner\n  password: %s\n", host, password)
	}
	r := build(t, "DOCKER_CONFIG="+user, list("no-such-password"))
	r.wantCode(t, 1)
	r.wantStderr(t, host+strings.TrimSuffix(name, ":1"), "of the inputs")
	if strings.Contains(r.stderr, "load build definition") {
		t.Error("the build was begun")
	}
	r = build(t, "DOCKER_CONFIG="+user, list(password))
	r.wantCode(t, 0)
	if got := digestOf(t, w.lab["LAB_REGISTRY"]+name); got != r.report.Digest {
		t.Errorf("the guarded registry has %s, want %s", got, r.report.Digest)
	}
	if after, err := os.ReadFile(filepath.Join(user, "config.json")); err != nil || string(after) != config {
		t.Errorf("the user's configuration is now %s (%v)", after, err)
	}
	login := func(user, password string) string {
		return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	}
	both := fmt.Sprintf(`{"auths":{%q:{"auth":%q},%q:{"auth":%q}}}`, host, login("owner", password), w.lab["LAB_TLS_REGISTRY"], login(w.lab["LAB_TLS_USER"], w.lab["LAB_TLS_PASSWORD"]))
	verify := invocation{env: []string{"DOCKER_CONFIG=" + t.TempDir(), "DOCKER_AUTH_CONFIG=" + both}, args: []string{"verify", "--registry-ca", w.lab["LAB_TLS_REGISTRY"] + "=" + w.lab["LAB_TLS_CA"], tls, plain}}
	r = verify.run(t)
	r.wantCode(t, 0)
	verify = invocation{env: []string{"DOCKER_CONFIG=" + t.TempDir(), "MULTIARCH_PASSWORD=" + password}, args: []string{"verify", "--registry", host, "--username", "owner", plain}}
	verify.run(t).wantCode(t, 0)
	file := folder(t, map[string]string{"password": password + "\n"})
	fromFile := builds(app, []string{"linux/amd64"}, "--registry", host, "--username", "owner", "--password-file", filepath.Join(file, "password"), "-t", plain, "--push")
	fromFile.run(t).wantCode(t, 0)
	verify.env[1] = "MULTIARCH_PASSWORD=no-such-password"
	r = verify.run(t)
	r.wantCode(t, 1)
	r.wantStderr(t, "UNAUTHORIZED: who are you?; it was asked with a user name and a password of the inputs", "hint: log in with an account that may read there")
}
