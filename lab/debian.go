package main

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// debianArches are the architectures of the Debian base image, as Debian calls them.
var debianArches = []string{"amd64", "arm64", "armhf"}

// debianRecipe changes when what is made of debootstrap's tree changes.
const debianRecipe = "debian 1 " + suite + " minbase"

// debianLayer gives the layer of a Debian root for one architecture: made by debootstrap, and configured, under QEMU
// where it is foreign.
func (l *lab) debianLayer(ctx context.Context, a arch) (string, error) {
	dir, _, err := l.cached(ctx, cacheKey("debian-"+a.debian, suite, debianRecipe), func(ctx context.Context, dir string) error {
		if os.Geteuid() != 0 {
			return withHint(errors.New("debian: making a base image with debootstrap: only root can change the root folder and make devices"),
				"run: sudo go run ./lab up; or give LAB_HUB=host:port, a registry that has library/debian")
		}
		if err := l.ensurePackages(ctx, "for the Debian base image", debianMaker...); err != nil {
			return err
		}
		return l.log.step(ctx, "debian", func(ctx context.Context) (string, error) {
			return a.debian + " made by debootstrap", l.makeDebian(ctx, dir, a)
		})
	})
	return filepath.Join(dir, "layer.tar.gz"), err
}

// makeDebian makes the tree in two stages for every architecture, so that there is one way and not two.
func (l *lab) makeDebian(ctx context.Context, dir string, a arch) error {
	root := filepath.Join(dir, "root")
	mirror, err := l.debianMirror(ctx)
	if err != nil {
		return err
	}
	keyring, err := l.hostFile(ctx, "debian-archive-keyring", "/usr/share/keyrings/debian-archive-keyring.gpg")
	if err != nil {
		return err
	}
	first := child(ctx, "debootstrap", "--foreign", "--arch="+a.debian, "--variant=minbase", "--keyring="+keyring, a.suite, root, mirror)
	if err := quiet(first); err != nil {
		return fmt.Errorf("unpacking Debian for %s: %w", a.debian, err)
	}
	if err := l.configureDebian(ctx, root, a); err != nil {
		return fmt.Errorf("configuring Debian for %s: %w", a.debian, err)
	}
	if err := slimDebian(root); err != nil {
		return fmt.Errorf("slimming Debian for %s: %w", a.debian, err)
	}
	entries, err := walkTree(root, "", leftOutOfDebian)
	if err != nil {
		return err
	}
	if err := packLayer(filepath.Join(dir, "layer.tar.gz"), gzip.DefaultCompression, entries); err != nil {
		return err
	}
	return os.RemoveAll(root)
}

// configureDebian runs the packages' own scripts, in a mount namespace of its own: what they mount goes when they go.
func (l *lab) configureDebian(ctx context.Context, root string, a arch) (err error) {
	// dpkg would write every file through to the disk, although a crash means starting over anyway.
	hurry := filepath.Join(root, "etc/dpkg/dpkg.cfg.d/lab")
	if err := os.WriteFile(hurry, []byte("force-unsafe-io\n"), 0o644); err != nil {
		return err
	}
	host, err := hostArch()
	if err != nil {
		return err
	}
	if a != host {
		unregister, err := l.registerFor(ctx, host, a)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, unregister()) }()
	}
	second := child(ctx, "chroot", root, "/debootstrap/debootstrap", "--second-stage")
	second.SysProcAttr.Unshareflags = syscall.CLONE_NEWNS
	second.Env = []string{searchPath, "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", "DEBCONF_NONINTERACTIVE_SEEN=true"}
	if err := quiet(second); err != nil {
		return withLog(err, filepath.Join(root, "debootstrap/debootstrap.log"))
	}
	return os.Remove(hurry)
}

// withLog adds the end of a log to an error whose own words only point there.
func withLog(err error, path string) error {
	text, readErr := os.ReadFile(path)
	if readErr != nil {
		return err
	}
	return fmt.Errorf("%w; the end of its log:\n%s", err, indent(lastLines(string(text), 8)))
}

// slimDebian empties what is different on every machine or of no use in a container.
func slimDebian(root string) error {
	for _, pattern := range []string{
		"var/cache/apt/*.bin", "var/cache/apt/archives/*", "var/cache/debconf/*-old", "var/cache/ldconfig/aux-cache", "var/lib/apt/lists/*",
		"var/log/*", "usr/share/man/*", "usr/share/info/*", "usr/share/locale/*", "etc/resolv.conf", "etc/hostname", "etc/machine-id",
	} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return err
		}
		for _, path := range paths {
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	return slimDocs(filepath.Join(root, "usr/share/doc"))
}

// slimDocs leaves only the copyright notices, which have to go along.
func slimDocs(dir string) error {
	docs, err := os.OpenRoot(dir) // a link in there must not lead out, to this machine's own files
	if err != nil {
		return err
	}
	defer func() { _ = docs.Close() }() // only gives back the descriptor
	return fs.WalkDir(docs.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "copyright" {
			return err
		}
		return docs.Remove(path)
	})
}

// leftOutOfDebian leaves out what a container gets from its engine. The folders themselves stay.
func leftOutOfDebian(name string) bool {
	top, _, below := strings.Cut(name, "/")
	return below && slices.Contains([]string{"dev", "proc", "sys", "run"}, top)
}
