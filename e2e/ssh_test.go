//go:build e2e

package e2e

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// sshServer is a machine that this machine's ssh program can log in to, with a key that is made for the test.
type sshServer struct {
	address string // host:port
	path    string // a folder with an ssh that knows the key and the server
}

// startSSH lets the user ci in and runs commands, with the folders as their PATH.
func startSSH(t *testing.T, path ...string) sshServer {
	t.Helper()
	dir := t.TempDir()
	host, user := newSSHKey(t, dir, "host"), newSSHKey(t, dir, "user")
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if string(key.Marshal()) != string(user.PublicKey().Marshal()) {
			return nil, fmt.Errorf("unknown key")
		}
		return &ssh.Permissions{}, nil
	}}
	config.AddHostKey(host)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go serveSSH(listener, config, "PATH="+strings.Join(path, ":"))
	address := listener.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	write := func(name, text string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("known_hosts", fmt.Sprintf("[127.0.0.1]:%s %s", port, ssh.MarshalAuthorizedKey(host.PublicKey())), 0o600)
	write("config", fmt.Sprintf("BatchMode yes\nIdentitiesOnly yes\nIdentityFile %s/user\nUserKnownHostsFile %[1]s/known_hosts\nGlobalKnownHostsFile none\n", dir), 0o600)
	program, err := exec.LookPath("ssh")
	if err != nil {
		t.Fatal(err)
	}
	write("ssh", fmt.Sprintf("#!/bin/sh\nexec %s -F %s/config \"$@\"\n", program, dir), 0o700)
	return sshServer{address: address, path: dir}
}

func newSSHKey(t *testing.T, dir, name string) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "e2e")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func serveSSH(listener net.Listener, config *ssh.ServerConfig, path string) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return // the test has ended
		}
		go func() {
			_, channels, requests, err := ssh.NewServerConn(conn, config)
			if err != nil {
				return // not let in
			}
			go ssh.DiscardRequests(requests)
			for c := range channels {
				channel, requests, err := c.Accept()
				if err == nil {
					go runSSH(channel, requests, path)
				}
			}
		}()
	}
}

// runSSH runs the command that a session asks for (RFC 4254, section 6.5).
func runSSH(channel ssh.Channel, requests <-chan *ssh.Request, path string) {
	defer func() { _ = channel.Close() }()
	for request := range requests {
		if request.Type != "exec" {
			_ = request.Reply(request.Type == "env", nil)
			continue
		}
		_ = request.Reply(true, nil)
		var command struct{ Text string }
		_ = ssh.Unmarshal(request.Payload, &command) // an ill-formed one is empty
		cmd := exec.Command("/bin/sh", "-c", command.Text)
		cmd.Env = []string{path}
		cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
		stdin, err := cmd.StdinPipe()
		if err != nil || cmd.Start() != nil {
			return
		}
		go func() { _, _ = io.Copy(stdin, channel); _ = stdin.Close() }()
		_ = cmd.Wait() // its status follows
		status := struct{ Code uint32 }{uint32(cmd.ProcessState.ExitCode())}
		_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(&status))
		return
	}
}

func TestBuilderBehindSSH(t *testing.T) {
	t.Parallel()
	b := startBuildkitd(t, newAuthority(t))
	socket := forward(t, shortTemp(t), b)
	buildctl, err := output(w.root, "go", "run", "./lab", "tool", "buildctl")
	if err != nil {
		t.Fatal(err)
	}
	good, empty := startSSH(t, filepath.Dir(strings.TrimSpace(buildctl))), startSSH(t, "/nonexistent")
	for _, test := range []struct {
		name         string
		server, keys sshServer // where the login goes, and whose keys this machine has
		code         int
		texts        []string
	}{
		{"it works", good, good, 0, []string{"ready (BuildKit v", "1 of 1 platforms built and verified"}},
		{"no buildctl there", empty, empty, 1, []string{"buildctl: not found", "hint: try by hand: ssh ci@" + empty.address + " buildctl debug workers"}},
		{"another host's key", good, empty, 1, []string{"Host key verification failed.", "it must work without a question"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			i := remoteBuild("../examples/hello", []string{"linux/amd64"}, "--builder", "ssh://ci@"+test.server.address+socket)
			i.env = []string{"PATH=" + test.keys.path + ":" + os.Getenv("PATH")}
			r := i.run(t)
			r.wantCode(t, test.code)
			r.wantStderr(t, test.texts...)
		})
	}
}
