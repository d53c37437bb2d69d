package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxMarkdown is how long the Markdown of a step may be, in bytes. GitHub drops a step's whole summary if it is longer than 1 MiB.
const maxMarkdown = 900 << 10

// page is Markdown made of parts, of which the less important are left out where it would be too long: whole ones, so that what is shown
// stays readable.
type page struct{ parts []part }

// part is what is shown or left out as a whole.
type part struct {
	rank int    // how important it is, the most important first
	noun string // what it is called where it is left out
	text string
}

// The ranks of parts. What ranks as head is always there.
const (
	head = iota
	table
	failure
	finding
	result
	remark
)

func (p *page) add(rank int, noun, text string) {
	if text != "" {
		p.parts = append(p.parts, part{rank, noun, text})
	}
}

// write writes what fits into as many bytes, in the order in which it was added, and below the first part what is left out.
func (p *page) write(w io.Writer, room int) error {
	const note = 512 // bytes, for what is said of parts that are left out
	order := make([]int, len(p.parts))
	total := 0
	for i := range p.parts {
		order[i] = i
		total += len(p.parts[i].text)
	}
	if total > room {
		room -= note
	}
	slices.SortStableFunc(order, func(a, b int) int { return p.parts[a].rank - p.parts[b].rank })
	texts := make([]string, len(p.parts))
	var left []string
	for _, i := range order {
		if text := p.parts[i].text; p.parts[i].rank == head || len(text) <= room {
			texts[i] = text
			room -= len(text)
		} else {
			left = append(left, p.parts[i].noun)
		}
	}
	if len(left) > 0 {
		texts = slices.Insert(texts, 1, leftOut(left))
	}
	_, err := io.WriteString(w, strings.Join(texts, ""))
	return err
}

// leftOut says what is not there, and where it is.
func leftOut(nouns []string) string {
	count := map[string]int{}
	var kinds []string
	for _, noun := range nouns {
		if count[noun]++; count[noun] == 1 {
			kinds = append(kinds, noun)
		}
	}
	for i, noun := range kinds {
		kinds[i] = plural(count[noun], noun)
	}
	return fmt.Sprintf("✂️ *Left out, because the summary would be too long: %s. The JSON report holds everything.*\n\n", strings.Join(kinds, ", "))
}
