package verify

import (
	debugelf "debug/elf"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/org/multiarch-action/internal/verify/corpus"
)

// The variant of every good ARM image of the corpus is no higher than the one that it is published for, where attributes can tell that.
func TestARMVariant(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	for _, image := range corpus.Good() {
		written, isARM := strings.CutPrefix(image.Platform, "linux/arm/")
		if !isARM {
			continue
		}
		variant, by, err := ARMVariant(t.Context(), imageFor(platform(t, image.Platform), image.Config), corpusFiles(image))
		if err != nil {
			t.Errorf("%s: %v", image.Name, err)
		}
		if variant > written && image.Name != "an ARMv6 program with assembler for ARMv7 that is chosen when it runs" {
			t.Errorf("%s: got %s, and it is published for %s", image.Name, variant, written)
		}
		got[image.Name] = strings.TrimSpace(variant + " " + by)
	}
	for name, want := range map[string]string{
		"an ARMv6 program in arm/v7":                    "v6 /app is built for ARMv6KZ",
		"an ARMv5 program in arm/v6":                    "v5 /app is built for ARMv5TE",
		"a program for arm/v8 in arm/v8":                "v8 /app is built for ARMv8-A",
		"GOARM=6 in arm/v7":                             "v6 /app is a Go program built with GOARM=6",
		"an ARM program without attributes":             "",
		"Raspberry Pi OS in arm/v6":                     "v6 /usr/bin/dash is built for ARMv6KZ",
		"a library for ARMv7 that chooses when it runs": "v6 /app is built for ARMv6KZ",
	} {
		if got[name] != want {
			t.Errorf("%s: got %q, want %q", name, got[name], want)
		}
	}
}

// TestCodeOfOlderARM takes Go's own code: what is made for ARMv6 loads its constants, and what is made for ARMv7 has movw in it.
func TestCodeOfOlderARM(t *testing.T) {
	t.Parallel()
	for goarm, want := range map[string]bool{"6": true, "7": false} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "main.go"), "package main\n\nfunc main() {}\n")
		out := filepath.Join(dir, "app")
		build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", out, filepath.Join(dir, "main.go"))
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm", "GOARM="+goarm, "GOWORK=off", "GOFLAGS=")
		if text, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		file, err := debugelf.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		code, err := file.Section(".text").Data()
		if err != nil {
			t.Fatal(err)
		}
		if got := isOlderCode(code, binary.LittleEndian); got != want {
			t.Errorf("GOARM=%s: got %v", goarm, got)
		}
	}
}
