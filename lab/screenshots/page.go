package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"os/exec"
	"regexp"
	"strconv"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// width of a picture in CSS pixels: about what a job's summary has on GitHub.
const width = 1000

// page is Markdown as GitHub shows it: GitHub-flavoured, with the HTML that is in it, in GitHub's style, charts drawn.
func page(markdown []byte, s style, dark bool) ([]byte, error) {
	var body, out bytes.Buffer
	converter := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe()))
	if err := converter.Convert(markdown, &body); err != nil {
		return nil, err
	}
	css, theme := s.light, "default"
	if dark {
		css, theme = s.dark, "dark"
	}
	err := pageTemplate.Execute(&out, map[string]any{
		"Style": template.CSS(css), "Theme": theme, "Mermaid": template.URL("file://" + s.mermaid), "Body": template.HTML(body.String()), "Dark": dark,
	})
	return out.Bytes(), err
}

var heightAttribute = regexp.MustCompile(`data-height="(\d+)"`)

// photograph writes the whole page as a picture: first it asks the browser how high the page is.
func photograph(ctx context.Context, source, shot string) error {
	browser := func(args ...string) *exec.Cmd {
		args = append([]string{
			"--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=1", "--disable-dev-shm-usage",
			"--virtual-time-budget=20000",
		}, args...)
		return exec.CommandContext(ctx, "chromium", append(args, "file://"+source)...)
	}
	dom, err := browser(fmt.Sprintf("--window-size=%d,800", width), "--dump-dom").Output()
	if err != nil {
		return fmt.Errorf("chromium: laying out the page: %w", err)
	}
	match := heightAttribute.FindSubmatch(dom)
	if match == nil {
		return fmt.Errorf("chromium: the page does not say that its charts are drawn")
	}
	height, err := strconv.Atoi(string(match[1]))
	if err != nil {
		return err
	}
	args := []string{fmt.Sprintf("--window-size=%d,%d", width, height), "--screenshot=" + shot}
	if out, err := browser(args...).CombinedOutput(); err != nil {
		return fmt.Errorf("chromium: taking the picture: %w: %s", err, out)
	}
	return nil
}
