package report_test

import (
	"strings"
	"testing"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/report"
)

const (
	oldDigest   = "sha256:0f343b0931126a20f133d67c2b018a3b0f343b0931126a20f133d67c2b018a3b"
	indexDigest = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	tag         = "localhost:5000/demo/hello:1.4"
)

var eight = []string{"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/arm/v6", "linux/386", "linux/ppc64le", "linux/s390x", "linux/riscv64"}

func platforms(t *testing.T, names ...string) []report.Platform {
	t.Helper()
	var out []report.Platform
	for _, name := range names {
		p, err := plan.ParsePlatform(name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, report.Platform{Platform: p, Status: report.StatusUnknown})
	}
	return out
}

// published is a run in which everything went well.
func published(t *testing.T) *report.Report {
	t.Helper()
	r := &report.Report{
		SchemaVersion: report.SchemaVersion, Program: "v1.0.0", Run: "3f9a1c0b7d21", Outcome: report.Published, Verify: plan.VerifyStatic,
		Reference: tag, Compared: &report.Compared{Tag: "localhost:5000/demo/hello:1", Digest: oldDigest, Gone: []string{"linux/mips64le"}},
		Image: tag + "@" + indexDigest, Digest: indexDigest, ImageID: indexDigest, Pushed: []string{"localhost:5000/demo/hello"},
		Tags: []report.Tag{
			{Name: tag, To: indexDigest, Moved: true},
			{Name: "localhost:5000/demo/hello:1", From: oldDigest, To: indexDigest, Moved: true},
			{Name: "localhost:5000/demo/hello:latest", From: indexDigest, To: indexDigest},
		},
		Platforms: platforms(t, eight...), Builder: "v0.33.1", Notes: []string{"registry localhost:5000 is on a loopback address"},
		Stages:  stages(),
		Seconds: 23.5,
	}
	for i := range r.Platforms {
		p := &r.Platforms[i]
		p.Status, p.Execution, p.Emulator, p.Seconds = report.StatusPushed, "emulated", "QEMU 7.2.22", 3.3+float64(i)
		p.RunsHere = true
		p.Digest, p.Size, p.Layers = "sha256:"+strings.Repeat(string(rune('a'+i)), 64), int64(1_234_567*(i+1)), 2
		p.SmokeTest = &report.SmokeTest{Command: []string{"/bin/sh", "-c", "uname -m"}, Passed: "passed", Output: []string{"hello", p.Platform.Architecture()}, Seconds: 0.25}
	}
	for i, before := range []int64{1_234_567, 2_469_000, 3_000_000, 5_500_000, 0, 7_400_000, 8_641_900, 20_000_000} {
		r.Platforms[i].SizeBefore = before
	}
	for i, cached := range []int{0, 3, 7} {
		r.Platforms[i].Steps, r.Platforms[i].CachedSteps = 7, cached
	}
	r.Platforms[0].Execution, r.Platforms[0].Emulator = "native", ""
	r.Platforms[1].StartTest = &report.SmokeTest{Command: []string{"/app"}, Passed: "healthy", Seconds: 1.5}
	r.Platforms[2].Findings = []plan.Finding{{
		Check: "program/arch-compat", Severity: plan.SeverityWarning, Platform: "linux/arm/v7", Path: "/usr/bin/tool",
		Expected: "32-bit ARM, v7", Found: "32-bit ARM, v6", Why: "it runs slower than it could", Fix: "build it for v7",
	}}
	return r
}

// stages are those of a run that waited longest for the builder's image, and for a platform that is emulated.
func stages() []report.Stage {
	return []report.Stage{
		{Name: "setup", Start: 0.01, Seconds: 1.5},
		{Name: "setup/engine", Start: 0.01, Seconds: 0.005},
		{Name: "setup/handlers", Start: 0.01, Seconds: 0.211},
		{Name: "setup/registries", Start: 0.01, Seconds: 0.124},
		{Name: "setup/image", Start: 0.015, Seconds: 1.2},
		{Name: "setup/boot", Start: 1.26, Seconds: 0.25},
		{Name: "build", Start: 1.51, Seconds: 20.25},
		{Name: "build/frontend", Start: 1.51, Seconds: 0.34},
		{Name: "build/linux/amd64", Start: 1.85, Seconds: 2.96},
		{Name: "build/linux/riscv64", Start: 1.85, Seconds: 17.42},
		{Name: "build/export", Start: 19.27, Seconds: 2.49},
		{Name: "publish", Start: 21.76, Seconds: 1.74},
		{Name: "close", Start: 23.5, Seconds: 0.07},
	}
}

// ignored is a run that was published in spite of errors, because its policy says that they do not count.
func ignored(t *testing.T) *report.Report {
	t.Helper()
	r := published(t)
	r.Platforms = r.Platforms[:3]
	r.Findings = []plan.Finding{{
		Check: "cross/config", Severity: plan.SeverityWarning, Path: "config", Expected: "the same USER on all platforms",
		Found: "linux/amd64: app; linux/arm64: root", Why: "the image behaves differently", Ignored: true,
	}}
	r.Platforms[1].Findings = []plan.Finding{{
		Check: "files/arch", Severity: plan.SeverityError, Platform: "linux/arm64", Path: "/usr/bin/tool",
		Expected: "an ELF program for arm64", Found: "an ELF program for amd64", Why: "it does not start", Fix: "build it for arm64", Ignored: true,
	}}
	return r
}

// without is a run that left out a platform, with all that can be said besides.
func without(t *testing.T) *report.Report {
	t.Helper()
	r := failed(t)
	ok := published(t)
	r.Outcome, r.Error, r.Image, r.Digest, r.Tags = ok.Outcome, "", ok.Image, ok.Digest, ok.Tags
	r.Platforms[6].Allowed, r.Missing = true, []string{"linux/s390x"}
	r.Preflight = []plan.Finding{{
		Check: "preflight/shadowed-arg", Severity: plan.SeverityWarning, Platform: "linux/arm64, linux/s390x", Path: "Dockerfile:2",
		Expected: "TARGETARCH=arm64, as BuildKit sets it", Found: "TARGETARCH=amd64", Why: "every platform gets this value", Fix: "declare ARG TARGETARCH without a value",
	}}
	r.Warnings = []report.Warning{{File: "Dockerfile", Line: 5, Text: "MaintainerDeprecated: Maintainer instruction is deprecated", URL: "https://docs.docker.com/go/dockerfile/rule/maintainer-deprecated/"}}
	for i := range r.Platforms {
		if r.Platforms[i].Failure == nil {
			r.Platforms[i].Attestations = []report.Attestation{{Digest: oldDigest, Predicates: []string{"https://slsa.dev/provenance/v1", "https://spdx.dev/Document"}}}
		}
	}
	r.Hints = []report.Hint{{ID: "copy-link", Bytes: 4 << 20, Text: "COPY data /data made the same layer of 2.1 MB for 3 platforms, each time anew: with --link it is made and compressed once"}}
	return r
}

// failed is a run in which one platform's step failed.
func failed(t *testing.T) *report.Report {
	t.Helper()
	r := published(t)
	r.Outcome, r.Image, r.Digest, r.ImageID, r.Tags, r.Pushed = report.Failed, "", "", "", nil, nil
	r.Error = "building linux/s390x: it failed; the other platforms went on, and no tag was moved"
	p := &r.Platforms[6]
	*p = report.Platform{Platform: p.Platform, Status: report.StatusFailed, Execution: "emulated", Emulator: "QEMU 7.2.22", Seconds: 4.5, Failure: &report.Failure{
		Step: "[linux/s390x 2/3] RUN make", File: "Dockerfile", Line: 3, Excerpt: []string{"RUN make \\", "    && make check"}, ExitCode: 2,
		Output: []string{"cc -o app app.c", "app.c:3: error: big endian is not supported", "make: *** [app] Error 1"},
		Error:  `process "/bin/sh -c make     && make check" did not complete successfully: exit code: 2`,
		Explanation: report.Explanation{
			Cause:    "the image docker.io/library/busybox:latest is not published for linux/s390x",
			Evidence: "docker.io/library/busybox:latest: no match for platform in manifest: not found", Hint: "leave linux/s390x out, or use another image or tag",
		},
	}}
	return r
}

// rejected is a run in which the images of one platform start programs of another, and the smoke test of a second failed.
func rejected(t *testing.T) *report.Report {
	t.Helper()
	r := published(t)
	r.Platforms = r.Platforms[:3]
	r.Outcome, r.Image, r.Digest, r.ImageID, r.Tags = report.Rejected, "", "", "", nil
	r.Error = "verification found errors; no tag was moved"
	for i := range r.Platforms {
		r.Platforms[i].Findings = nil
	}
	arm64, armv7 := &r.Platforms[1], &r.Platforms[2]
	*arm64 = report.Platform{Platform: arm64.Platform, Status: report.StatusRejected, Execution: "emulated", Emulator: "QEMU 7.2.22", Seconds: 4.3, Findings: []plan.Finding{
		{
			Check: "program/arch", Severity: plan.SeverityError, Platform: "linux/arm64", Path: "/entrypoint.sh → /app", Expected: "64-bit ARM (aarch64)",
			Found: "64-bit x86 (x86-64)", Why: "the image cannot start on linux/arm64", Fix: "build the program for the target platform, for example with GOARCH=$TARGETARCH",
		},
		{Check: "program/unfollowed", Severity: plan.SeverityNote, Platform: "linux/arm64", Found: "eval", Why: "what is started next was not checked"},
	}}
	armv7.Status, armv7.Digest, armv7.Size, armv7.Layers = report.StatusRejected, "", 0, 0
	armv7.SmokeTest.ExitCode, armv7.SmokeTest.Passed, armv7.SmokeTest.Output = 127, "", []string{"sh: app: not found"}
	armv7.Findings = []plan.Finding{{
		Check: "run/test", Severity: plan.SeverityError, Platform: "linux/arm/v7", Expected: "exit status 0", Found: "exit status 127", Why: "the smoke test did not pass",
	}}
	return r
}

// cancelled is a run that was stopped in the middle of its tags.
func cancelled(t *testing.T) *report.Report {
	t.Helper()
	r := published(t)
	r.Outcome, r.Platforms = report.Cancelled, r.Platforms[:2]
	r.Tags[1].To, r.Tags[1].Moved = "", false
	r.Tags[2] = report.Tag{Name: r.Tags[2].Name}
	return r
}

// setupFailed is a run that ended before anything was built.
func setupFailed(t *testing.T) *report.Report {
	t.Helper()
	return &report.Report{
		SchemaVersion: report.SchemaVersion, Program: "v1.0.0", Run: "3f9a1c0b7d21", Outcome: report.Failed, Verify: plan.VerifyStatic,
		Reference: tag, Error: "docker engine at unix:///var/run/docker.sock: connecting: no such file", Platforms: platforms(t, "linux/amd64", "linux/arm64"), Seconds: 0.3,
	}
}

// builderLost is a run whose builder died; its last words are in the error.
func builderLost(t *testing.T) *report.Report {
	t.Helper()
	r := setupFailed(t)
	r.Error = "builder: rpc error: code = Unavailable; the builder's last words:\n# fatal\n- out of memory <killed>\n```\n"
	return r
}

// notVerified is a run that was asked to believe the labels.
func notVerified(t *testing.T) *report.Report {
	t.Helper()
	r := published(t)
	r.Verify, r.Platforms = plan.VerifyOff, r.Platforms[:2]
	r.Platforms[1].Execution, r.Platforms[1].Emulator = "none", ""
	return r
}

// hostile is a run whose build printed what is not to be believed.
func hostile(t *testing.T) *report.Report {
	t.Helper()
	evil := []string{
		"</details><script>alert(1)</script>", "``` a fence", "| a | table |", "::error::x", "foo ##[set-output name=digest;]evil", "\x1b[31mred\x1b[0m\x1b[2J\a", "```` a longer fence", "# a heading", "~~~",
	}
	r := failed(t)
	r.Platforms = r.Platforms[5:7]
	r.Error = "building `x`: <b>it</b> *failed* | [link](http://evil) $a$ ~~b~~ #1 \x1b[2J"
	f := r.Platforms[1].Failure
	f.Excerpt, f.Output, f.Error, f.File = evil, evil, "exit: `x` <img src=x>\n# heading\n| cell", "Docker`file"
	r.Platforms[0].SmokeTest.Output = []string{"a|b `c` \t ##[error]\x1b[31m"}
	r.Platforms[0].Findings = []plan.Finding{{
		Check: "program/arch", Severity: plan.SeverityWarning, Platform: "linux/ppc64le", Path: "/a`b|c", Expected: "<b>", Found: "a\n- b", Why: "*why*", Fix: "`fix`",
	}}
	return r
}
