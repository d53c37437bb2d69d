//go:build e2e

package e2e

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/multiarch-action/internal/report"
)

// remoteBuild builds for the platforms on builders that run already. It takes no configuration: they have their own.
func remoteBuild(folder string, platforms []string, args ...string) invocation {
	all := []string{"build", "--platform", strings.Join(platforms, ","), "--progress", "plain"}
	return invocation{args: append(append(all, args...), folder)}
}

func TestRemoteBuilders(t *testing.T) {
	t.Parallel()
	b := startBuildkitd(t, newAuthority(t))
	sockets := shortTemp(t)
	for _, test := range []struct{ name, builder, shown string }{
		{"mutual TLS", b.node(), b.address},
		{"mutual TLS by another name", b.node() + ",servername=node.example", b.address},
		{"a container", "docker-container://" + b.container, "docker-container://" + b.container},
		{"a socket", "unix://" + forward(t, sockets, b), "unix://" + filepath.Join(sockets, "buildkitd.sock")},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ref := tag(t)
			r := remoteBuild("../examples/hello", []string{"linux/amd64"}, "--builder", test.builder, "-t", ref, "--push").run(t)
			r.wantCode(t, 0)
			r.wantStderr(t, "no emulator is registered on this machine: its builders are elsewhere", "node "+test.shown+" ready (BuildKit v")
			if digest := digestOf(t, ref); digest == "" || digest != r.report.Digest {
				t.Errorf("the tag has %q, want %q", digest, r.report.Digest)
			}
			if p := r.platform(t, "linux/amd64"); p.Node != test.shown || p.Execution != "native" {
				t.Errorf("linux/amd64 was built on %q (%s)", p.Node, p.Execution)
			}
			wantNothingLeft(t, r.report.Run)
			must(t, "docker", "exec", b.container, "buildctl", "debug", "workers")
		})
	}
	t.Run("the local engine takes the image", func(t *testing.T) {
		t.Parallel()
		r := remoteBuild("../examples/hello", []string{"linux/amd64"}, "--builder", b.node(), "-t", "e2e-nodes-load:dev", "--load").run(t)
		r.wantCode(t, 0)
		t.Cleanup(func() { _, _ = output("", "docker", "image", "rm", "-f", "e2e-nodes-load:dev") })
		must(t, "docker", "image", "inspect", "e2e-nodes-load:dev")
	})
	t.Run("cleanup leaves it alone", func(t *testing.T) {
		t.Parallel()
		r := remoteBuild("../examples/hello", []string{"linux/386"}, "--builder", b.node()).run(t)
		r.wantCode(t, 0)
		clean := invocation{args: []string{"cleanup", "--run", r.report.Run}}.run(t)
		clean.wantCode(t, 0)
		if clean.stderr != "nothing to remove\n" {
			t.Errorf("cleanup says %q", clean.stderr)
		}
		must(t, "docker", "exec", b.container, "buildctl", "debug", "workers")
	})
}

// forward makes the BuildKit in a container answer at a socket of this machine, and returns the socket's path.
func forward(t *testing.T, dir string, b buildkitd) string {
	t.Helper()
	pid := strings.TrimSpace(must(t, "docker", "inspect", "-f", "{{.State.Pid}}", b.container))
	inside := filepath.Join("/proc", pid, "root/run/buildkit/buildkitd.sock")
	path := filepath.Join(dir, "buildkitd.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go join(listener, inside)
	return path
}

func TestOnlyBuilderThatIsLost(t *testing.T) {
	t.Parallel()
	b := startBuildkitd(t, newAuthority(t))
	i := remoteBuild(sleeper(t), []string{"linux/amd64"}, "--builder", b.node())
	r := i.runUntil(t, "begun on x86_64", func(*os.Process) { must(t, "docker", "kill", b.container) })
	r.wantCode(t, 1)
	r.wantStderr(t, "error: builder "+b.address+": lost during the build: ", "hint: look into the log of its buildkitd")
}

func TestRemoteBuilderThatCannotBeUsedIsExplained(t *testing.T) {
	t.Parallel()
	certs, others := newAuthority(t), newAuthority(t)
	b := startBuildkitd(t, certs)
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	plain := "tcp://" + strings.TrimPrefix(web.URL, "http://")
	mixed := ",cacert=" + certs.file("ca.pem") + ",cert=" + others.file("client.pem") + ",key=" + others.file("client-key.pem")
	for _, test := range []struct{ name, builder, cause, cure string }{
		{
			"nobody listens", "tcp://127.0.0.1:9", "connect: connection refused", "check that buildkitd runs there",
		},
		{
			"no such host", "tcp://no-such-host.invalid:1234", "lookup no-such-host.invalid", "check that buildkitd runs there",
		},
		{
			"the wrong authority", b.address + others.options(), "its certificate is of an authority that cacert " + others.file("ca.pem") + " does not hold",
			"name the certificate of the authority that signed the server's, by cacert=",
		},
		{
			"the wrong certificate of ours", b.address + mixed, "it does not accept our certificate: tls: unknown certificate authority",
			"has signed for clients, by cert= and key=",
		},
		{
			"no certificate of ours", b.address + ",cacert=" + certs.file("ca.pem"), "it does not accept our certificate: tls: certificate required",
			"has signed for clients, by cert= and key=",
		},
		{
			"the wrong name", b.node() + ",servername=other.example", "its certificate is for another name: x509: certificate is valid for node.example, not other.example",
			"by servername=",
		},
		{
			"plain text to TLS", b.address, "it speaks TLS, and the connection was to be in plain text",
			"add the certificates: --node or --builder '" + b.address + ",cacert=ca.pem,cert=cert.pem,key=key.pem'",
		},
		{
			"TLS to plain text", plain + certs.options(), "it speaks no TLS", "start its buildkitd with --tlscert",
		},
		{
			"no BuildKit", plain, "something takes the connection, and it does not answer as BuildKit does: ", "check the address",
		},
		{
			"no socket", "unix:///nonexistent/buildkitd.sock", "there is no such socket", "start buildkitd with --addr unix:///nonexistent/buildkitd.sock",
		},
		{
			"no container", "docker-container://no-such-container", "No such container: no-such-container", "try by hand: docker exec -i no-such-container buildctl debug workers",
		},
		{
			"no kubectl", "kube-pod://buildkit", `exec: "kubectl": executable file not found`, "install it, or use another kind of address",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			i := remoteBuild("../examples/hello", []string{"linux/amd64"}, "--builder", test.builder)
			if strings.HasPrefix(test.builder, "kube-pod://") {
				i.env = []string{"PATH=/nonexistent"}
			}
			r := i.run(t)
			r.wantCode(t, 1)
			address, _, _ := strings.Cut(test.builder, ",")
			r.wantStderr(t, "error: builder "+address+": connecting: ", test.cause, "\nmultiarch-action: hint: ", test.cure)
			if r.report.Outcome != report.Failed || strings.Contains(r.stderr, "panic") {
				t.Errorf("outcome %s", r.report.Outcome)
			}
		})
	}
}
