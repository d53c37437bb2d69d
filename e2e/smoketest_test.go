//go:build e2e

package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/report"
)

func found(text string) func(plan.Finding) bool {
	return func(f plan.Finding) bool { return strings.Contains(f.Found, text) }
}

func TestSmokeTests(t *testing.T) {
	t.Parallel()
	data := folder(t, map[string]string{"Dockerfile": "FROM busybox\nUSER 1000\nENV WHO=me\nWORKDIR /tmp\n"})
	scratch := folder(t, map[string]string{"Dockerfile": "FROM busybox AS b\nFROM scratch\nCOPY --from=b /bin/busybox /busybox\nENTRYPOINT [\"/busybox\"]\n"})
	for _, test := range []struct {
		name, folder string
		args         []string
		code         int
		output       string
		found        string
	}{
		{
			name: "the image's user, environment and folder are those of the image", folder: data,
			args: []string{"--test", "echo $(id -u) $WHO $PWD"}, output: "1000 me /tmp",
		},
		{
			name: "without a shell the words are executed as they are", folder: scratch,
			args: []string{"--test", "/busybox echo 'two words'"}, output: "two words",
		},
		{
			name: "a JSON list is executed as it is", folder: scratch,
			args: []string{"--test", `["/busybox", "echo", "a  b"]`}, output: "a  b",
		},
		{
			name: "a platform has a command and an expectation of its own", folder: data,
			args: []string{"--test", "echo v1.3", "--test", "linux/arm64=echo v1.4", "--test-expect", "linux/arm64=1.4"}, output: "v1.4",
		},
		{
			name: "an output without the expected text rejects the platform", folder: data,
			args: []string{"--test", "echo v1.3", "--test-expect", "1.4"}, code: 3, output: "v1.3", found: "exit status 0, and an output without it",
		},
		{
			name: "a failing command rejects the platform", folder: data,
			args: []string{"--test", "echo oh no; exit 9"}, code: 3, output: "oh no", found: "exit status 9",
		},
		{
			name: "there is no network", folder: data,
			args: []string{"--test", "test $(ls /sys/class/net | grep -cv '^lo$') = 0"},
		},
		{
			name: "a program that is not there cannot be started", folder: scratch,
			args: []string{"--test", "/nothing"}, code: 3,
			output: `runc run failed: unable to start container process: error during container init: exec: "/nothing": stat /nothing: no such file or directory`,
			found:  "exit status 1",
		},
		{
			name: "a command that hangs is ended", folder: data,
			args: []string{"--test", "sleep 600", "--test-timeout", "3s"}, code: 3, found: "still running after 3s",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := builds(test.folder, []string{"linux/amd64", "linux/arm64"}, test.args...).run(t)
			r.wantCode(t, test.code)
			p := r.platform(t, "linux/arm64")
			if p.SmokeTest == nil {
				t.Fatal("the report has no smoke test")
			}
			if got := strings.Join(p.SmokeTest.Output, "\n"); got != test.output {
				t.Errorf("output = %q, want %q", got, test.output)
			}
			if test.found != "" && (p.Status != report.StatusRejected || !slices.ContainsFunc(p.Findings, found(test.found))) {
				t.Errorf("status %s, findings %+v; want one that found %q", p.Status, p.Findings, test.found)
			}
			if r.took > time.Minute {
				t.Errorf("it took %s", r.took)
			}
			wantNothingLeft(t, r.report.Run)
		})
	}
}

// Images are started as they are: one that serves, one that only lives, one that ends badly, one that never gets healthy, one whose program
// was built for a newer processor than that of the platform.
func TestStartedImages(t *testing.T) {
	t.Parallel()
	serves := "FROM busybox\nHEALTHCHECK CMD wget -qO- http://127.0.0.1:8080/ | grep hello\nWORKDIR /www\nRUN echo hello > index.html\nUSER 1000\nCMD [\"httpd\", \"-f\", \"-p\", \"8080\"]\n"
	newer := folder(t, map[string]string{"Dockerfile": "FROM scratch\nCOPY hello /\nENTRYPOINT [\"/hello\"]\n"})
	must(t, "env", "-C", "../examples/cross", "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm", "GOARM=7", "go", "build", "-o", newer+"/hello", ".")
	for _, test := range []struct {
		name, dockerfile, folder string
		args                     []string
		code                     int
		passed, output, found    string
	}{
		{name: "healthy", dockerfile: serves, passed: "healthy"},
		{name: "alive", dockerfile: "FROM busybox\nCMD [\"sh\", \"-c\", \"echo $QEMU_CPU; exec sleep 60\"]\n", args: []string{"--test-entrypoint=2s"}, passed: "alive after 2s", output: "arm1176"},
		{name: "ends", dockerfile: "FROM busybox\nUSER 1000\nCMD [\"id\", \"-u\"]\n", passed: "exit status 0", output: "1000"},
		{name: "with the network of build steps", dockerfile: "FROM busybox\nCMD grep -v -e lo: -e '|' /proc/net/dev | grep -c :\n", args: []string{"--test-network", "default"}, passed: "exit status 0"},
		{name: "without it", dockerfile: "FROM busybox\nCMD grep -v -e lo: -e '|' /proc/net/dev | grep -c :\n", code: 3, output: "0", found: "exit status 1"},
		{name: "ends badly", dockerfile: "FROM busybox\nCMD echo no config; exit 7\n", code: 3, output: "no config", found: "exit status 7"},
		{name: "never healthy", dockerfile: "FROM busybox\nHEALTHCHECK CMD echo nobody; false\nCMD [\"sleep\", \"60\"]\n", args: []string{"--test-timeout", "4s"}, code: 3, found: "it said: nobody"},
		{name: "for a newer processor", folder: newer, args: []string{"--verify", "off", "--test-entrypoint=2s"}, code: 3, found: "exit status 132, illegal instruction"},
		{name: "for a newer processor than one that was asked for", folder: newer, args: []string{"--verify", "off", "--qemu-cpu", "cortex-a7"}, passed: "exit status 0", output: "Hello from linux/arm"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.folder == "" {
				test.folder = folder(t, map[string]string{"Dockerfile": test.dockerfile})
			}
			r := builds(test.folder, []string{"linux/arm/v6"}, append([]string{"--test-entrypoint"}, test.args...)...).run(t)
			r.wantCode(t, test.code)
			p := r.platform(t, "linux/arm/v6")
			if p.StartTest == nil {
				t.Fatal("the report does not say what became of the image")
			}
			if got := strings.Join(p.StartTest.Output, "\n"); p.StartTest.Passed != test.passed || test.output != "" && got != test.output {
				t.Errorf("passed %q, output %q; want %q and %q", p.StartTest.Passed, got, test.passed, test.output)
			}
			if test.found != "" && !slices.ContainsFunc(p.Findings, found(test.found)) {
				t.Errorf("findings %+v; want one that found %q", p.Findings, test.found)
			}
			wantNothingLeft(t, r.report.Run)
		})
	}
}
