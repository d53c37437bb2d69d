package setup

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/client"
)

// contextsIn writes a docker configuration whose context "far" is at an address.
func contextsIn(t *testing.T, current, host string) string {
	t.Helper()
	dir := t.TempDir()
	id := sha256.Sum256([]byte("far"))
	meta := filepath.Join(dir, "contexts", "meta", hex.EncodeToString(id[:]))
	if err := os.MkdirAll(meta, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		filepath.Join(meta, "meta.json"):  fmt.Sprintf(`{"Name":"far","Metadata":{},"Endpoints":{"docker":{"Host":%q,"SkipTLSVerify":false}}}`, host),
		filepath.Join(dir, "config.json"): fmt.Sprintf(`{"currentContext":%q}`, current),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func listen(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
}

func TestWhereAnEngineIsLookedFor(t *testing.T) {
	t.Parallel()
	far := contextsIn(t, "far", "tcp://far:1")
	none := contextsIn(t, "", "")
	usual := contextsIn(t, "default", "")
	home, err := os.MkdirTemp("", "home") //nolint:usetesting // t.TempDir is too long for the name of a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	listen(t, filepath.Join(home, "docker.sock"))
	listen(t, filepath.Join(home, ".docker/run/docker.sock"))
	system := client.DefaultDockerHost + " from docker's default"

	for _, test := range []struct {
		name string
		env  map[string]string
		want []string
	}{
		{"nothing said", map[string]string{"DOCKER_CONFIG": none}, []string{system}},
		{"no configuration", map[string]string{"HOME": "/nonexistent"}, []string{system}},
		{"the default context", map[string]string{"DOCKER_CONFIG": usual}, []string{system}},
		{"local sockets", map[string]string{"DOCKER_CONFIG": none, "XDG_RUNTIME_DIR": home, "HOME": home}, []string{
			system, "unix://" + home + "/docker.sock from rootless Docker's default", "unix://" + home + "/.docker/run/docker.sock from Docker Desktop's default",
		}},
		{"a host", map[string]string{"DOCKER_HOST": "tcp://docker:2375", "DOCKER_CONFIG": far, "DOCKER_CONTEXT": "far"}, []string{"tcp://docker:2375 from DOCKER_HOST, waited for"}},
		{"a socket", map[string]string{"DOCKER_HOST": "unix:///a", "DOCKER_TLS_VERIFY": "1"}, []string{"unix:///a from DOCKER_HOST"}},
		{"TLS", map[string]string{"DOCKER_HOST": "tcp://docker:2376", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/certs/client"}, []string{
			"tcp://docker:2376 from DOCKER_HOST, waited for, TLS by /certs/client/ca.pem /certs/client/cert.pem /certs/client/key.pem",
		}},
		{"TLS with the files of docker", map[string]string{"DOCKER_HOST": "tcp://a:1", "DOCKER_TLS": "1", "HOME": "/root"}, []string{
			"tcp://a:1 from DOCKER_HOST, waited for, TLS by /root/.docker/ca.pem /root/.docker/cert.pem /root/.docker/key.pem, unverified",
		}},
		{"TLS without a home", map[string]string{"DOCKER_HOST": "tcp://a:1", "DOCKER_TLS_VERIFY": "1"}, []string{
			"tcp://a:1 from DOCKER_HOST, waited for, TLS by /.docker/ca.pem /.docker/cert.pem /.docker/key.pem",
		}},
		{"docker-in-docker with TLS", map[string]string{"DOCKER_HOST": "tcp://docker:2376", "DOCKER_TLS_CERTDIR": "/certs"}, []string{
			"tcp://docker:2376 from DOCKER_HOST, waited for, TLS by /certs/client/ca.pem /certs/client/cert.pem /certs/client/key.pem",
		}},
		{"docker-in-docker without", map[string]string{"DOCKER_HOST": "tcp://docker:2375", "DOCKER_TLS_CERTDIR": ""}, []string{"tcp://docker:2375 from DOCKER_HOST, waited for"}},
		{"ssh", map[string]string{"DOCKER_HOST": "ssh://me@far"}, []string{"ssh://me@far from DOCKER_HOST"}},
		{"a context of the environment", map[string]string{"DOCKER_CONTEXT": "far", "DOCKER_CONFIG": far}, []string{"tcp://far:1 from DOCKER_CONTEXT=far"}},
		{"the current context", map[string]string{"DOCKER_CONFIG": far}, []string{`tcp://far:1 from the current context "far" of ` + far + "/config.json"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			endpoints, err := findEndpoints(func(name string) string { return test.env[name] })
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, at := range endpoints {
				got = append(got, describe(at))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("findEndpoints() differs (-want +got):\n%s", diff)
			}
		})
	}
}

func describe(at endpoint) string {
	text := at.host + " from " + at.from
	if at.mayBeStarting {
		text += ", waited for"
	}
	if len(at.files) > 0 {
		text += ", TLS by " + strings.Join(at.files, " ")
		if at.skipVerify {
			text += ", unverified"
		}
	}
	return text
}

func TestContextThatIsNotThere(t *testing.T) {
	t.Parallel()
	env := map[string]string{"DOCKER_CONTEXT": "gone", "DOCKER_CONFIG": contextsIn(t, "", "")}
	_, err := Connect(t.Context(), func(name string) string { return env[name] }, func(string) {})
	var hinted interface{ Hint() string }
	if !errors.As(err, &hinted) || !errors.Is(err, fs.ErrNotExist) && !strings.Contains(err.Error(), "not found") {
		t.Fatalf("Connect() = %v, want one that says the context is not found, with a hint", err)
	}
	if want := `docker context "gone" (from DOCKER_CONTEXT=gone): reading: `; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("Connect() = %q, want it to begin with %q", err, want)
	}
	if want := "docker context ls lists the contexts; set DOCKER_CONTEXT to one of them, or DOCKER_HOST to the engine's address"; hinted.Hint() != want {
		t.Errorf("Hint() = %q, want %q", hinted.Hint(), want)
	}
}

func TestEngineErrorsNameTheCure(t *testing.T) {
	t.Parallel()
	files := []string{"/c/ca.pem", "/c/cert.pem", "/c/key.pem"}
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	for _, test := range []struct {
		name       string
		tried      EngineTried
		text, hint string
	}{
		{
			"no socket",
			EngineTried{Host: "unix:///a.sock", From: "DOCKER_HOST", Err: &net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", syscall.ENOENT)}},
			"docker engine at unix:///a.sock: connecting: dial unix: connect: no such file or directory (the address is from DOCKER_HOST)",
			"start Docker, or set DOCKER_HOST to the engine to use",
		},
		{
			"a socket of others",
			EngineTried{Host: "unix:///a.sock", From: "docker's default", Err: os.NewSyscallError("connect", syscall.EACCES)},
			"docker engine at unix:///a.sock: connecting: connect: permission denied (the address is from docker's default)",
			`your user may not use this socket: add it to the group docker (sudo usermod -aG docker "$USER", then log in again), or run this as root`,
		},
		{
			"nobody there",
			EngineTried{Host: "tcp://docker:2375", From: "DOCKER_HOST", Err: refused},
			"docker engine at tcp://docker:2375: connecting: dial tcp: connect: connection refused (the address is from DOCKER_HOST)",
			"see that an engine listens there; in a CI job, that the service docker:dind is defined, started and privileged; the port is 2376 with TLS, 2375 without",
		},
		{
			"no certificates",
			EngineTried{Host: "tcp://docker:2376", From: "DOCKER_HOST", Files: files, Err: &fs.PathError{Op: "open", Path: files[0], Err: syscall.ENOENT}},
			"docker engine at tcp://docker:2376: connecting: open /c/ca.pem: no such file or directory (the address is from DOCKER_HOST)",
			"TLS needs the files /c/ca.pem, /c/cert.pem, /c/key.pem; DOCKER_CERT_PATH names their folder; without TLS unset DOCKER_TLS_VERIFY",
		},
		{
			"certificates of another",
			EngineTried{Host: "tcp://docker:2376", From: "DOCKER_HOST", Files: files, Err: errors.New("tls: failed to verify certificate: x509: certificate signed by unknown authority")},
			"docker engine at tcp://docker:2376: connecting: tls: failed to verify certificate: x509: certificate signed by unknown authority (the address is from DOCKER_HOST)",
			"the engine and this program must trust each other's certificates; these are used: /c/ca.pem, /c/cert.pem, /c/key.pem",
		},
		{
			"no ssh",
			EngineTried{Host: "ssh://far", From: "DOCKER_HOST", Err: errors.New("exit status 255")},
			"docker engine at ssh://far: connecting: exit status 255 (the address is from DOCKER_HOST)",
			"ssh must reach that host without asking for anything, and the docker program must be installed there: try ssh HOST docker version",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := &EngineError{Tried: []EngineTried{test.tried}}
			if err.Error() != test.text {
				t.Errorf("Error():\n got %s\nwant %s", err, test.text)
			}
			if err.Hint() != test.hint {
				t.Errorf("Hint():\n got %s\nwant %s", err.Hint(), test.hint)
			}
		})
	}
}
