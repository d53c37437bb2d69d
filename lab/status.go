package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// status says what runs where, one line each. It changes nothing and needs no lock, and what isn't there is not an
// error but the answer.
func (l *lab) status(ctx context.Context) error {
	lines := []struct{ name, what string }{
		{"engine", l.engineStatus(ctx)},
		{"buildkit image", l.buildkitStatus(ctx)},
		{"binfmt_misc", binfmtStatus()},
		{"qemu", l.qemuStatus()},
		{plainRegistry.name, l.registryStatus(ctx, plainRegistry)},
		{secureRegistry.name, l.registryStatus(ctx, secureRegistry)},
		{"base images", l.imagesStatus(ctx)},
		{"tools", l.toolsStatus()},
	}
	for _, line := range lines {
		if _, err := fmt.Fprintf(l.stdout, "%-15s %s\n", line.name, line.what); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) engineStatus(ctx context.Context) string {
	api, err := engineClient()
	if err != nil {
		return err.Error()
	}
	version, err := answers(ctx, api)
	if err != nil {
		return fmt.Sprintf("doesn't answer at %s: %v", api.DaemonHost(), err)
	}
	who := "not started by this lab"
	if r, ours := l.recorded(dockerd); ours {
		who = fmt.Sprintf("process %d, started by this lab, log %s", r.PID, l.state("run", dockerd+".log"))
	}
	return fmt.Sprintf("Docker Engine %s at %s (%s)", version, api.DaemonHost(), who)
}

func (l *lab) buildkitStatus(ctx context.Context) string {
	api, err := engineClient()
	if err != nil {
		return err.Error()
	}
	recipe, found, err := findImage(ctx, api, buildkitImage)
	switch {
	case err != nil:
		return "unknown: the engine doesn't answer"
	case !found:
		return buildkitImage + " is not in the engine"
	case recipe != "":
		return buildkitImage + ", made by the lab as " + recipe
	}
	return buildkitImage + ", pulled"
}

func binfmtStatus() string {
	if !binfmtMounted() {
		return "not mounted"
	}
	files, err := os.ReadDir(binfmtDir)
	if err != nil {
		return err.Error()
	}
	var handlers []string
	for _, file := range files {
		if name := file.Name(); name != "register" && name != "status" {
			handlers = append(handlers, name)
		}
	}
	return fmt.Sprintf("mounted at %s, %d handlers%s", binfmtDir, len(handlers), told(": ", handlers))
}

func (l *lab) qemuStatus() string {
	host, err := hostArch()
	if err != nil {
		return err.Error()
	}
	dir := l.debs(host).qemuDir(host)
	found, err := filepath.Glob(filepath.Join(dir, "qemu-*-static"))
	if err != nil || len(found) == 0 {
		return "not downloaded"
	}
	return fmt.Sprintf("%d emulators in %s", len(found), dir)
}

func (l *lab) registryStatus(ctx context.Context, r registry) string {
	record, runs := l.recorded(r.name)
	if !runs {
		return r.address() + " was not started by this lab"
	}
	said := "doesn't answer"
	client, err := l.registryClient(r)
	if err == nil && registryAnswers(ctx, client, r) {
		said = "answers"
	}
	return fmt.Sprintf("%s %s (process %d, storage %s)", r.address(), said, record.PID, l.state("registry", r.name))
}

func (l *lab) imagesStatus(ctx context.Context) string {
	client, err := l.registryClient(plainRegistry)
	if err != nil || !registryAnswers(ctx, client, plainRegistry) {
		return "unknown: the registry doesn't answer"
	}
	var there []string
	for _, image := range []baseImage{l.busyboxImage(), l.debianSlim(), l.golangImage(), {name: "docker/dockerfile", tags: frontendTags}, {name: installerName, tags: installerTags}, {name: scannerName, tags: scannerTags}} {
		tags, err := localTags(image)
		if err != nil {
			return err.Error()
		}
		for _, tag := range tags {
			index, err := remote.Index(tag, remote.WithContext(ctx))
			if err != nil {
				continue // it isn't there, or there is no registry, which the line above says
			}
			if manifest, err := index.IndexManifest(); err == nil {
				there = append(there, fmt.Sprintf("%s (%d platforms)", strings.TrimPrefix(tag.String(), plainRegistry.address()+"/"), len(manifest.Manifests)))
			}
		}
	}
	if len(there) == 0 {
		return "none"
	}
	return strings.Join(there, ", ")
}

func (l *lab) toolsStatus() string {
	var there []string
	for _, t := range tools {
		if key, version, err := l.toolKey(t); err == nil && isFile(l.state("cache", key, t.name)) {
			there = append(there, t.name+" "+version)
		}
	}
	if len(there) == 0 {
		return "none built"
	}
	return strings.Join(there, ", ")
}
