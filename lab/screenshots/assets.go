package main

import (
	"context"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
)

// style is what GitHub's pages look like: two style sheets, and the file of the program that draws charts.
type style struct{ light, dark, mermaid string }

// npmPackage is a package of npm, with the checksum of its archive as a package-lock.json would hold it.
type npmPackage struct{ name, version, integrity string }

var (
	markdownStyle = npmPackage{"github-markdown-css", "5.9.0", "sha512-tmT5sY+zvg2302XLYEfH2mtkViIM1SWf2nvYoF5N1ZsO0V6B2qZTiw3GOzw4vpjLygK/KG35qRlPFweHqfzz5w=="}
	mermaid       = npmPackage{"mermaid", "12.3.0", "sha512-4113TdXeLAsMruJ79OpFL5O8+LTFXhQqZ260rF3tgUmiNAtRm4Uume04I+65PRN6yZ69J4f8rVYWW8zRk65UYw=="}
)

// assets returns the style, from .lab or else from npm.
func assets(ctx context.Context) (out style, err error) {
	styles, err := markdownStyle.unpacked(ctx)
	if err != nil {
		return style{}, err
	}
	for file, to := range map[string]*string{"github-markdown-light.css": &out.light, "github-markdown-dark.css": &out.dark} {
		text, err := os.ReadFile(filepath.Join(styles, file))
		if err != nil {
			return style{}, err
		}
		*to = string(text)
	}
	charts, err := mermaid.unpacked(ctx)
	if err != nil {
		return style{}, err
	}
	out.mermaid, err = filepath.Abs(filepath.Join(charts, "dist", "mermaid.min.js"))
	return out, err
}

// unpacked returns the folder with the package's files. What it depends on is not there: the files that are used need nothing.
func (p npmPackage) unpacked(ctx context.Context) (string, error) {
	name := p.name + "-" + p.version
	folder := filepath.Join(".lab", "cache", "npm-"+name)
	if _, err := os.Stat(folder); err == nil {
		return filepath.Join(folder, "package"), nil
	}
	if err := os.MkdirAll(filepath.Join(".lab", "cache"), 0o755); err != nil {
		return "", err
	}
	unfinished, err := os.MkdirTemp(filepath.Join(".lab", "cache"), "unfinished-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(unfinished) }()
	if err := command(ctx, "npm", "pack", "--silent", "--pack-destination", unfinished, p.name+"@"+p.version); err != nil {
		return "", fmt.Errorf("package %s: fetching: %w", name, err)
	}
	archive := filepath.Join(unfinished, name+".tgz")
	raw, err := os.ReadFile(archive)
	if err != nil {
		return "", fmt.Errorf("package %s: reading: %w", name, err)
	}
	sum := sha512.Sum512(raw)
	if got := "sha512-" + base64.StdEncoding.EncodeToString(sum[:]); got != p.integrity {
		return "", fmt.Errorf("package %s: its checksum is %s, want %s", name, got, p.integrity)
	}
	if err := command(ctx, "tar", "-xzf", archive, "-C", unfinished); err != nil {
		return "", fmt.Errorf("package %s: unpacking: %w", name, err)
	}
	if err := os.Remove(archive); err != nil {
		return "", err
	}
	return filepath.Join(folder, "package"), os.Rename(unfinished, folder)
}
