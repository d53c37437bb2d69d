package report_test

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"

	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/report"
)

var element = regexp.MustCompile(`</?([a-z0-9]+)[^>]*>`)

// elements are the HTML elements, in their order, that GitHub-flavoured Markdown becomes, HTML in it included.
func elements(t *testing.T, markdown string) []string {
	t.Helper()
	var b bytes.Buffer
	if err := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe())).Convert([]byte(markdown), &b); err != nil {
		t.Fatal(err)
	}
	return element.FindAllString(b.String(), -1)
}

// quoting is a run that quotes a text wherever it quotes others.
func quoting(t *testing.T, text string) *report.Report {
	t.Helper()
	r := without(t)
	r.Error, r.Outcome = text, report.Failed
	for i := range r.Platforms {
		p := &r.Platforms[i]
		p.Node, p.Emulator = text, text
		if p.SmokeTest != nil {
			p.SmokeTest.Command, p.SmokeTest.Output = []string{text}, []string{text, "x", text}
		}
		if f := p.Failure; f != nil {
			f.Error, f.File, f.Excerpt, f.Output = text+"\n"+text, text, []string{text}, []string{text}
			f.Explanation = report.Explanation{Cause: text, Evidence: text + "1", Hint: text}
		}
	}
	r.Nodes = []report.Node{{Name: text, Problem: text, Hint: text}, {Name: "b"}}
	for i, severity := range []plan.Severity{plan.SeverityError, plan.SeverityWarning, plan.SeverityNote} {
		f := plan.Finding{Check: "a/b", Severity: severity, Platform: "linux/amd64", Path: text, Expected: text, Found: text, Why: text, Fix: text, Policy: text}
		r.Findings = append(r.Findings, f)
		f.Platform, f.Found = "linux/arm64", text+"2"
		r.Platforms[i].Findings = []plan.Finding{f}
	}
	r.Warnings = []report.Warning{{File: text, Line: 1, Text: text, Detail: []string{text}, URL: "https://example.org/why"}}
	r.Hints = []report.Hint{{Text: text}}
	r.Compared.Tag, r.Compared.Gone, r.Tags[0].Name, r.Reference = text, []string{text}, text, text
	r.Stages = append(r.Stages, report.Stage{Name: "build/" + text, Start: 2, Seconds: 5})
	return r
}

// harmless are elements that a text may become: a line break for each of its own, a link for what looks like one, and lists of nothing.
var harmless = []string{"<br>", "<br />"}

// structure is what a page is made of, whatever it quotes.
func structure(t *testing.T, r *report.Report) []string {
	t.Helper()
	var b bytes.Buffer
	if err := r.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(elements(t, b.String()), func(e string) bool { return slices.Contains(harmless, e) || strings.HasPrefix(e, "<a ") || e == "</a>" })
}

// FuzzNothingBreaksOut renders pages as GitHub does: what a build printed, or an image says, may be anything, and must not become an
// element, end a cell, a fold or a block, or begin one.
func FuzzNothingBreaksOut(f *testing.F) {
	for _, seed := range []string{
		"plain", "</details><script>alert(1)</script>", "</code></summary>", "``` a fence", "````\n```\n````` x", "| a | b |", "a\\|b\\\\|c`|`", "# heading", "- list", "1. list", "1) list",
		"+ a", "===", "---", "***", "___", "> quote", "    code", "\tcode", "![i](x)", "[l](x)", "[l]: x", "<b>", "&lt;", "&#60;", "<!-- ", "<![CDATA[", "<?x", "*a*", "_a_", "~~a~~", "$a$",
		"a\n\nb", "a\r\rb", "a\x00b", "\u2028a", "\u202eevil", "~~~", "::error::x", "##[error]", "https://example.org/x", "www.example.org", "a@b.example", "- [x] task", "\\", "`", "``", "a`", "[^1]", "x  \ny",
		"\x1b[31mred\x1b[0m", "<details>", "|---|", ":tada:", "@someone", "é\xff", "\n", " ", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.TrimSpace(visibleText(text))
		if text == "" || len(text) > 200 {
			return
		}
		plain := strings.Map(func(c rune) rune { // the same lines and words
			if unicode.IsSpace(c) {
				return c
			}
			return 'x'
		}, text)
		want, got := structure(t, quoting(t, plain)), structure(t, quoting(t, text))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("with %q the page is made of something else (-plain +got):\n%s", text, diff)
		}
	})
}

// visibleText is a text without what the report takes out.
func visibleText(text string) string {
	return regexp.MustCompile(`\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x1f\x7f-\x9f]`).ReplaceAllString(text, "")
}
