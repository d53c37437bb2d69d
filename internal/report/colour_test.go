package report_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/org/multiarch-action/internal/report"
)

// Colour adds nothing but colour.
func TestColouredReportHasTheSameText(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txt.golden")
	if err != nil || len(files) == 0 {
		t.Fatalf("no reports: %v", err)
	}
	for _, file := range files {
		plain, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		painted := coloured(t, string(plain))
		if got := regexp.MustCompile(`\x1b\[[\d;]*m`).ReplaceAllString(painted, ""); got != string(plain) {
			t.Errorf("%s: without its colours the report is\n%s", file, got)
		}
	}
}

func TestColoursOfTheReport(t *testing.T) {
	t.Parallel()
	for plain, want := range map[string]string{
		"linux/arm64  pushed  aaa  ok, 1 warning":                "linux/arm64  \x1b[32mpushed\x1b[0m  aaa  ok, \x1b[33m1 warning\x1b[0m",
		"linux/arm64  rejected  2 errors":                        "linux/arm64  \x1b[31;1mrejected\x1b[0m  \x1b[31;1m2 errors\x1b[0m",
		"8 of 8 platforms built, verified and published":         "\x1b[32;1m8 of 8 platforms built, verified and published\x1b[0m",
		"7 of 8 platforms built; WITHOUT linux/s390x, which may": "\x1b[33;1m7 of 8 platforms built; WITHOUT linux/s390x, which may\x1b[0m",
		"failed: 7 of 8 platforms are good; no tag was moved":    "\x1b[31;1mfailed: 7 of 8 platforms are good; no tag was moved\x1b[0m",
		"error: linux/arm64 [program/arch] /app":                 "\x1b[31;1merror:\x1b[0m linux/arm64 [program/arch] /app",
		"multiarch-action: error: no":                            "\x1b[31;1mmultiarch-action: error:\x1b[0m no",
		"linux/arm64, linux/386 failed at Dockerfile:3: no":      "\x1b[31;1mlinux/arm64, linux/386 failed at\x1b[0m Dockerfile:3: no",
		"3 platforms, verified and published (3.1s)":             "\x1b[32;1m3 platforms, verified and published (3.1s)\x1b[0m",
		"warning  the cache: it is old":                          "\x1b[33;1mwarning  the cache: it is old\x1b[0m",
		"cache    warning: it is gone":                           "\x1b[33;1mcache    warning: it is gone\x1b[0m",
		"warning: linux/arm64 [files/foreign] /opt":              "\x1b[33;1mwarning:\x1b[0m linux/arm64 [files/foreign] /opt",
		"errors are few": "errors are few",
		"  | error: what a build printed is not the program's error": "  | error: what a build printed is not the program's error",
	} {
		if got := strings.TrimSuffix(coloured(t, plain+"\n"), "\n"); got != want {
			t.Errorf("%q is shown as %q, want %q", plain, got, want)
		}
	}
}

func coloured(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	if n, err := report.Coloured(&b).Write([]byte(text)); err != nil || n != len(text) {
		t.Fatalf("wrote %d of %d bytes: %v", n, len(text), err)
	}
	return b.String()
}
