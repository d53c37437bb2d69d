package main

import (
	"compress/gzip"
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/moby/moby/client"
)

// installerName is the image with which most people install emulators, under installerTags.
const installerName = "tonistiigi/binfmt"

var installerTags = []string{"latest", "qemu-v10"}

// installerImage is the usual installer of emulators: QEMU 10 beside a program that registers it.
func (l *lab) installerImage() (baseImage, error) {
	program, err := l.programKey("installer")
	if err != nil {
		return baseImage{}, err
	}
	platforms, hosts := platformsOf(isHost)
	image := baseImage{name: installerName, tags: installerTags, platforms: platforms, recipe: "installer 1 " + program + " " + laterQEMUKey(hosts[0])}
	image.make = func(ctx context.Context) (v1.ImageIndex, error) {
		layer, err := l.installerLayer(ctx, image.recipe, hosts[0])
		if err != nil {
			return nil, err
		}
		one, err := layeredImage(platforms[0], v1.Config{
			Env:        []string{searchPath, "QEMU_PRESERVE_ARGV0=1"},
			Entrypoint: []string{"/usr/bin/binfmt"},
			Volumes:    map[string]struct{}{"/tmp": {}}, // the program writes its test programs there
		}, layer)
		return indexOf(one), err
	}
	return image, nil
}

func (l *lab) installerLayer(ctx context.Context, recipe string, host arch) (string, error) {
	program, err := l.program(ctx, "installer")
	if err != nil {
		return "", err
	}
	root, err := l.memos.qemu(ctx)
	if err != nil {
		return "", err
	}
	dir, _, err := l.cached(ctx, cacheKey("installer-layer", "1", recipe), func(_ context.Context, dir string) error {
		foreign := slices.DeleteFunc(slices.Clone(installerEmulators), func(emulator string) bool { return emulator == host.qemu })
		entries := append(installerFiles(root, foreign), dirEntry("tmp", 0o1777), programEntry("usr/bin/binfmt", program))
		return packLayer(filepath.Join(dir, "layer.tar.gz"), gzip.BestSpeed, entries)
	})
	return filepath.Join(dir, "layer.tar.gz"), err
}

// installerDigest gives the installer's image in the lab's first registry, by digest.
func installerDigest(ctx context.Context) (name.Digest, error) {
	tags, err := localTags(baseImage{name: installerName, tags: installerTags[:1]})
	if err != nil {
		return name.Digest{}, err
	}
	head, err := remote.Head(tags[0], remote.WithContext(ctx))
	if err != nil {
		return name.Digest{}, err
	}
	return tags[0].Digest(head.Digest.String()), nil
}

// bringInstaller makes sure that the registry and the engine have the installer of emulators.
func (l *lab) bringInstaller(ctx context.Context, from hub, image baseImage) error {
	if err := l.bringImage(ctx, from, image); err != nil {
		return err
	}
	api, err := l.memos.engine(ctx)
	if err != nil {
		return err
	}
	return l.log.step(ctx, "binfmt image", func(ctx context.Context) (string, error) { return loadInstaller(ctx, api) })
}

// loadInstaller gives the engine the registry's image under its usual names.
func loadInstaller(ctx context.Context, api *client.Client) (string, error) {
	image, err := installerDigest(ctx)
	if err != nil {
		return "", err
	}
	names := make([]string, len(installerTags))
	for i, tag := range installerTags {
		names[i] = installerName + ":" + tag
	}
	if there, err := engineHas(ctx, api, image.String(), names); there || err != nil {
		return fmt.Sprintf("%v are in the engine already", names), err
	}
	pull, err := api.ImagePull(ctx, image.String(), client.ImagePullOptions{})
	if err == nil {
		err = pull.Wait(ctx)
	}
	if err != nil {
		return "", fmt.Errorf("pulling %s: %w", image, err)
	}
	for _, name := range names {
		if _, err := api.ImageTag(ctx, client.ImageTagOptions{Source: image.String(), Target: name}); err != nil {
			return "", fmt.Errorf("naming %s: %w", name, err)
		}
	}
	return fmt.Sprintf("%v pulled into the engine", names), nil
}

// engineHas says whether all names are the image that was pulled by a digest.
func engineHas(ctx context.Context, api *client.Client, digest string, names []string) (bool, error) {
	for _, name := range names {
		found, err := api.ImageInspect(ctx, name)
		if errdefs.IsNotFound(err) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("looking for %s: %w", name, err)
		}
		if !slices.Contains(found.RepoDigests, digest) {
			return false, nil
		}
	}
	return true, nil
}
