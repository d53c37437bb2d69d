package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/org/multiarch-action/internal/golden"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/report"
	"github.com/org/multiarch-action/internal/verify"
)

// verification is one image with everything that can be said of it, a good one, and one that could not be read. Names in it
// come from an image that means harm.
func verification() *report.Verification {
	arch := plan.Finding{
		Check: "program/arch", Severity: plan.SeverityError, Platform: "linux/arm64", Path: "/app\x1b[31m\n::error::x | `y`",
		Expected: "an ELF program for arm64", Found: "an ELF program for amd64", Why: "it ends with \"exec format error\" on every arm64 machine", Fix: "look for ARG TARGETARCH=…",
	}
	warning := plan.Finding{Check: "layer/duplicate-path", Severity: plan.SeverityWarning, Platform: "linux/amd64", Path: "layer 1", Found: "<b>twice</b>", Why: "tools differ"}
	note := plan.Finding{Check: "program/unfollowed", Severity: plan.SeverityNote, Platform: "linux/amd64", Found: "a shell", Why: "not followed"}
	missing := plan.Finding{Check: "index/platform-missing", Severity: plan.SeverityError, Platform: "linux/s390x", Expected: "an image for linux/s390x", Found: "none in the index", Why: "it cannot be pulled there"}
	return &report.Verification{
		SchemaVersion: report.VerificationSchema, Program: "v1.0.0", Verdict: report.VerdictUnread, Seconds: 1.25,
		Images: []report.Verified{
			{
				Reference: "ghcr.io/owner/app:2", Digest: "sha256:" + strings.Repeat("a", 64), MediaType: "application/vnd.oci.image.index.v1+json", Verdict: report.VerdictBad,
				Platforms: []report.VerifiedPlatform{
					{Platform: "linux/amd64", Digest: "sha256:" + strings.Repeat("b", 64), Verdict: report.VerdictGood, Size: 1234567, Layers: 3, Findings: []plan.Finding{warning, warning, note}},
					{Platform: "linux/arm64", Digest: "sha256:" + strings.Repeat("c", 64), Verdict: report.VerdictBad, Size: 1234568, Layers: 3, Findings: []plan.Finding{arch}},
					{Platform: "linux/386", Digest: "sha256:" + strings.Repeat("d", 64), Verdict: report.VerdictUnwanted, Size: 5, Layers: 1},
					{Platform: "linux/ppc64le", Digest: "sha256:" + strings.Repeat("e", 64), Verdict: report.VerdictUnread},
				},
				Findings: []plan.Finding{missing},
				Against: &report.Comparison{Reference: "ghcr.io/owner/app:1", Digest: "sha256:" + strings.Repeat("f", 64), Platforms: []report.ComparePlatform{
					{Platform: "linux/amd64", SizeBefore: 1000000, Size: 1234567, Better: []string{"program/missing"}},
					{Platform: "linux/arm64", SizeBefore: 1234568, Size: 1234568, Worse: []string{"program/arch"}},
					{Platform: "linux/s390x", SizeBefore: 7, Gone: true},
					{Platform: "linux/ppc64le", New: true},
				}},
			},
			{Reference: "busybox", Digest: "sha256:" + strings.Repeat("0", 64), Verdict: report.VerdictGood, Platforms: []report.VerifiedPlatform{{Platform: "linux/amd64", Verdict: report.VerdictGood, Size: 1, Layers: 1}}},
			{Reference: "ghcr.io/owner/none", Verdict: report.VerdictUnread, Error: "image ghcr.io/owner/none: reading: not found", Hint: "check the name"},
		},
	}
}

func TestVerificationRenderings(t *testing.T) {
	t.Parallel()
	v := verification()
	for kind, write := range map[string]func(io.Writer) error{"txt": v.Terminal, "md": v.Markdown, "json": v.JSON} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			golden.Check(t, "verification."+kind, written(t, write))
		})
	}
}

func written(t *testing.T, write func(io.Writer) error) string {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestVerificationIsReadBackWhole(t *testing.T) {
	t.Parallel()
	want := verification()
	var got report.Verification
	if err := json.Unmarshal([]byte(written(t, want.JSON)), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, &got); diff != "" {
		t.Errorf("read back it differs (-want +got):\n%s", diff)
	}
}

// What GitHub asks of a file, by its documentation and by what it is known to refuse.
func TestSARIF(t *testing.T) {
	t.Parallel()
	var log struct {
		Schema  string `json:"$schema"`
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct {
					Name  string
					Rules []struct {
						ID                   string
						ShortDescription     struct{ Text string }
						DefaultConfiguration struct{ Level string }
					}
				}
			}
			AutomationDetails struct{ ID string }
			Results           []struct {
				RuleID, Level string
				Message       struct{ Text string }
				Locations     []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine int }
					}
					LogicalLocations []struct{ FullyQualifiedName string }
				}
				PartialFingerprints map[string]string
			}
		}
	}
	text := written(t, verification().SARIF)
	if err := json.Unmarshal([]byte(text), &log); err != nil {
		t.Fatal(err)
	}
	if log.Version != "2.1.0" || !strings.HasSuffix(log.Schema, "sarif-2.1.0.json") || len(log.Runs) != 1 {
		t.Fatalf("version %s, schema %s, %d runs", log.Version, log.Schema, len(log.Runs))
	}
	run := log.Runs[0]
	if run.Tool.Driver.Name != "multiarch-action" || run.AutomationDetails.ID != "multiarch-action/ghcr.io/owner/app,busybox,ghcr.io/owner/none/" {
		t.Errorf("the run is of %q, %q", run.Tool.Driver.Name, run.AutomationDetails.ID)
	}
	rules := map[string]bool{}
	for _, rule := range run.Tool.Driver.Rules {
		if rules[rule.ID] || rule.ShortDescription.Text == "" || !isLevel(rule.DefaultConfiguration.Level) {
			t.Errorf("the rule %+v is there twice, or says nothing", rule)
		}
		rules[rule.ID] = true
	}
	if len(run.Results) != 5 || run.Results[0].Level != "error" {
		t.Fatalf("%d results, the first of level %s", len(run.Results), run.Results[0].Level)
	}
	seen := map[string]string{}
	for _, r := range run.Results {
		if !rules[r.RuleID] || !isLevel(r.Level) || r.Message.Text == "" || strings.ContainsAny(r.Message.Text, "\x1b") {
			t.Errorf("the result %+v has no rule, no level, or no text to show", r)
		}
		if len(r.Locations) != 1 || r.Locations[0].PhysicalLocation.ArtifactLocation.URI == "" || r.Locations[0].PhysicalLocation.Region.StartLine < 1 {
			t.Errorf("the result %+v has no place", r)
		}
		print := r.PartialFingerprints["primaryLocationLineHash"]
		if other, ok := seen[print]; ok && other != r.Message.Text || print != r.PartialFingerprints["multiarchFinding/v1"]+":1" {
			t.Errorf("the fingerprint %s is of two results", print)
		}
		seen[print] = r.Message.Text
	}
	if want := "ghcr.io/owner/app:2 linux/s390x. Expected: an image for linux/s390x. Found: none in the index. Why: it cannot be pulled there"; run.Results[0].Message.Text != want {
		t.Errorf("got  %s\nwant %s", run.Results[0].Message.Text, want)
	}
}

func isLevel(level string) bool { return level == "error" || level == "warning" || level == "note" }

// An alert stays the same when the tag moves on.
func TestFingerprintsDoNotDependOnTheTag(t *testing.T) {
	t.Parallel()
	prints := func(reference string) string {
		v := verification()
		v.Images[0].Reference = reference
		text := written(t, v.SARIF)
		_, after, _ := strings.Cut(text, `"multiarchFinding/v1": "`)
		return after[:64]
	}
	want := prints("ghcr.io/owner/app:2")
	for reference, same := range map[string]bool{
		"ghcr.io/owner/app:3": true, "ghcr.io/owner/app@sha256:abc": true, "ghcr.io/owner/app": true, "ghcr.io/owner/other:2": false, "localhost:5000/owner/app": false,
	} {
		if got := prints(reference); (got == want) != same {
			t.Errorf("%s: %s, and that of the first is %s", reference, got, want)
		}
	}
}

// What GitLab and Jenkins read: counts that are true, names that are there once, problems in the right element.
func TestJUnit(t *testing.T) {
	t.Parallel()
	type problem struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
	var suites struct {
		Suites []struct {
			Name     string `xml:"name,attr"`
			Tests    int    `xml:"tests,attr"`
			Failures int    `xml:"failures,attr"`
			Errors   int    `xml:"errors,attr"`
			Skipped  int    `xml:"skipped,attr"`
			Cases    []struct {
				Name      string   `xml:"name,attr"`
				ClassName string   `xml:"classname,attr"`
				Failure   *problem `xml:"failure"`
				Error     *problem `xml:"error"`
				Skipped   *problem `xml:"skipped"`
				SystemOut string   `xml:"system-out"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	text := written(t, verification().JUnit)
	if err := xml.Unmarshal([]byte(text), &suites); err != nil || !strings.HasPrefix(text, "<?xml") {
		t.Fatal(err)
	}
	got := map[string][3]int{}
	names := map[string]bool{}
	cases := 0
	for _, s := range suites.Suites {
		got[s.Name] = [3]int{s.Failures, s.Errors, s.Skipped}
		failures, errs, skipped := 0, 0, 0
		for _, c := range s.Cases {
			cases++
			if names[c.ClassName+c.Name] || c.ClassName != s.Name {
				t.Errorf("%s: the name %q is there twice, or of another suite", s.Name, c.Name)
			}
			names[c.ClassName+c.Name] = true
			failures, errs, skipped = failures+count(c.Failure != nil), errs+count(c.Error != nil), skipped+count(c.Skipped != nil)
			if strings.HasPrefix(c.Name, "program/arch /app") && (c.Failure == nil || c.Failure.Message != "found an ELF program for amd64" || !strings.Contains(c.Failure.Text, "fix:")) {
				t.Errorf("the failure is %+v", c.Failure)
			}
			if strings.HasPrefix(c.Name, "layer/duplicate-path") && c.ClassName == "ghcr.io/owner/app:2 linux/amd64" && (c.Failure != nil || !strings.HasPrefix(c.SystemOut, "warning: linux/amd64")) {
				t.Errorf("the warning is %+v", c)
			}
		}
		if s.Tests != len(s.Cases) || s.Failures != failures || s.Errors != errs || s.Skipped != skipped {
			t.Errorf("%s: its counts are not true", s.Name)
		}
	}
	if diff := cmp.Diff(map[string][3]int{
		"ghcr.io/owner/app:2": {1, 0, 0}, "ghcr.io/owner/app:2 linux/amd64": {}, "ghcr.io/owner/app:2 linux/arm64": {1, 0, 0},
		"ghcr.io/owner/app:2 linux/386": {0, 0, 1}, "ghcr.io/owner/app:2 linux/ppc64le": {0, 1, 0},
		"busybox": {}, "busybox linux/amd64": {}, "ghcr.io/owner/none": {0, 1, 0},
	}, got); diff != "" {
		t.Errorf("failures, errors and skipped cases differ (-want +got):\n%s", diff)
	}
	if cases < len(verify.Checks()) {
		t.Errorf("%d cases: checks that passed are not among them", cases)
	}
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}
