package report

import (
	"io"
	"regexp"
)

// paints say what stands out in a report for a terminal, by the colours that every terminal's theme has (ECMA-48, 8.3.117).
var paints = []struct {
	where *regexp.Regexp
	as    string
}{
	{regexp.MustCompile(`(?m)^PLATFORM .*$`), "\x1b[1m$0\x1b[0m"},
	{regexp.MustCompile(`(?m)^(\w+/\S+ +)(pushed|built)\b`), "$1\x1b[32m$2\x1b[0m"},
	{regexp.MustCompile(`(?m)^(\w+/\S+ +)(failed|rejected|FAILED, LEFT OUT)`), "$1\x1b[31;1m$2\x1b[0m"},
	{regexp.MustCompile(`(?m)^(\w+/.* )(\d+ errors?)\b`), "$1\x1b[31;1m$2\x1b[0m"},
	{regexp.MustCompile(`(?m)^(\w+/.* )(\d+ warnings?)\b`), "$1\x1b[33m$2\x1b[0m"},
	{regexp.MustCompile(`(?m)^(multiarch-action: )?error:`), "\x1b[31;1m$0\x1b[0m"},
	{regexp.MustCompile(`(?m)^\w+/\S+(, \S+)* failed( at|:)`), "\x1b[31;1m$0\x1b[0m"},
	{regexp.MustCompile(`(?m)^(warning  |[a-z]+ +warning: ).*$`), "\x1b[33;1m$0\x1b[0m"}, // said while it runs
	{regexp.MustCompile(`(?m)^warning[^:]*:`), "\x1b[33;1m$0\x1b[0m"},
	{regexp.MustCompile(`(?m)^  (expected|found|why|fix|cause|evidence|hint|faster):`), "\x1b[36m$0\x1b[0m"},
	{regexp.MustCompile(`(?m)^\d+( of \d+)? platforms?,? .*; WITHOUT .*$`), "\x1b[33;1m$0\x1b[0m"},
	{regexp.MustCompile(`(?m)^\d+( of \d+)? platforms?,? [^;\n\x1b]*(;[^\n\x1b]*)?$`), "\x1b[32;1m$0\x1b[0m"},
	{regexp.MustCompile(`(?m)^(failed|verification found errors|cancelled)\b.*$`), "\x1b[31;1m$0\x1b[0m"},
}

// Coloured returns a writer for a report for a terminal that shows colours.
func Coloured(w io.Writer) io.Writer { return painter{w} }

type painter struct{ to io.Writer }

// Write paints a whole report.
func (p painter) Write(text []byte) (int, error) {
	painted := text
	for _, paint := range paints {
		painted = paint.where.ReplaceAll(painted, []byte(paint.as))
	}
	if _, err := p.to.Write(painted); err != nil {
		return 0, err
	}
	return len(text), nil
}
