package cli

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/org/multiarch-action/internal/build"
	"github.com/org/multiarch-action/internal/ci"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/report"
	"github.com/org/multiarch-action/internal/setup"
)

// finished is a run whose platforms ended with these statuses.
func finished(t *testing.T, env map[string]string, log io.Writer, statuses map[string]report.Status, order ...string) *run {
	t.Helper()
	getenv := func(name string) string { return env[name] }
	r := &run{
		app:  &app{World: World{Getenv: getenv, Stdout: io.Discard, Stderr: log}, host: ci.Detect(getenv, log)},
		plan: &plan.Plan{}, report: &report.Report{Outcome: report.Failed}, nodes: []*node{{here: true}},
	}
	for _, name := range order {
		r.report.Platforms = append(r.report.Platforms, report.Platform{Platform: platform(t, name), Status: statuses[name]})
	}
	return r
}

func platform(t *testing.T, name string) plan.Platform {
	t.Helper()
	p, err := plan.ParsePlatform(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		statuses map[string]report.Status
		want     string
	}{
		{"all good", map[string]report.Status{"linux/amd64": report.StatusBuilt, "linux/arm64": report.StatusPushed}, ""},
		{"one rejected", map[string]report.Status{"linux/amd64": report.StatusBuilt, "linux/arm64": report.StatusRejected}, "verification found errors; no tag was moved"},
		{"one failed", map[string]report.Status{"linux/amd64": report.StatusFailed, "linux/arm64": report.StatusBuilt}, "building linux/amd64: it failed; the other platforms went on, and no tag was moved"},
		{"one failed, one rejected", map[string]report.Status{"linux/amd64": report.StatusRejected, "linux/arm64": report.StatusFailed}, "building linux/arm64: it failed; the other platforms went on, and no tag was moved"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := finished(t, nil, io.Discard, test.statuses, "linux/amd64", "linux/arm64").verdict()
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("verdict() = %q, want %q", got, test.want)
			}
		})
	}
}

func TestExplanation(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, platform string
		failure        build.Failure
		want           string
	}{
		{"an error of the user's", "linux/arm64", build.Failure{Err: errors.New("exit code: 2")}, ""},
		{"a program that nothing runs", "linux/arm64", build.Failure{Err: errors.New("exec /bin/sh: exec format error")}, "install one"},
		{"a program of another architecture", "linux/amd64", build.Failure{Err: errors.New("exit code: 1"), Output: []string{"sh: ./a: exec format error"}}, "look where the program comes from: a download with a fixed architecture, a COPY --from a stage of another platform, or a base image that is pinned to one platform"},
		{"a base image that lacks the platform", "linux/s390x", build.Failure{Err: errors.New("busybox: no match for platform in manifest: not found")}, "leave linux/s390x out, build without it when it fails (--allow-failure linux/s390x), or use another image or tag"},
		{"a command that was killed", "linux/s390x", build.Failure{Err: errors.New("exit code: 137"), ExitCode: 137}, "use a machine with more memory, or let fewer steps run at once (max-parallelism below [worker.oci] of --buildkitd-config)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := finished(t, nil, io.Discard, nil)
			p := platform(t, test.platform)
			r.emulation = []setup.Emulation{{
				Architecture: "arm64", Platforms: []plan.Platform{platform(t, "linux/arm64")}, Way: setup.WayMissing, Problem: "there is no emulator", Hint: "install one",
			}}
			if got := r.explanation(p, &test.failure).Hint; got != test.want {
				t.Errorf("explanation() has the hint %q, want %q", got, test.want)
			}
		})
	}
}

// The report quotes what the build printed. On GitHub it must not act there either.
func TestReportOnTheLogActsOnNoHost(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	r := finished(t, map[string]string{"GITHUB_ACTIONS": "true"}, &log, map[string]report.Status{"linux/amd64": report.StatusFailed}, "linux/amd64")
	r.report.Platforms[0].Failure = &report.Failure{Error: "it failed", Output: []string{"foo ##[set-output name=digest;]evil", "\r::error::x"}}
	if err := r.publishReport(false); err != nil {
		t.Fatal(err)
	}
	if text := log.String(); strings.Contains(text, "##[") || !strings.Contains(text, "set-output name=digest") {
		t.Errorf("the log is\n%s\nwant the output in it, with nothing that begins a command", text)
	}
}

func TestReportIsWrittenWhereItIsWanted(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	r := finished(t, nil, io.Discard, nil)
	r.plan.Report, r.plan.Summary = filepath.Join(folder, "report.json"), filepath.Join(folder, "gone", "summary.md")
	err := r.publishReport(false)
	if err == nil || !strings.HasPrefix(err.Error(), `file "`+r.plan.Summary+`": opening: `) {
		t.Errorf("publishReport() gives %v, want an error about the summary", err)
	}
	if text, err := os.ReadFile(r.plan.Report); err != nil || !strings.Contains(string(text), `"outcome": "failed"`) {
		t.Errorf("the report is %q, %v; want it written although the summary is not", text, err)
	}
}

func TestWhatWasPushedIsPutIntoThePlansOrder(t *testing.T) {
	t.Parallel()
	r := finished(t, nil, io.Discard, nil, "linux/s390x", "linux/amd64", "linux/arm/v7")
	pushed := func(name, hex string, size int64) plan.Pushed {
		return plan.Pushed{Platform: platform(t, name), Descriptor: v1.Descriptor{Digest: v1.Hash{Algorithm: "sha256", Hex: hex}}, Size: size, Layers: 1}
	}
	images := r.inOrder([]plan.Pushed{pushed("linux/amd64", "aa", 1), pushed("linux/s390x", "bb", 2)}, report.StatusPushed)
	var got []string
	for _, image := range images {
		got = append(got, image.Platform.String())
	}
	if got, want := strings.Join(got, " "), "linux/s390x linux/amd64"; got != want {
		t.Errorf("inOrder() = %s, want %s", got, want)
	}
	if row := r.report.Platforms[1]; row.Status != report.StatusPushed || row.Digest != "sha256:aa" || row.Size != 1 || row.Layers != 1 {
		t.Errorf("the row of linux/amd64 is %+v, want what was pushed", row)
	}
	if row := r.report.Platforms[2]; row.Digest != "" || row.Status == report.StatusPushed {
		t.Errorf("the row of linux/arm/v7 is %+v, want nothing pushed", row)
	}
}
