package explain

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/golden"
)

// messages are texts as the programs print them, the last of each list in a test of what is not meant. Every row of the table has one.
var messages = []struct {
	id     string
	text   string
	output bool // a step printed it
	cause  string
}{
	{"emulator-crash", "qemu: uncaught target signal 11 (Segmentation fault) - core dumped", true, "the emulator crashed with signal 11 (Segmentation fault): mostly that is QEMU's fault, not the command's"},
	{"emulator-internal", "qemu-aarch64: QEMU internal SIGSEGV {code=MAPERR, addr=0x20}", true, "QEMU itself failed while it ran a program of the step"},
	{"emulator-internal", "ERROR:../accel/tcg/cpu-exec.c:531:cpu_exec: qemu-s390x assertion failed: (cpu == current_cpu)", true, ""},
	{"loader-missing", "qemu-aarch64-static: Could not open '/lib/ld-linux-aarch64.so.1': No such file or directory", true, "the program needs the dynamic loader /lib/ld-linux-aarch64.so.1, and the image has none: it was linked for another libc or another image than this one"},
	{"emulator-wrong-program", "/dev/.buildkit_qemu_emulator: /bin/sh: Invalid ELF image for this architecture", true, "the emulator for linux/arm64 was given a program of another architecture"},
	{"foreign-program", `process "/bin/sh -c uname" did not complete successfully: exec /bin/sh: exec format error`, false, "the step started a program of another architecture than linux/arm64"},
	{"foreign-program", "./configure: line 2: ./conftest: cannot execute binary file: Exec format error", true, ""},
	{"foreign-program", "standard_init_linux.go:228: exec user process caused: exec format error", false, ""},
	{"script-line-ends", "env: 'bash\\r': No such file or directory", true, ""},
	{"script-line-ends", "/bin/sh: ./run.sh: /bin/bash^M: bad interpreter: No such file or directory", true, ""},
	{"no-shell", `runc run failed: unable to start container process: error during container init: exec: "/bin/sh": stat /bin/sh: no such file or directory`, false, "the image has no /bin/sh, which RUN starts"},
	{"no-shell", `process "/bin/sh -c true" did not complete successfully: exec /bin/sh: no such file or directory`, false, ""},
	{"interpreter-missing", `exec container process '/app': no such file or directory`, false, "/app is not in the image, or the loader or interpreter that it names in its first bytes is not"},
	{"interpreter-missing", `runc run failed: unable to start container process: exec /usr/local/bin/tool: no such file or directory`, false, ""},
	{"command-missing", "/bin/sh: 1: curl: not found", true, "the image has no program curl"},
	{"command-missing", "/bin/sh: make: not found", true, ""},
	{"command-missing", "/bin/bash: line 1: jq: command not found", true, ""},
	{"script-interpreter", "/bin/sh: 1: ./run.sh: not found", true, "./run.sh is not in the image, or the interpreter or loader that it names in its first bytes is not"},
	{"script-interpreter", "/bin/sh: /app/run: not found", true, ""},
	{"disk-full", "write /var/lib/buildkit/runc-overlayfs/snapshots/7/fs/x: no space left on device", false, "a file system is full: the builder's disk, or what the step has mounted there"},
	{"disk-full", "tar: ./usr/lib/x: Cannot write: No space left on device", true, ""},
	{"apt-signature", "W: GPG error: http://mirror.example.org bookworm InRelease: At least one invalid signature was encountered.", true, ""},
	{"memory", "fatal error: runtime: cannot allocate memory", true, "memory ran out"},
	{"memory", "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory", true, ""},

	{"copy-source", `failed to compute cache key: failed to calculate checksum of ref l7qq::abc: "/missing.txt": not found`, false, "COPY or ADD names /missing.txt, which is neither in the context nor in the stage that it is copied from"},
	{"copy-source", `failed to calculate checksum of ref moby::k8w "/Dockerfile": not found`, false, ""},
	{"dockerfile-missing", "failed to read dockerfile: open Dockerfile.prod: no such file or directory", false, "there is no Dockerfile Dockerfile.prod in what was sent to the builder"},
	{"dockerfile-syntax", "dockerfile parse error on line 3: unknown instruction: RUNN (did you mean RUN?)", false, "the Dockerfile cannot be read at line 3"},
	{"target-missing", `target stage "prod" could not be found`, false, "the Dockerfile has no stage prod"},
	{"secret-missing", "secret token: not found", false, "the step asks for the secret token, which the build was not given"},
	{"ssh-missing", "unset ssh forward key default", false, "the step asks for an SSH agent or key, which the build was not given"},
	{"ssh-missing", `no SSH key "github" forwarded from the client`, false, ""},
	{"entitlement", "granting entitlement security.insecure is not allowed by build daemon configuration", false, "the step asks for the right security.insecure, which the build or the builder does not give"},
	{"entitlement", "network.host is not allowed", false, ""},
	{"entitlement", "failed to load LLB: device example.com/gpu=0 is requested by the build but not allowed", false, "the step asks for the right device, which the build or the builder does not give"},
	{"mount-refused", `failed to mount /tmp/buildkit-mount1: [{Type:overlay Source:overlay}]: operation not permitted`, false, ""},
	{"runtime-privilege", "runc run failed: unable to start container process: unable to apply caps: operation not permitted", false, ""},
	{"builder-stopped", `rpc error: code = Unavailable desc = closing transport due to: connection error: desc = "error reading from server: EOF", received prior goaway: code: NO_ERROR, debug data: "graceful_stop"`, false, "the builder was told to stop in the middle of the build"},
	{"builder-lost", "failed to receive status: rpc error: code = Unavailable desc = error reading from server: EOF", false, ""},
	{"frontend-image", "failed to resolve source metadata for docker.io/docker/dockerfile:1: failed to do request: Head: i/o timeout", false, "the image docker.io/docker/dockerfile:1 that the # syntax line of the Dockerfile names could not be pulled"},
	{"frontend-image", "failed to solve with frontend gateway.v0: rpc error", false, ""},
	{"frontend", "failed to solve with frontend dockerfile.v0: failed to create LLB definition: oops", false, "the frontend dockerfile.v0 could not make a build of the Dockerfile"},
	{"platform-missing", "failed to resolve source metadata for docker.io/library/alpine:3.20: no match for platform in manifest: not found", false, "the image docker.io/library/alpine:3.20 is not published for linux/arm64"},
	{"platform-missing", "busybox: no match for platform in manifest: not found", false, "a base image of the Dockerfile is not published for linux/arm64"},
	{"snapshot-gone", "failed to prepare extraction snapshot: parent snapshot sha256:ab does not exist: not found", false, ""},

	{"rate-limit", "429 Too Many Requests - Server message: toomanyrequests: You have reached your pull rate limit.", false, ""},
	{"package-rights", "denied: installation not allowed to Create organization package", false, "the workflow's token may not write this package on ghcr.io"},
	{"package-rights", "denied: permission_denied: write_package", false, ""},
	{"scope", "push access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed", false, ""},
	{"token", "failed to authorize: failed to fetch oauth token: unexpected status from POST request to https://auth.docker.io/token: 401 Unauthorized", false, "the registry's token service refused: 401 Unauthorized"},
	{"token", "failed to fetch anonymous token: Get https://ghcr.io/token: EOF", false, "the registry's token service refused, or was not reached"},
	{"pull-denied", "failed to resolve source metadata for docker.io/library/nothere:1: pull access denied, repository does not exist or may require authorization", false, "the image docker.io/library/nothere:1 does not exist, or pulling it needs a login"},
	{"unknown-blob", "failed to push ghcr.io/o/a:1: failed to copy: unknown blob", false, ""},
	{"too-large", "failed to push: unexpected status from PATCH request to https://r.example.org/v2/a/blobs/uploads/1: 413 Request Entity Too Large", false, ""},
	{"immutable-tag", "tag invalid: The image tag '1.0' already exists in the 'app' repository and cannot be overwritten because the tag is immutable.", false, ""},
	{"repository-missing", "name unknown: The repository with name 'app' does not exist in the registry with id '123'", false, ""},
	{"manifest-refused", "unexpected status from PUT request to https://r.example.org/v2/a/manifests/1: 400 Bad Request: MANIFEST_INVALID: manifest invalid", false, ""},
	{"unauthorized", "failed to authorize: unexpected status from HEAD request to https://r.example.org/v2/: 401 Unauthorized", false, ""},
	{"forbidden", "unexpected status from POST request to https://r.example.org/v2/a/blobs/uploads/: 403 Forbidden", false, ""},
	{"plain-http", "http: server gave HTTP response to HTTPS client", false, ""},
	{"certificate-unknown", "tls: failed to verify certificate: x509: certificate signed by unknown authority", false, ""},
	{"certificate-unknown", "curl: (60) SSL certificate problem: unable to get local issuer certificate", true, ""},
	{"certificate-time", "x509: certificate has expired or is not yet valid: current time 2026-01-01T00:00:00Z is before 2026-02-01T00:00:00Z", false, ""},
	{"certificate-name", "x509: certificate is valid for a.example.org, not b.example.org", false, ""},
	{"proxy", `Get "https://registry-1.docker.io/v2/": proxyconnect tcp: dial tcp 10.0.0.1:3128: connect: connection refused`, false, ""},
	{"name-resolution", "dial tcp: lookup registry.example.org on 10.0.0.2:53: no such host", false, "the name registry.example.org could not be resolved"},
	{"name-resolution", "wget: bad address 'example.invalid'", true, "the name example.invalid could not be resolved"},
	{"name-resolution", "curl: (6) Could not resolve host: example.invalid", true, "the name example.invalid could not be resolved"},
	{"name-resolution", "Temporary failure resolving 'mirror.example.org'", true, "a name could not be resolved"},
	{"refused-connection", "dial tcp 127.0.0.1:5000: connect: connection refused", false, "nothing answers at 127.0.0.1:5000"},
	{"timeout", "net/http: TLS handshake timeout", false, ""},
	{"image-missing", "failed to resolve source metadata for localhost:5000/a:1: localhost:5000/a:1: not found", false, "the image localhost:5000/a:1 does not exist"},
	{"image-missing", "manifest unknown", false, "there is no such image in the registry"},
	{"registry-fault", "unexpected status from GET request to https://r.example.org/v2/a/blobs/x: 503 Service Unavailable", false, ""},
	{"broken-connection", "read tcp 10.0.0.1:1->10.0.0.2:443: read: connection reset by peer", false, ""},
}

func TestEveryRowExplainsItsMessages(t *testing.T) {
	t.Parallel()
	tested := map[string]bool{}
	for _, m := range messages {
		tested[m.id] = true
		t.Run(m.id, func(t *testing.T) {
			t.Parallel()
			message, output := m.text, []string(nil)
			if m.output {
				message, output = "process did not complete successfully: exit code: 1", []string{"a line before", m.text, "a line after"}
			}
			for _, facts := range []Facts{{"platform": "linux/arm64"}, nil} {
				got, ok := Find(message, output, facts)
				if !ok || got.ID != m.id {
					t.Fatalf("Find(%q) is %+v, want the row %s", m.text, got, m.id)
				}
				if !strings.Contains(m.text, strings.TrimSpace(got.Evidence)) || got.Evidence == "" {
					t.Errorf("the evidence is %q, want it out of %q", got.Evidence, m.text)
				}
				for _, text := range []string{got.Cause, got.Next} {
					if text == "" || strings.Contains(text, "${") || strings.Contains(text, "  ") || strings.HasSuffix(text, ".") {
						t.Errorf("the text %q is empty, or has a hole, or ends with a full stop", text)
					}
				}
				if facts != nil && m.cause != "" && got.Cause != m.cause {
					t.Errorf("the cause is %q, want %q", got.Cause, m.cause)
				}
			}
		})
	}
	seen := map[string]bool{}
	for _, r := range table {
		if seen[r.id] {
			t.Errorf("the table has %s twice", r.id)
		}
		if seen[r.id] = true; !tested[r.id] {
			t.Errorf("the row %s of the table has no message here", r.id)
		}
	}
	if len(table) < 30 {
		t.Errorf("the table has %d rows, want at least 30", len(table))
	}
}

func TestWhatIsNotKnownIsNotExplained(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "exit code: 2", "make: *** [all] Error 1", "the test says: not found", "404"} {
		if got, ok := Find(text, []string{"compiling", "done"}, nil); ok {
			t.Errorf("Find(%q) is %+v, want nothing", text, got)
		}
	}
}

func TestFactsChangeWhatIsSaid(t *testing.T) {
	t.Parallel()
	got, _ := Find("exec /bin/sh: exec format error", nil, Facts{"platform": "linux/s390x", "noemulator": "there is no emulator", "emulatorhint": "install one"})
	want := Explanation{
		ID: "foreign-program", Cause: "nothing on the builder runs programs for linux/s390x: there is no emulator",
		Evidence: "exec /bin/sh: exec format error", Next: "install one",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the explanation differs (-want +got):\n%s", diff)
	}
	crash, _ := Find("", []string{"qemu: uncaught target signal 4 (Illegal instruction) - core dumped"}, Facts{"platform": "linux/arm64"})
	if !strings.HasPrefix(crash.Next, "build on a machine for linux/arm64, or ") || !strings.Contains(crash.Next, "(FROM --platform=$BUILDPLATFORM)") {
		t.Errorf("the next step is %q, want the platform and $BUILDPLATFORM in it", crash.Next)
	}
}

func TestEvidenceIsShort(t *testing.T) {
	t.Parallel()
	got, _ := Find(strings.Repeat("é", 5000)+" no space left on device "+strings.Repeat("x", 5000), nil, nil)
	if n := len([]rune(got.Evidence)); n > 300 || !strings.Contains(got.Evidence, "no space left on device") {
		t.Errorf("the evidence has %d characters: %q", n, got.Evidence)
	}
}

// The table is documented as it is.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(`# Errors that are explained

Where a platform, or a run, fails with one of these messages, the report has beside the original text its cause, the line that shows it,
and what to do. Words in angle brackets stand for what is known at that time. This page is made from the table in
` + "`internal/explain`" + `: ` + "`go test ./internal/explain -update`" + `.

| | Cause | What to do |
|---|---|---|
`)
	for _, r := range table {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", r.id, documented(r.cause), documented(r.next))
	}
	golden.CheckFile(t, "../../docs/errors.md", b.String())
}

// documented are the texts of a row with names for what they leave open.
func documented(texts []string) string {
	var out []string
	for _, text := range texts {
		out = append(out, os.Expand(text, func(name string) string {
			if name == "$" {
				return name
			}
			return "&lt;" + strings.TrimRight(name, "23") + "&gt;"
		}))
	}
	return strings.ReplaceAll(strings.Join(slices.Compact(out), "<br>or: "), "|", `\|`)
}
