//go:build e2e

package e2e

import (
	"strings"
	"syscall"
	"testing"
)

const eatsMemory = "FROM busybox\nRUN tail /dev/zero\n"

func TestWantOfMemoryIsNamed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, limit string
		texts       []string
	}{
		{"of the builder when it starts", "6m", []string{
			"the kernel killed it for want of memory before BuildKit answered (exit status 137, memory limit 6MiB)",
			"hint: raise the limit (--driver-opt memory=…, now 6MiB)",
		}},
		{"of the builder in the middle of a build", "24m", []string{
			"the kernel killed it for want of memory in the middle of the work (exit status 137, memory limit 24MiB)",
			"hint: raise the limit (--driver-opt memory=…, now 24MiB)",
		}},
		{"of a step", "512m", []string{
			"cause: the step was killed, mostly by the kernel because memory ran out (dmesg tells)", "hint: raise the limit (--driver-opt memory=…, now 512MiB)",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := builds(folder(t, map[string]string{"Dockerfile": eatsMemory}), []string{"linux/amd64"}, "--driver-opt", "memory="+test.limit).run(t)
			r.wantCode(t, 1)
			r.wantStderr(t, test.texts...)
			wantNothingLeft(t, r.report.Run)
		})
	}
}

func TestDriverOptionsReachTheBuilder(t *testing.T) {
	t.Parallel()
	forever := builds(folder(t, map[string]string{"Dockerfile": runsForever}), []string{"linux/amd64"},
		"--driver-opt", "memory=1g", "--driver-opt", "cpu-shares=512", "--driver-opt", "env.BUILDKIT_HELLO=world", "--buildkitd-flags", "--debug")
	s := forever.start(t, "| now")
	defer s.end(t, syscall.SIGINT)
	format := "{{.HostConfig.Memory}} {{.HostConfig.CpuShares}} {{.HostConfig.NetworkMode}} {{.Args}} {{range .Config.Env}}{{println .}}{{end}}"
	got := must(t, "docker", "inspect", "--format", format, "multiarch-action-"+s.run)
	wantLines(t, got, "1073741824 512 host ", " --debug]", "BUILDKIT_HELLO=world\n")
}

func wantLines(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q does not hold %q", text, part)
		}
	}
}
