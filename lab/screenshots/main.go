// Command screenshots renders summaries of real runs as GitHub shows them, and writes the pictures that the documents use. Start with
// `make screenshots`. The runs are the JSON reports in lab/screenshots/runs, as --report wrote them; the browser is Chromium of Debian.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/org/multiarch-action/internal/report"
)

// picture is one file below docs/images.
type picture struct {
	run  string // the report, below lab/screenshots/runs
	dark bool
}

var pictures = []picture{{run: "published-2"}, {run: "published-16"}, {run: "published-16", dark: true}, {run: "failed-8"}, {run: "rejected-8"}}

func (p picture) name() string {
	if p.dark {
		return p.run + "-dark"
	}
	return p.run
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "screenshots: error:", err)
		os.Exit(1)
	}
}

// run makes all pictures, from the root of the repository.
func run(ctx context.Context, log io.Writer) error {
	programs := []string{"chromium", "pngquant"}
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%w; run: apt-get install chromium pngquant fonts-noto-color-emoji fonts-noto-core fonts-liberation", err)
		}
	}
	style, err := assets(ctx)
	if err != nil {
		return err
	}
	for _, p := range pictures {
		size, err := p.make(ctx, style)
		if err != nil {
			return fmt.Errorf("picture %s: %w", p.name(), err)
		}
		fmt.Fprintf(log, "screenshots: docs/images/%s.png, %d kB\n", p.name(), size/1000)
	}
	return nil
}

// make renders a picture and returns its size in bytes.
func (p picture) make(ctx context.Context, style style) (int64, error) {
	raw, err := os.ReadFile(filepath.Join("lab", "screenshots", "runs", p.run+".json"))
	if err != nil {
		return 0, err
	}
	var r report.Report
	if err := json.Unmarshal(raw, &r); err != nil {
		return 0, err
	}
	var markdown bytes.Buffer
	if err := r.Markdown(&markdown); err != nil {
		return 0, err
	}
	html, err := page(markdown.Bytes(), style, p.dark)
	if err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "screenshots-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	source, shot := filepath.Join(dir, "page.html"), filepath.Join(dir, "page.png")
	if err := os.WriteFile(source, html, 0o600); err != nil {
		return 0, err
	}
	if err := photograph(ctx, source, shot); err != nil {
		return 0, err
	}
	out := filepath.Join("docs", "images", p.name()+".png")
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return 0, err
	}
	// 128 colours are enough for text, and a third of the bytes.
	if err := command(ctx, "pngquant", "--force", "--strip", "--speed", "1", "--output", out, "128", shot); err != nil {
		return 0, err
	}
	info, err := os.Stat(out)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// command runs a program whose output matters only if it fails.
func command(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return errors.Join(fmt.Errorf("%s: %w", name, err), errors.New(string(bytes.TrimSpace(out))))
	}
	return nil
}
