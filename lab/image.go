package main

import (
	"compress/gzip"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

const searchPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// baseTree is what every image with a shell needs.
func baseTree() []entry {
	return []entry{
		dirEntry("bin", 0o755), dirEntry("etc", 0o755), dirEntry("root", 0o700), dirEntry("tmp", 0o1777),
		textEntry("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"),
		textEntry("etc/group", "root:x:0:\nnobody:x:65534:\n"),
	}
}

// certificateEntries gives the certificate authorities that this machine trusts, where it has any in Debian's place.
func certificateEntries() []entry {
	const bundle = "/etc/ssl/certs/ca-certificates.crt"
	if !isFile(bundle) {
		return nil
	}
	file := programEntry(strings.TrimPrefix(bundle, "/"), bundle)
	file.mode = 0o644
	return []entry{dirEntry("etc/ssl", 0o755), dirEntry("etc/ssl/certs", 0o755), file}
}

// platformsOf gives the platforms that pick lets through, in the order of the table.
func platformsOf(pick func(arch) bool) (platforms []string, picked []arch) {
	for _, a := range arches {
		if pick(a) {
			platforms, picked = append(platforms, a.platform), append(picked, a)
		}
	}
	return platforms, picked
}

// busyboxImage is Debian's static busybox for every architecture.
func (l *lab) busyboxImage() baseImage {
	platforms, _ := platformsOf(func(arch) bool { return true })
	image := baseImage{name: "library/busybox", tags: []string{"latest"}, platforms: platforms, recipe: "busybox 1 " + suite + " " + laterSuite}
	image.make = func(ctx context.Context) (v1.ImageIndex, error) {
		packages, err := l.memos.debs(ctx)
		if err != nil {
			return nil, err
		}
		dir, _, err := l.cached(ctx, cacheKey("busybox", suite, image.recipe), func(ctx context.Context, dir string) error {
			return packBusybox(ctx, packages, dir)
		})
		if err != nil {
			return nil, err
		}
		var images []mutate.IndexAddendum
		for _, a := range arches {
			config := v1.Config{Env: []string{searchPath}, Cmd: []string{"sh"}}
			one, err := layeredImage(a.platform, config, filepath.Join(dir, a.debian+".tar.gz"))
			if err != nil {
				return nil, err
			}
			images = append(images, one)
		}
		return indexOf(images...), nil
	}
	return image
}

// packBusybox makes one layer per architecture. Which applets there are is asked of the one that runs here; Debian
// builds all of them alike.
func packBusybox(ctx context.Context, packages debs, dir string) error {
	host, err := hostArch()
	if err != nil {
		return err
	}
	path := func(a arch) string { return filepath.Join(packages.root("busybox-static", a.debian), "bin", "busybox") }
	list, err := output(child(ctx, path(host), "--list"))
	if err != nil {
		return fmt.Errorf("asking busybox for its applets: %w", err)
	}
	shared := baseTree()
	for _, applet := range strings.Fields(list) {
		if applet != "busybox" {
			shared = append(shared, linkEntry("bin/"+applet, "busybox"))
		}
	}
	for _, a := range arches {
		binary := path(a)
		if !isFile(binary) { // trixie has one /usr/bin
			binary = filepath.Join(packages.root("busybox-static", a.debian), "usr", "bin", "busybox")
		}
		entries := append(slices.Clone(shared), programEntry("bin/busybox", binary))
		if err := packLayer(filepath.Join(dir, a.debian+".tar.gz"), gzip.DefaultCompression, entries); err != nil {
			return err
		}
	}
	return nil
}

// frontendImage answers the line "# syntax=docker/dockerfile:1", with which most real Dockerfiles begin.
func (l *lab) frontendImage() (baseImage, error) {
	key, _, err := l.toolKey(findTool("dockerfile-frontend"))
	if err != nil {
		return baseImage{}, err
	}
	platforms, _ := platformsOf(isHost)
	image := baseImage{name: "docker/dockerfile", tags: frontendTags, platforms: platforms, recipe: "frontend 1 " + key}
	image.make = func(ctx context.Context) (v1.ImageIndex, error) {
		program, err := l.tool(ctx, "dockerfile-frontend")
		if err != nil {
			return nil, err
		}
		dir, _, err := l.cached(ctx, cacheKey("frontend-layer", "1", image.recipe), func(_ context.Context, dir string) error {
			entries := []entry{dirEntry("bin", 0o755), programEntry("bin/dockerfile-frontend", program)}
			return packLayer(filepath.Join(dir, "layer.tar.gz"), gzip.BestSpeed, entries)
		})
		if err != nil {
			return nil, err
		}
		one, err := layeredImage(platforms[0], v1.Config{
			Env:        []string{searchPath},
			Entrypoint: []string{"/bin/dockerfile-frontend"},
			Labels:     frontendLabels,
		}, filepath.Join(dir, "layer.tar.gz"))
		return indexOf(one), err
	}
	return image, nil
}

// frontendTags are the two that Dockerfiles name.
var frontendTags = []string{"1", "latest"}

// frontendLabels tell BuildKit what the frontend can do, as upstream's image does.
var frontendLabels = map[string]string{
	"moby.buildkit.frontend.network.none": "true",
	"moby.buildkit.frontend.caps": "moby.buildkit.frontend.inputs,moby.buildkit.frontend.subrequests,moby.buildkit.frontend.contexts," +
		"moby.buildkit.frontend.gitquerystring,moby.buildkit.frontend.contexts.zstd",
}

// isHost picks the architecture that needs no emulator here.
func isHost(a arch) bool {
	host, err := hostArch()
	return err == nil && a == host
}

// debianSlim is a real Debian root for the architectures that the examples use.
func (l *lab) debianSlim() baseImage {
	platforms, picked := platformsOf(func(a arch) bool { return l.memos.debian[a.debian] != nil })
	image := baseImage{name: "library/debian", tags: []string{suite + "-slim"}, platforms: platforms, recipe: debianRecipe}
	image.make = func(ctx context.Context) (v1.ImageIndex, error) {
		var images []mutate.IndexAddendum
		for _, a := range picked {
			layer, err := l.memos.debian[a.debian](ctx)
			if err != nil {
				return nil, err
			}
			one, err := layeredImage(a.platform, v1.Config{Env: []string{searchPath}, Cmd: []string{"bash"}}, layer)
			if err != nil {
				return nil, err
			}
			images = append(images, one)
		}
		return indexOf(images...), nil
	}
	return image
}
