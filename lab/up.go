package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"
)

// memos are the things that several steps need. Each is made at most once per run, by whoever asks first.
type memos struct {
	hub    func(context.Context) (hub, error)
	engine func(context.Context) (*client.Client, error)
	debs   func(context.Context) (debs, error)
	binfmt func(context.Context) error
	// buildkit is there when the engine has the image; who has no root mounts binfmt_misc with it.
	buildkit func(context.Context) error
	tools    map[string]func(context.Context) (string, error)
	golang   func(context.Context) (string, error)            // layer file
	qemu     func(context.Context) (string, error)            // folder of the later emulators
	debian   map[string]func(context.Context) (string, error) // layer file by Debian's name of the architecture
}

func newMemos(l *lab) memos {
	m := memos{
		hub:    once(l.findHub),
		engine: once(l.bringEngine),
		debs:   once(l.fetchDebs),
		tools:  map[string]func(context.Context) (string, error){},
		debian: map[string]func(context.Context) (string, error){},
	}
	m.golang = once(l.golangLayer)
	m.qemu = once(l.fetchLaterQEMU)
	m.buildkit = onlyOnce(l.bringBuildkit)
	m.binfmt = onlyOnce(l.bringBinfmt)
	for _, t := range tools {
		m.tools[t.name] = once(func(ctx context.Context) (string, error) { return l.buildTool(ctx, t) })
	}
	for _, a := range arches {
		if slices.Contains(debianArches, a.debian) {
			m.debian[a.debian] = once(func(ctx context.Context) (string, error) { return l.debianLayer(ctx, a) })
		}
	}
	return m
}

// up brings everything up. What depends on nothing starts at once; what depends on something asks for it.
func (l *lab) up(ctx context.Context) error {
	start := time.Now()
	unlock, err := l.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if err := l.sweep(); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return l.memos.buildkit(ctx) })
	group.Go(func() error { return l.memos.binfmt(ctx) })
	group.Go(func() error { return l.bringImages(ctx) })
	if err := group.Wait(); err != nil {
		return err
	}
	l.log.printf("lab: up (%.1fs)", time.Since(start).Seconds())
	return nil
}

// sweep clears away what a killed lab left.
func (l *lab) sweep() error {
	if err := l.sweepCache(); err != nil {
		return err
	}
	removed, err := sweepHandlers()
	if err != nil {
		return err
	}
	if len(removed) > 0 {
		l.log.printf("lab: removed handlers that an interrupted lab left: %v", removed)
	}
	return nil
}

// bringImages starts the registries and fills the first one.
func (l *lab) bringImages(ctx context.Context) error {
	frontend, err := l.frontendImage()
	if err != nil {
		return fmt.Errorf("images: %w", err)
	}
	installer, err := l.installerImage()
	if err != nil {
		return fmt.Errorf("images: %w", err)
	}
	scanner, err := l.scannerImage()
	if err != nil {
		return fmt.Errorf("images: %w", err)
	}
	from, err := l.memos.hub(ctx)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	registries := onlyOnce(l.bringRegistries)
	images := []baseImage{l.busyboxImage(), frontend, l.debianSlim(), l.golangImage(), scanner}
	if from.host == "" { // what the slow ones are made of needs no registry
		group.Go(func() error { _, err := l.tool(ctx, "dockerfile-frontend"); return err })
		group.Go(func() error { _, err := l.memos.golang(ctx); return err })
		group.Go(func() error { _, err := l.memos.qemu(ctx); return err })
		for _, layer := range l.memos.debian {
			group.Go(func() error { _, err := layer(ctx); return err })
		}
	}
	for _, image := range images {
		group.Go(func() error {
			if err := registries(ctx); err != nil {
				return err
			}
			return l.bringImage(ctx, from, image)
		})
	}
	group.Go(func() error {
		if err := registries(ctx); err != nil {
			return err
		}
		return l.bringInstaller(ctx, from, installer)
	})
	return group.Wait()
}
