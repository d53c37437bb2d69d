package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// installerEmulators are QEMU's names of the emulators in the image that is made here. The host's own is left out, as in the original.
var installerEmulators = []string{
	"aarch64", "arm", "i386", "loongarch64", "mips64", "mips64el", "ppc64le", "riscv64", "s390x", "x86_64",
}

const laterQEMUPackage = "qemu-user"

// laterQEMUKey names the cache entry of the emulators that come with Debian's later release.
func laterQEMUKey(host arch) string {
	return cacheKey(laterQEMUPackage, laterSuite, append([]string{host.debian, "layout 1"}, installerEmulators...)...)
}

// fetchLaterQEMU gives a folder with usr/bin/qemu-* and usr/share/qemu/binfmt.d of Debian's later release. Only a few of the
// forty emulators are kept, of 450 MB 150.
func (l *lab) fetchLaterQEMU(ctx context.Context) (string, error) {
	host, err := hostArch()
	if err != nil {
		return "", fmt.Errorf("later emulators: %w", err)
	}
	var root string
	err = l.log.step(ctx, "later emulators", func(ctx context.Context) (string, error) {
		dir, made, err := l.cached(ctx, laterQEMUKey(host), func(ctx context.Context, dir string) error {
			list := []string{laterQEMUPackage + ":" + host.debian + "/" + laterSuite}
			if err := l.unpackDebs(ctx, dir, list, release{laterSuite, []string{host.debian}}); err != nil {
				return err
			}
			return keepInstallerFiles(debs{dir}.root(laterQEMUPackage, host.debian))
		})
		root = debs{dir}.root(laterQEMUPackage, host.debian)
		return fmt.Sprintf("%s of %s %s", laterQEMUPackage, laterSuite, madeOrFound(made, "downloaded and unpacked")), err
	})
	return root, err
}

// keepInstallerFiles removes from an unpacked package what the image does not hold.
func keepInstallerFiles(root string) error {
	var keep []string
	for _, file := range installerFiles(root, installerEmulators) {
		keep = append(keep, file.path)
	}
	files, err := filepath.Glob(filepath.Join(root, "usr", "bin", "*"))
	if err != nil {
		return fmt.Errorf("looking for emulators: %w", err)
	}
	for _, file := range files {
		if slices.Contains(keep, file) {
			continue
		}
		if err := os.Remove(file); err != nil {
			return fmt.Errorf("removing emulators: %w", err)
		}
	}
	return nil
}

// installerFiles are emulators, each with the line that registers it.
func installerFiles(root string, emulators []string) []entry {
	var entries []entry
	for _, emulator := range emulators {
		program, line := "usr/bin/qemu-"+emulator, "usr/share/qemu/binfmt.d/qemu-"+emulator+".conf"
		entries = append(entries, programEntry(program, filepath.Join(root, program)), programEntry(line, filepath.Join(root, line)))
	}
	return entries
}
