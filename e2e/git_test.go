//go:build e2e

package e2e

import (
	"archive/tar"
	"bytes"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// gitServer serves a repository with two commits by HTTP, to those who have the token. The folder sub of the first commit has a
// Dockerfile; the second says so in a file.
func gitServer(t *testing.T, token string) (server *httptest.Server, first string) {
	t.Helper()
	root := t.TempDir()
	repository := filepath.Join(root, "owner", "repo.git")
	work := folder(t, map[string]string{"sub/Dockerfile": "FROM busybox\nCOPY file /file\n", "sub/other": "FROM busybox\nCOPY file /other\n", "sub/file": "of the first commit"})
	git := func(args ...string) string {
		t.Helper()
		return must(t, "git", append([]string{"-C", work, "-c", "user.name=e2e", "-c", "user.email=e2e@example.org"}, args...)...)
	}
	git("init", "-q", "-b", "main")
	git("add", ".")
	git("commit", "-q", "-m", "first")
	first = strings.TrimSpace(git("rev-parse", "HEAD"))
	if err := os.WriteFile(filepath.Join(work, "sub", "file"), []byte("of the second commit"), 0o600); err != nil {
		t.Fatal(err)
	}
	git("commit", "-q", "-a", "-m", "second")
	git("clone", "-q", "--bare", ".", repository)
	must(t, "git", "-C", repository, "config", "uploadpack.allowAnySHA1InWant", "true")
	backend := strings.TrimSpace(must(t, "git", "--exec-path")) + "/git-http-backend"
	handler := &cgi.Handler{Path: backend, Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1"}}
	server = httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		if _, password, _ := request.BasicAuth(); token != "" && password != token {
			answer.Header().Set("WWW-Authenticate", "Basic")
			http.Error(answer, "not without the token", http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(answer, request)
	}))
	t.Cleanup(server.Close)
	return server, first
}

// The lab's BuildKit image has no git, this machine has.
func TestGitContext(t *testing.T) {
	t.Parallel()
	const token = "a-token-for-git"
	server, first := gitServer(t, token)
	host := []string{
		"GITHUB_ACTIONS=true", "GITHUB_SERVER_URL=" + server.URL, "GITHUB_REPOSITORY=owner/repo", "GITHUB_SHA=" + first, "MULTIARCH_GITHUB_TOKEN=" + token,
	}
	for _, test := range []struct {
		name, context string
		flags         []string
		want          string
	}{
		{"branch and folder", server.URL + "/owner/repo.git#main:sub", []string{"--test", "cat /file"}, "of the second commit"},
		{"the host's commit", "{{defaultContext}}:sub", []string{"--test", "cat /other", "-f", "other"}, "of the first commit"},
		{"named", "../examples/hello", []string{"--test", "cat /file", "-f", dockerfile(t, "FROM busybox\nCOPY --from=repo /sub/file /file\n"), "--build-context", "repo={{defaultContext}}"}, "of the first commit"},
		{"with a Dockerfile from here", "{{defaultContext}}:sub", []string{"--test", "cat /here", "-f", dockerfile(t, "FROM busybox\nCOPY file /here\n")}, "of the first commit"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			i := localBuild(t, test.context, []string{"linux/amd64"}, append(test.flags, "--builder", "local")...)
			i.env = append(i.env, host...)
			r := i.run(t)
			r.wantCode(t, 0)
			if got := r.platform(t, "linux/amd64").SmokeTest.Output; !cmp.Equal(got, []string{test.want}) {
				t.Errorf("the smoke test printed %q, want %q", got, test.want)
			}
			// The runner swallows the command by which it learns what to mask.
			if strings.Contains(strings.ReplaceAll(r.stderr, "::add-mask::"+token+"\n", ""), token) {
				t.Error("the token was printed")
			}
		})
	}
}

// dockerfile writes one that is in no context.
func dockerfile(t *testing.T, text string) string {
	t.Helper()
	return filepath.Join(folder(t, map[string]string{"Dockerfile": text}), "Dockerfile")
}

func TestGitContextWithoutTheTokenFails(t *testing.T) {
	t.Parallel()
	server, _ := gitServer(t, "secret")
	r := localBuild(t, server.URL+"/owner/repo.git#main:sub", []string{"linux/amd64"}, "--builder", "local").run(t)
	r.wantCode(t, 1)
	r.wantStderr(t, "linux/amd64 failed")
}

// piped runs the program with a text on its standard input.
func (i invocation) piped(t *testing.T, stdin []byte) result {
	t.Helper()
	cmd, file := i.command(t.Context(), t)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &stdout, &stderr
	err := cmd.Run()
	r := result{stdout: stdout.String(), stderr: stderr.String()}
	r.finish(t, err, file)
	return r
}

// archive is a folder as a tar archive.
func archive(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	if err := w.AddFS(os.DirFS(folder(t, files))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestContextsThatAreNoFolder(t *testing.T) {
	t.Parallel()
	files := map[string]string{"Dockerfile": "FROM busybox\nCOPY file /file\n", "other": "FROM busybox\nCOPY file /other\n", "file": "in the archive"}
	packed := archive(t, files)
	// The builder has the host's network, because the lab's registry is on a loopback address.
	server := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) { _, _ = answer.Write(packed) }))
	t.Cleanup(server.Close)
	b := startBuildkitd(t, newAuthority(t))
	second := startBuildkitd(t, b.certs)
	for _, test := range []struct {
		name, context string
		stdin         []byte
		flags         []string
		want          string
	}{
		{"Dockerfile on standard input", "-", []byte("FROM busybox\nRUN echo alone > /file\n"), []string{"--test", "cat /file"}, "alone"},
		{"archive on standard input", "-", packed, []string{"--test", "cat /other", "-f", "other", "--platform-overrides", "linux/386: {build-args: [A=1]}"}, "in the archive"},
		{"archive on standard input for two builders", "-", packed, []string{"--test", "cat /file", "--node", "linux/386=" + second.node()}, "in the archive"},
		{"Dockerfile beside a folder", folder(t, files), []byte("FROM busybox\nCOPY file /beside\n"), []string{"--test", "cat /beside", "-f", "-"}, "in the archive"},
		{"archive from a server", server.URL + "/context.tar", nil, []string{"--test", "cat /file"}, "in the archive"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			i := invocation{args: append([]string{"build", "--platform", "linux/amd64,linux/386", "--progress", "plain", "--builder", b.node()}, append(test.flags, test.context)...)}
			r := i.piped(t, test.stdin)
			r.wantCode(t, 0)
			for _, platform := range []string{"linux/amd64", "linux/386"} {
				if got := r.platform(t, platform).SmokeTest.Output; !cmp.Equal(got, []string{test.want}) {
					t.Errorf("%s: the smoke test printed %q, want %q", platform, got, test.want)
				}
			}
		})
	}
}
