package verify

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/org/multiarch-action/internal/golden"
	"github.com/org/multiarch-action/internal/plan"
)

func TestVerificationDocument(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("<!-- Made from verify.Checks() by: go test ./internal/verify -run TestVerificationDocument -update -->\n" + documentHead)
	for _, group := range []struct{ prefix, title string }{
		{"index/", "The index"},
		{"config/", "The config of each platform"},
		{"program/", "What each platform's image starts"},
		{"files/", "Every file of each platform"},
		{"cross/", "The platforms beside each other"},
		{"layer/", "How the layers are stored"},
		{"run/", "The smoke test"},
	} {
		fmt.Fprintf(&b, "\n## %s\n\n| Check | Severity | Found when | Reads | Costs |\n|---|---|---|---|---|\n", group.title)
		for _, c := range Checks() {
			if strings.HasPrefix(c.ID, group.prefix) {
				fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", c.ID, c.Severity, strings.ReplaceAll(c.Meaning, "|", `\|`), c.Reads, c.Cost)
			}
		}
	}
	golden.CheckFile(t, "../../docs/verification.md", b.String())
}

func TestEveryCheckIsWhollyDescribedOnce(t *testing.T) {
	t.Parallel()
	groups := regexp.MustCompile(`^(index|config|program|files|cross|layer|run)/[a-z0-9-]+$`)
	seen := map[string]bool{}
	for _, c := range Checks() {
		if !groups.MatchString(c.ID) || seen[c.ID] {
			t.Errorf("%q is not in a group of the document, or is there twice", c.ID)
		}
		seen[c.ID] = true
		if !strings.HasSuffix(c.Meaning, ".") || c.Reads == "" {
			t.Errorf("%s: the description has gaps: %+v", c.ID, c)
		}
		if !slices.Contains([]Cost{CostNone, CostRequest, CostHeaders, CostWalk, CostRun}, c.Cost) {
			t.Errorf("%s: unknown cost %q", c.ID, c.Cost)
		}
		if !slices.Contains([]plan.Severity{plan.SeverityError, plan.SeverityWarning, plan.SeverityNote}, c.Severity) {
			t.Errorf("%s: unknown severity %q", c.ID, c.Severity)
		}
	}
}

const documentHead = `# What verification finds

A label is never believed. Verification finds the programs that an image would start, as the container runtime, the kernel and a shell
would find them, and reads in their headers which machine, loader, libraries and processor they need. Nothing of the image is run.

A finding says, in this order: the platform, the path and how it was reached, the layer or instruction that the file
came from, what should be there, what is there, why that matters, and what to change. Severities:

- error: no tag moves, and the exit code is 3
- warning: it is shown, and nothing else happens
- note: it is said for those who look

The severity in the tables is the highest that a check is reported with. It is lower where it is not certain that the file is started
at all, such as a word of CMD that happens to name a program, or a command behind a condition in a script.

What a check costs: *nothing* where it reads what is in hand; a *small request* where a manifest or a config is fetched; *headers* where some
small pieces are read of each program that the image starts and of its libraries; *every file* where all files are listed, and both ends read of those that may be programs; *a run* where a container is started.

## Levels

` + "`--verify` says how much is checked: `off` believes every label, `manifest` reads index and configs, `static` also looks at what each\nimage starts, and `full`, the default, also at every file." + `
A file whose name ends as that of a text, a script, a picture or an archive does (.py, .js, .txt, .gz) is not opened for that, unless the image
starts it, nor what lies in /dev, /proc and /sys, over which every container has something else.

No layer is downloaded for that. A build reads the few files that it needs through the builder's API. Where an image has many, this program is
sent to the builder, which runs it with the image's files mounted read-only and without a network, and remembers its answer as it does that
of any step: what was looked at once, and has not changed, costs nothing. The builder has to be of this program's architecture and system,
and the program linked statically, as released ones are; or beside it lies the one for the builder, named as in ` + "`multiarch-action-linux-arm64`" + `.
Elsewhere, as on macOS, all files are read through the API. The log says so then, since that takes about a second for two thousand programs
on each platform; ` + "`--verify static`" + ` is for those who have not that second.

## What you decide

` + "`--ignore CHECK[:platform][:path]`" + ` lets findings not count. CHECK may be a pattern, and in a path * stands for anything within a folder and
** over folders too. A path is compared with each file on the way to what was found. What is ignored is shown, as ignored.

` + "`--severity CHECK=error`, `=warning` or `=note`" + ` changes how bad the findings of a check are.

` + "`--policy FILE`" + ` reads these and more from a file that is kept beside the source; [policy.md](policy.md) describes it.
`
