package main

import (
	"debug/elf"
	"encoding/hex"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/org/multiarch-action/internal/setup"
)

const binfmtRoot = "/proc/sys/fs/binfmt_misc"

// machines are the architectures that are measured, by Go's names.
var machines = map[elf.Machine]string{
	elf.EM_386: "386", elf.EM_X86_64: "amd64", elf.EM_ARM: "arm", elf.EM_AARCH64: "arm64", elf.EM_PPC64: "ppc64le", elf.EM_S390: "s390x", elf.EM_RISCV: "riscv64",
}

// noForeignHandlers refuses to measure where somebody else has registered an emulator for what is measured: what is called cold
// would not be, and another QEMU would run the steps.
func noForeignHandlers() error {
	found, err := handlers(binfmtRoot)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return nil
	}
	left, err := setup.Leftovers(setup.EmulationConfig{})
	if err != nil {
		return err
	}
	runs := map[string]string{}
	for _, l := range left {
		runs[l.Handler] = l.Run
	}
	return errors.New(refusal(found, runs))
}

// refusal names the handlers, with the command that removes them.
func refusal(found []handler, runs map[string]string) string {
	names := map[string][]string{}
	for _, h := range found {
		command := h.removal(runs[h.name])
		names[command] = append(names[command], h.name)
	}
	lines := []string{"emulators are registered that would make the figures wrong; remove them, or measure builds with them by -allow-handlers:"}
	for _, command := range slices.Sorted(maps.Keys(names)) {
		lines = append(lines, "  "+command+"    # "+strings.Join(names[command], ", "))
	}
	return strings.Join(lines, "\n")
}

// handler is a handler of the kernel for an architecture that is measured.
type handler struct{ name, architecture string }

// removal is the command that removes a handler that a run of our program has registered or, if run is empty, somebody else.
func (h handler) removal(run string) string {
	if run != "" {
		return "bin/multiarch-action cleanup --run " + run
	}
	return "echo -1 | sudo tee " + filepath.Join(binfmtRoot, h.name)
}

// handlers lists the handlers in a folder that looks like the kernel's. Where binfmt_misc is not mounted there are none.
func handlers(root string) ([]handler, error) {
	files, err := os.ReadDir(root)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var found []handler
	for _, file := range files {
		if file.Name() == "register" || file.Name() == "status" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, file.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // somebody has just removed it
		}
		if err != nil {
			return nil, err
		}
		if architecture := served(string(text)); architecture != "" && architecture != runtime.GOARCH {
			found = append(found, handler{file.Name(), architecture})
		}
	}
	return found, nil
}

// served is the architecture that a handler serves, by the machine in the ELF header that it looks for; empty if it serves none that
// is measured.
func served(status string) string {
	for line := range strings.Lines(status) {
		text, ok := strings.CutPrefix(strings.TrimSpace(line), "magic ")
		if !ok {
			continue
		}
		magic, err := hex.DecodeString(text)
		const dataAt, machineAt = elf.EI_DATA, 18
		if err != nil || len(magic) < machineAt+2 || !strings.HasPrefix(string(magic), elf.ELFMAG) {
			continue
		}
		machine := elf.Machine(magic[machineAt]) | elf.Machine(magic[machineAt+1])<<8
		if elf.Data(magic[dataAt]) == elf.ELFDATA2MSB {
			machine = elf.Machine(magic[machineAt+1]) | elf.Machine(magic[machineAt])<<8
		}
		return machines[machine]
	}
	return ""
}
