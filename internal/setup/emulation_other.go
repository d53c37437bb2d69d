//go:build !linux

package setup

import (
	"context"
	"errors"
)

// emulateAll says that nothing can be done: binfmt_misc is a part of Linux. Where containers run in a virtual machine,
// as Docker Desktop has it, the handlers are that machine's.
func emulateAll(_ context.Context, _ EmulationConfig, wanted []Emulation) ([]Emulation, error) {
	results := make([]Emulation, len(wanted))
	for i, e := range wanted {
		results[i] = e.missing(&obstacle{
			problem: "emulators can only be registered on Linux",
			hint:    "register them on the machine that runs the containers; Docker Desktop's has them already",
		})
	}
	return results, nil
}

// registerSecond says the same.
func registerSecond(_ context.Context, _ EmulationConfig, e Emulation, _ architecture, _ string) (Emulation, error) {
	return e.missing(&obstacle{problem: "emulators can only be registered on Linux", hint: ""}), nil
}

// ServeHelper is for containers, which run Linux.
func ServeHelper(context.Context, string) error {
	return errors.New("emulators can only be registered on Linux")
}
