package report

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

var escapeSequence = regexp.MustCompile(`\x1b\[[0-?]*[ -/]*[@-~]|\x1b`)

// visible is text without what would colour, move or hide something where it is shown.
func visible(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\r\n", "\n")
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\r':
			return '\n'
		case unicode.IsControl(c) && c != '\n' && c != '\t', unicode.Is(unicode.Bidi_Control, c):
			return -1
		}
		return c
	}, escapeSequence.ReplaceAllString(text, ""))
}

// inCell is text on one short line.
func inCell(text string) string { return shortened(text, 40) }

// shortened is text on one line of so many characters at most.
func shortened(text string, longest int) string {
	text = strings.Join(strings.Fields(visible(beginning(text, longestSentence))), " ")
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest-1]) + "…"
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

// How much of one text a page shows, in bytes: of what is quoted as a block, and of a sentence.
const (
	longestText     = 8 << 10
	longestSentence = 2 << 10
)

// clipped is as much of the beginning of a text as a page shows.
func clipped(text string) string { return beginning(text, longestText) }

// sentence is text that others wrote, on one line that may be long, and stands for itself.
func sentence(text string) string { return markdownText(beginning(text, longestSentence)) }

func beginning(text string, longest int) string {
	if len(text) <= longest {
		return text
	}
	end := longest
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return fmt.Sprintf("%s … (%s more in the JSON report)", text[:end], size(int64(len(text)-end)))
}

// lastOf is as much of the end of an output as a page shows, in whole lines if it can be.
func lastOf(lines []string) string {
	text := strings.Join(lines, "\n")
	if len(text) <= longestText {
		return text
	}
	start := len(text) - longestText
	if i := strings.IndexByte(text[start:], '\n'); i >= 0 && i < longestText-1 {
		start += i + 1
	}
	for !utf8.RuneStart(text[start]) {
		start++
	}
	return fmt.Sprintf("… (%s before this in the JSON report)\n%s", size(int64(start)), text[start:])
}

// fence quotes text as a block of Markdown. The fence is longer than any run of backticks in the text, so the text cannot end it.
func fence(text string) string { return fenceAs("text", text) }

// fenceAs is like fence for a text in a language.
func fenceAs(language, text string) string {
	text = visible(text)
	marks := strings.Repeat("`", max(3, longestRun(text)+1))
	return marks + language + "\n" + text + "\n" + marks + "\n\n"
}

// code quotes text inside a line of Markdown.
func code(text string) string {
	text = strings.Join(strings.Fields(visible(beginning(text, longestSentence))), " ")
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

// blockBegin is what would begin a list, a rule or another heading at the beginning of a line.
var blockBegin = regexp.MustCompile(`^([-+=]|[0-9]+[.)])`)

// markdownText makes text that others wrote stand for itself, on one line.
func markdownText(text string) string {
	text = strings.TrimSpace(visible(text))
	if begin := blockBegin.FindString(text); begin != "" {
		last := len(begin) - 1
		return markdownEscapes.Replace(begin[:last]) + `\` + begin[last:] + markdownEscapes.Replace(text[len(begin):])
	}
	return markdownEscapes.Replace(text)
}

// htmlEscapes is what means something between two tags.
var htmlEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// longestTitle is how much of a text stands in a title, in characters.
const longestTitle = 300

// capital is a text of ours as the beginning of a sentence.
func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// inHTML makes text that others wrote stand for itself in HTML, on one line.
func inHTML(text string) string {
	return htmlEscapes.Replace(shortened(text, longestTitle))
}

// unbroken is text of ours that stays on one line of a cell.
func unbroken(text string) string { return strings.ReplaceAll(text, " ", nbsp) }
