package report

import (
	"regexp"
	"strings"
	"unicode"
)

var escapeSequence = regexp.MustCompile(`\x1b\[[0-?]*[ -/]*[@-~]|\x1b`)

// visible is text without what would colour, move or hide something where it is shown.
func visible(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\r\n", "\n")
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\r':
			return '\n'
		case unicode.IsControl(c) && c != '\n' && c != '\t':
			return -1
		}
		return c
	}, escapeSequence.ReplaceAllString(text, ""))
}

// inCell is text on one short line.
func inCell(text string) string {
	text = strings.Join(strings.Fields(visible(text)), " ")
	if runes := []rune(text); len(runes) > 40 {
		text = string(runes[:39]) + "…"
	}
	return text
}

// firstLine splits a text into its first line and the lines that follow.
func firstLine(text string) (first string, rest []string) {
	first, after, _ := strings.Cut(strings.TrimSpace(visible(text)), "\n")
	if after != "" {
		rest = strings.Split(after, "\n")
	}
	return first, rest
}

// fence quotes text as a block of Markdown. The fence is longer than any run of backticks in the text, so the text cannot end it.
func fence(text string) string {
	text = visible(text)
	marks := strings.Repeat("`", max(3, longestRun(text)+1))
	return marks + "text\n" + text + "\n" + marks + "\n\n"
}

// code quotes text inside a line of Markdown.
func code(text string) string {
	text = strings.Join(strings.Fields(visible(text)), " ")
	if text == "" {
		return ""
	}
	marks := strings.Repeat("`", longestRun(text)+1)
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") {
		text = " " + text + " "
	}
	return marks + text + marks
}

// cell quotes text inside a table of Markdown, where a bar ends a cell even inside code.
func cell(text string) string {
	return strings.ReplaceAll(code(text), "|", `\|`)
}

func longestRun(text string) int {
	longest, run := 0, 0
	for _, c := range text {
		if c != '`' {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

var markdownEscapes = strings.NewReplacer(
	"&", "&amp;", "<", "&lt;", ">", "&gt;", `\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "|", `\|`, "~", `\~`, "$", `\$`, "#", `\#`, "\n", "<br>",
)

// markdownText makes text that others wrote stand for itself.
func markdownText(text string) string { return markdownEscapes.Replace(visible(text)) }
