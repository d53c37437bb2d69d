//go:build e2e

package e2e

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/ci/runner"
)

// evil is what the hostile lines of the tests below would leave behind.
const evil = "evil-4a1c"

// printsAll prints hostile lines in every way that a build has: whole and cut, on both streams, in names, comments, labels and warnings.
const printsAll = `# ::error::comment ` + evil + `
# ##[set-output name=digest;]` + evil + `
FROM busybox AS base
COPY hostile /hostile
LABEL "::error::label"="##[error]` + evil + `"
ENV A "::warning::` + evil + `"
RUN echo "##[set-output name=digest;]` + evil + `" && cat /hostile && cat /hostile >&2 && head -c 40 /hostile && sleep 0.1 && tail -c +41 /hostile
FROM base AS last
ARG TARGETARCH
ARG B
RUN echo "::set-output name=digest::$B" && if [ $TARGETARCH = arm64 ]; then cat /hostile; echo "::error::` + evil + `"; exit 3; fi
`

// hostileText is every hostile line, on lines of their own.
func hostileText() string {
	var b strings.Builder
	for _, line := range runner.Hostile() {
		b.WriteString(line.Text + "\n")
	}
	for _, command := range []string{"::set-output name=" + evil + "::x", "::save-state name=run::" + evil, "::add-mask::unmasked-words", "::add-path::/" + evil, "::set-env name=EVIL::" + evil} {
		b.WriteString(command + "\n\r" + command + "\n")
	}
	return b.String()
}

// onGitHub are the files that a step has there.
func onGitHub(t *testing.T) (dir string, env []string) {
	t.Helper()
	dir = t.TempDir()
	env = []string{"GITHUB_ACTIONS=true"}
	for _, file := range []string{"OUTPUT", "STATE", "ENV", "PATH", "STEP_SUMMARY"} {
		env = append(env, "GITHUB_"+file+"="+filepath.Join(dir, file))
		if err := os.WriteFile(filepath.Join(dir, file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, env
}

// wantOwnCommandsOnly looks through a log as the runner does. It must find none but those that the program writes itself.
func wantOwnCommandsOnly(t *testing.T, log string) {
	t.Helper()
	titles := []string{"Set up emulators and builder", "Build and verify", "Write files", "Publish"}
	for _, command := range runner.Commands(log) {
		own := false
		switch command.Name {
		case "group":
			own = slices.Contains(titles, command.Data)
		case "endgroup":
			own = command.Data == ""
		case "error", "warning": // they are about a platform, a place or the run
			own = strings.HasPrefix(command.Data, "linux/") || command.Properties["file"] == "Dockerfile" || strings.Contains(command.Data, "no tag was moved")
		}
		if !own {
			t.Errorf("the runner obeys %q", command)
		}
	}
}

// wantPairs checks which names a file of the runner holds.
func wantPairs(t *testing.T, file string, want ...string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pairs, err := runner.Pairs(string(text))
	if err != nil {
		t.Errorf("%s: %v", file, err)
	}
	var names []string
	values := map[string]string{}
	for _, pair := range pairs {
		if pair.Name != "" {
			names = append(names, pair.Name)
			values[pair.Name] = pair.Value
		}
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("%s: names (-want +got):\n%s", filepath.Base(file), diff)
	}
	return values
}

// The outputs of a run without rules for tags.
var outputNames = []string{"digest", "digests", "imageid", "metadata", "report", "version", "tags", "labels", "annotations", "json"}

func TestNothingThatABuildPrintsActs(t *testing.T) {
	t.Parallel()
	dir, env := onGitHub(t)
	context := folder(t, map[string]string{"Dockerfile": printsAll, "hostile": hostileText()})
	hostileValue := "x\n::error::" + evil + "\n%0A::error::" + evil + "%0D##[error]" + evil + "\nEOF\nghadelimiter_x\ndigest=" + evil
	i := builds(context, []string{"linux/amd64", "linux/arm64"}, "--build-arg", "B="+hostileValue, "--label", "l="+hostileValue, "--annotation", "a="+hostileValue,
		"--test", "cat /hostile; cat /hostile >&2", "--json", "-t", tag(t), "--push")
	i.env = env
	r := i.run(t)
	r.wantCode(t, 1)
	log := r.stdout + r.stderr
	if !strings.Contains(log, "| ") || !strings.Contains(log, "##\u200b[set-output name=digest;]"+evil) {
		t.Error("what the build printed is not in the log, or not as it should be")
	}
	wantOwnCommandsOnly(t, log)
	outputs := wantPairs(t, filepath.Join(dir, "OUTPUT"), outputNames...)
	if outputs["digest"] != "" || strings.Contains(outputs["digests"], evil) {
		t.Errorf("digest = %q, digests = %q, want those of no image", outputs["digest"], outputs["digests"])
	}
	if state := wantPairs(t, filepath.Join(dir, "STATE"), "run"); state["run"] != r.report.Run {
		t.Errorf("the state is %q, want the run %s", state, r.report.Run)
	}
	wantPairs(t, filepath.Join(dir, "ENV"))
	wantPairs(t, filepath.Join(dir, "PATH"))
	wantNothingLeft(t, r.report.Run)
}

func TestNothingThatInputsHoldActs(t *testing.T) {
	t.Parallel()
	dir, env := onGitHub(t)
	for _, text := range []string{"x\n::error::" + evil, "x%0A::error::" + evil, "##[set-output name=x;]" + evil, "x\r::error::" + evil} {
		i := invocation{args: []string{"build", "--dry-run"}, env: slices.Clone(env)}
		for _, input := range []string{"PLATFORMS", "TAGS", "OUTPUTS", "BUILD-CONTEXTS", "VERIFY", "SMOKE-TEST-TIMEOUT", "FILE", "CONTEXT", "LABELS", "SECRETS"} {
			i.env = append(i.env, "INPUT_"+input+"="+text)
		}
		r := i.run(t)
		r.wantCode(t, 2)
		commands := runner.Commands(r.stdout + r.stderr)
		if len(commands) < 5 {
			t.Errorf("%q is said to be wrong in %d inputs, want most", text, len(commands))
		}
		for _, command := range commands {
			if command.Name != "error" || strings.HasPrefix(command.Data, evil) || command.Data == "x" {
				t.Errorf("of the inputs %q the runner obeys %q", text, command)
			}
		}
	}
	wantPairs(t, filepath.Join(dir, "STATE"))
}

// leaks prints the secrets that it is given in every encoding, whole and in pieces, and fails.
const leaks = `FROM busybox
COPY encoded /encoded
RUN --mount=type=secret,id=one --mount=type=secret,id=two --mount=type=secret,id=three,env=THREE cat /run/secrets/one /run/secrets/two /encoded && \
    echo "three is $THREE" && echo $THREE | base64 && echo -n "user:$THREE" | base64 && echo -n "$THREE" | hexdump -ve '1/1 "%02x"' && echo && \
    head -c 9 /run/secrets/one && sleep 0.2 && tail -c +10 /run/secrets/one && exit 4
`

// A secret, by whatever way it came, is masked in every encoding, in everything that a run writes.
func TestMaskedValuesAppearNowhere(t *testing.T) {
	t.Parallel()
	secrets := map[string]string{}
	for _, name := range []string{"one", "two", "three", "password", "token"} {
		secrets[name] = name + `/+&\` + "é" + strings.Repeat(name, 20)
	}
	var encoded strings.Builder
	var needles []string
	for _, secret := range secrets {
		printed, remains := encodings(secret)
		encoded.WriteString("it is " + strings.Join(printed, "\nit is ") + "\n")
		needles = append(needles, remains...)
	}
	dir, env := onGitHub(t)
	local := folder(t, map[string]string{"two": secrets["two"]})
	i := builds(folder(t, map[string]string{"Dockerfile": leaks, "encoded": encoded.String()}), []string{"linux/amd64"}, "--no-cache", "--secret-file", "two="+filepath.Join(local, "two"),
		"--secret-env", "three=THREE", "--secret-env", "token=TOKEN", "--junit", filepath.Join(dir, "junit.xml"), "--report", filepath.Join(dir, "report.json"), "--json")
	i.env = append(env, "INPUT_SECRETS=one="+secrets["one"], "THREE="+secrets["three"], "TOKEN="+secrets["token"],
		"INPUT_REGISTRY=registry.example.org", "INPUT_USERNAME=user", "INPUT_PASSWORD="+secrets["password"])
	r := i.run(t)
	r.wantCode(t, 1)
	r.wantStderr(t, "| it is ***", "| three is ***")
	var log strings.Builder
	for line := range strings.Lines(r.stderr) {
		if !strings.HasPrefix(line, "::add-mask::") { // the runner shows none of these
			log.WriteString(line)
		}
	}
	wantNoNeedle(t, needles, "standard error", []byte(log.String()))
	wantNoNeedle(t, needles, "standard output", []byte(r.stdout))
	if files := wantNoNeedleBelow(t, needles, dir); files != 7 {
		t.Errorf("%d files were looked at, want those of the runner and both reports", files)
	}
	for name, secret := range secrets {
		if masks := runner.Commands(r.stderr); !slices.ContainsFunc(masks, func(c runner.Command) bool { return c.Name == "add-mask" && c.Data == secret }) {
			t.Errorf("the secret %s is not masked on the host", name)
		}
	}
}

// encodings are the forms of a secret that programs write, and what must be nowhere: of Base64 that is what does not depend on what is
// beside the secret.
func encodings(secret string) (printed, needles []string) {
	printed = []string{secret, url.QueryEscape(secret), url.PathEscape(secret), hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret)))}
	var encoded []string
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for offset := range 3 {
			text := encoding.EncodeToString(append(make([]byte, offset), secret...))
			encoded, needles = append(encoded, text), append(needles, text[4:len(text)-4])
		}
	}
	printed = append(printed, strings.ReplaceAll(secret, `\`, `\\`))
	return append(printed, encoded...), append(needles, printed...)
}
