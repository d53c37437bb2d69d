//go:build e2e

package e2e

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/plan"
)

// TestWhatIsIgnoredIsShownAndDoesNotCount publishes an image that is wrong on purpose, and shows that a comparison of the platforms
// would have found it too.
func TestWhatIsIgnoredIsShownAndDoesNotCount(t *testing.T) {
	t.Parallel()
	ref := tag(t)
	two := []string{"linux/amd64", "linux/arm64"}
	image := folder(t, map[string]string{"Dockerfile": wrongProgram})
	before := digestOf(t, ref) // of an earlier test run
	r := builds(image, two, "-t", ref, "--push", "--ignore", "program/arch:linux/arm64:/bin/*").run(t)
	r.wantCode(t, 3)
	if !slices.ContainsFunc(r.report.Findings, func(f plan.Finding) bool { return f.Check == "cross/copy" && f.Fails() }) {
		t.Errorf("findings about all platforms: %+v; want cross/copy", r.report.Findings)
	}
	if got := digestOf(t, ref); got != before {
		t.Errorf("the tag was moved from %q to %q", before, got)
	}
	r = builds(image, two, "-t", ref, "--push", "--ignore", "program/arch", "--severity", "cross/copy=warning,cross/base=warning").run(t)
	r.wantCode(t, 0)
	r.wantStderr(t, "error (ignored): linux/arm64 [program/arch] /bin/app", "warning: linux/arm64 [cross/copy]", "ok, 1 ignored")
	if got := digestOf(t, ref); got != r.report.Digest {
		t.Errorf("the tag points at %s, want %s", got, r.report.Digest)
	}
}

// TestEveryFileIsLookedAt finds a program that nothing is known to start.
func TestEveryFileIsLookedAt(t *testing.T) {
	t.Parallel()
	image := folder(t, map[string]string{"Dockerfile": `FROM --platform=linux/amd64 busybox AS tools
FROM busybox
COPY --from=tools /bin/busybox /usr/local/bin/helper
COPY --from=tools /bin/busybox /opt/data/helper
`})
	r := builds(image, []string{"linux/amd64", "linux/386"}, "--verify", "static").run(t)
	r.wantCode(t, 0)
	r = builds(image, []string{"linux/amd64", "linux/386"}, "--verify", "full").run(t)
	r.wantCode(t, 3)
	var got []string
	for _, f := range r.platform(t, "linux/386").Findings {
		got = append(got, string(f.Severity)+" "+f.Check+" "+f.Path)
	}
	want := "error files/arch /usr/local/bin/helper, warning files/foreign /opt/data/helper"
	slices.Sort(got)
	if text := strings.Join(got, ", "); text != want {
		t.Errorf("findings of linux/386: %s; want %s", text, want)
	}
	if findings := r.platform(t, "linux/amd64").Findings; len(findings) > 0 {
		t.Errorf("findings of linux/amd64: %+v", findings)
	}
}

// A finding about a build names the instruction that made the file, also through stages, --link, and in the base image.
func TestFindingsNameTheInstruction(t *testing.T) {
	t.Parallel()
	own := folder(t, map[string]string{"Dockerfile": `FROM busybox AS base
COPY hello /usr/bin/hello
RUN printf '#!/bin/nothing\n' > /usr/bin/script && chmod +x /usr/bin/script
FROM base
COPY --link hello /opt/hello
RUN true
CMD ["/usr/bin/script"]
`})
	goBuild(t, "../examples/cross", filepath.Join(own, "hello"), "amd64")
	const unseen = "--ignore=preflight/final-platform" // it would find the foreign base image before anything is built
	foreign := folder(t, map[string]string{"Dockerfile": "FROM --platform=linux/amd64 busybox\nCOPY Dockerfile /\nCMD [\"sh\"]\n"})
	for _, test := range []struct {
		folder string
		want   map[string]plan.Layer // by path; of the base image only how it begins
	}{
		{own, map[string]plan.Layer{
			"/usr/bin/hello":                 {Made: "COPY hello /usr/bin/hello (Dockerfile:2)"},
			"/usr/bin/script → /bin/nothing": {Made: `RUN printf '#!/bin/nothing\n' > /usr/bin/script && chmod +x /usr/bin/script (Dockerfile:3)`},
			"/opt/hello":                     {Made: "COPY --link hello /opt/hello (Dockerfile:5)"},
		}},
		{foreign, map[string]plan.Layer{"/bin/sh → /bin/busybox": {Made: "FROM docker.io/library/busybox:latest", Base: true}}},
	} {
		r := builds(test.folder, []string{"linux/arm64"}, "--verify", "full", unseen).run(t)
		r.wantCode(t, 3)
		got := map[string]plan.Layer{}
		for _, f := range r.platform(t, "linux/arm64").Findings {
			if _, wanted := test.want[f.Path]; wanted {
				f.Layer.Made, _, _ = strings.Cut(f.Layer.Made, "@sha256:")
				got[f.Path] = f.Layer
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("layers differ (-want +got):\n%s", diff)
		}
	}
}

// A file of decisions makes a warning an error, and does not count it where somebody has said why, until the day that is named. The
// last stage, which fails, is not the one that is asked for.
func TestPolicyFileDecidesAboutATarget(t *testing.T) {
	t.Parallel()
	const decisions = `severity:
  files/foreign: error
ignore:
  - check: files/foreign
    path: /opt/vendor/**
    reason: the vendor ships one archive for all machines
    until: DAY
`
	image := folder(t, map[string]string{
		"Dockerfile": `FROM --platform=linux/amd64 busybox AS tools
FROM busybox AS wanted
COPY --from=tools /bin/busybox /opt/vendor/tool
FROM busybox
RUN false
`,
		"open.yaml": strings.Replace(decisions, "DAY", "2999-12-31", 1), "over.yaml": strings.Replace(decisions, "DAY", "2020-01-31", 1),
	})
	r := builds(image, []string{"linux/arm64"}, "--target", "wanted", "--policy", filepath.Join(image, "open.yaml")).run(t)
	r.wantCode(t, 0)
	r.wantStderr(t, "error (ignored): linux/arm64 [files/foreign] /opt/vendor/tool", "the vendor ships one archive for all machines")
	r = builds(image, []string{"linux/arm64"}, "--target", "wanted", "--policy", filepath.Join(image, "over.yaml")).run(t)
	r.wantCode(t, 3)
	r.wantStderr(t, "error: linux/arm64 [files/foreign] /opt/vendor/tool", "2020-01-31")
	r = builds(image, []string{"linux/arm64"}, "--target", "nowhere").run(t)
	r.wantCode(t, 1)
	r.wantStderr(t, "cause: the Dockerfile has no stage nowhere")
}
