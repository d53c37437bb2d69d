package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// emulators are those of the architectures in the product's table, of the thirty in Debian's package.
var emulators = []string{
	"aarch64", "arm", "i386", "loongarch64", "mips", "mipsel", "mips64", "mips64el", "ppc64", "ppc64le", "riscv64", "s390x", "x86_64",
}

const qemuPackage = "qemu-user-static"

// qemuDir gives the folder that holds qemu-*-static.
func (d debs) qemuDir(host arch) string {
	return filepath.Join(d.root(qemuPackage, host.debian), "usr", "bin")
}

// keepEmulators removes the emulators that nobody here needs: 150 MB.
func keepEmulators(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "qemu-*-static"))
	if err != nil {
		return fmt.Errorf("looking for emulators: %w", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "qemu-"), "-static")
		if slices.Contains(emulators, name) {
			continue
		}
		if err := os.Remove(file); err != nil {
			return fmt.Errorf("removing emulators: %w", err)
		}
	}
	return nil
}
