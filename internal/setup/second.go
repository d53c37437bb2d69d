package setup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// secondSuffix ends the name of a run's second handler for an architecture.
const secondSuffix = ".second"

// Second registers another emulator for the architecture of one that crashed, beside it: the kernel asks the youngest handler first, so
// from then on programs run by the second. It is another file, with another content, out of the folders of config.SearchPath or out of
// config.Image, and proved like any other. Unregister removes both.
//
// The result is WayRegistered, or WayMissing with the reason if there is no other emulator that works. Errors are as those of Emulate.
func Second(ctx context.Context, config EmulationConfig, crashed Emulation) (Emulation, error) {
	config, err := config.complete()
	if err != nil {
		return Emulation{}, err
	}
	e := Emulation{OS: crashed.OS, Architecture: crashed.Architecture, Platforms: crashed.Platforms}
	guest, known := architectureOf(crashed.Architecture)
	if !known {
		return e.missing(&obstacle{fmt.Sprintf("no emulator is known for %s", crashed.Architecture), ""}), nil
	}
	return registerSecond(ctx, config, e, guest, crashed.Emulator)
}

// emulatorPaths are the paths that an emulator of the architecture may have.
func emulatorPaths(folders []string, guest architecture) []string {
	var paths []string
	for _, folder := range folders {
		if !filepath.IsAbs(folder) { // as in findEmulator
			continue
		}
		for _, name := range guest.emulators() {
			paths = append(paths, filepath.Join(folder, name))
		}
	}
	return paths
}

// others are the files that are there and have a content of their own: a copy of the emulator that crashed would crash too.
func others(crashed string, paths []string) []string {
	var out []string
	known := [][]byte{contentSum(crashed)} // nil if the file is gone
	for _, path := range paths {
		sum := contentSum(path)
		if sum == nil || path == crashed || slices.ContainsFunc(known, func(k []byte) bool { return bytes.Equal(k, sum) }) {
			continue
		}
		known = append(known, sum)
		out = append(out, path)
	}
	return out
}

// contentSum is nil for what cannot be read.
func contentSum(path string) []byte {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer func() { _ = file.Close() }() // only read
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return nil
	}
	return sum.Sum(nil)
}
