package cli

import (
	"regexp"
	"strconv"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/layers"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/source"
)

// layerOf describes a layer of an image by its index.
func layerOf(image *source.Image, index int) plan.Layer {
	if index < 0 || index >= len(image.Layers) {
		return plan.Layer{}
	}
	l := plan.Layer{Number: index + 1, Of: len(image.Layers), Digest: string(image.Layers[index].Digest)}
	var made []ocispec.History
	for _, h := range image.Config.History {
		if !h.EmptyLayer {
			made = append(made, h)
		}
	}
	if len(made) == len(image.Layers) {
		l.Made = instruction(made[index].CreatedBy)
	}
	return l
}

// buildArgs are what BuildKit writes in front of a command that knows build arguments: |1 VERSION=1.4 /bin/sh -c make.
var buildArgs = regexp.MustCompile(`^RUN \|\d+ .*?(/bin/(?:ba|a)?sh -\w*c )`)

// instruction is what an image's history says of a layer in the words of a Dockerfile, shortened, and without the values of build
// arguments.
func instruction(createdBy string) string {
	const longest = 100
	text := strings.Join(strings.Fields(strings.TrimSuffix(createdBy, "# buildkit")), " ")
	if nop := strings.Index(text, "#(nop) "); nop >= 0 { // the builder of Docker before BuildKit
		text = strings.TrimSpace(text[nop+len("#(nop) "):])
	}
	text = buildArgs.ReplaceAllString(text, "RUN $1")
	if strings.HasPrefix(text, "RUN |") {
		text = "RUN"
	}
	text = strings.Replace(text, "RUN /bin/sh -c ", "RUN ", 1)
	if cut := []rune(text); len(cut) > longest {
		text = string(cut[:longest]) + "…"
	}
	return text
}

// locate says of findings about files which layer the last file on the way came from. What is missing has no layer; what asked for it has.
func locate(findings []plan.Finding, image *source.Image, files *layers.Files) {
	for i := range findings {
		f := &findings[i]
		if f.Layer != (plan.Layer{}) {
			continue
		}
		way := strings.Split(f.Path, " → ")
		for last := len(way) - 1; last >= 0; last-- {
			name := way[last]
			if unquoted, err := strconv.Unquote(name); err == nil {
				name = unquoted
			}
			if index, ok := files.LayerOf(name); ok && strings.HasPrefix(name, "/") {
				f.Layer = layerOf(image, index)
				break
			}
		}
	}
}
