package main

import (
	"compress/gzip"
	"context"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/v1"
)

// scannerName is the image that BuildKit scans images with where it is told no other (frontend/attestations/parse.go of moby/buildkit).
const scannerName = "docker/buildkit-syft-scanner"

var scannerTags = []string{"stable-1"}

// scannerImage is made of lab/scanner.
func (l *lab) scannerImage() (baseImage, error) {
	program, err := l.programKey("scanner")
	if err != nil {
		return baseImage{}, err
	}
	platforms, _ := platformsOf(isHost)
	image := baseImage{name: scannerName, tags: scannerTags, platforms: platforms, recipe: "scanner 1 " + program}
	image.make = func(ctx context.Context) (v1.ImageIndex, error) {
		program, err := l.program(ctx, "scanner")
		if err != nil {
			return nil, err
		}
		dir, _, err := l.cached(ctx, cacheKey("scanner-layer", "1", image.recipe), func(_ context.Context, dir string) error {
			return packLayer(filepath.Join(dir, "layer.tar.gz"), gzip.BestSpeed, []entry{dirEntry("bin", 0o755), programEntry("bin/scanner", program)})
		})
		if err != nil {
			return nil, err
		}
		one, err := layeredImage(platforms[0], v1.Config{Env: []string{searchPath}, Entrypoint: []string{"/bin/scanner"}}, filepath.Join(dir, "layer.tar.gz"))
		return indexOf(one), err
	}
	return image, nil
}
