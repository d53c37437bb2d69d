//go:build e2e

package e2e

import (
	"encoding/json"
	"strings"
	"testing"
)

// warned has two things that BuildKit warns of.
const warned = "FROM busybox as base\nRUN true\nMAINTAINER me\n"

func TestWarningsOfBuildKitAreSaidOnceAtTheirLine(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"app/Dockerfile": warned})
	i := builds("app", []string{"linux/amd64", "linux/arm64"})
	i.dir, i.env = dir, []string{"GITHUB_ACTIONS=true"}
	r := i.run(t)
	r.wantCode(t, 0)
	for _, line := range []string{"::warning file=app/Dockerfile,line=1::FromAsCasing: ", "::warning file=app/Dockerfile,line=3::MaintainerDeprecated: "} {
		if got := strings.Count(r.stderr, line); got != 1 {
			t.Errorf("%q is said %d times, want once", line, got)
		}
	}
	if len(r.report.Warnings) != 2 || r.report.Warnings[0].Line == 0 || r.report.Warnings[0].URL == "" {
		t.Errorf("warnings = %+v", r.report.Warnings)
	}
	r.wantStderr(t, "warning of BuildKit: Dockerfile:1: FromAsCasing")
}

func TestRawProgressIsJSONAlone(t *testing.T) {
	t.Parallel()
	r := builds(folder(t, map[string]string{"Dockerfile": "FROM busybox\nRUN echo of a step\n"}), []string{"linux/amd64", "linux/arm64"}, "--progress", "rawjson").run(t)
	r.wantCode(t, 0)
	var names []string
	for line := range strings.Lines(r.stderr) {
		var message struct{ Vertexes []struct{ Name string } }
		if err := json.Unmarshal([]byte(line), &message); err != nil {
			t.Fatalf("%q is no JSON: %v", line, err)
		}
		for _, v := range message.Vertexes {
			names = append(names, v.Name)
		}
	}
	if !strings.Contains(strings.Join(names, "\n"), "[linux/arm64 2/2] RUN echo of a step") {
		t.Errorf("the steps are %q", names)
	}
}
