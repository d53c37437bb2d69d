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
