// Command ociruntime is the OCI runtime of machines that withhold a capability even from root. There every privileged
// container fails, because an engine asks for all capabilities and runc applies exactly what it is asked for. This
// program takes what the machine withholds out of the container's configuration and then becomes the real runc.
//
// It is for the lab's engine alone; dockerd is told of it with --add-runtime.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/org/multiarch-action/lab/capability"
)

func main() {
	err := become(os.Args[1:], os.Environ()) // returns only with an error
	_, _ = fmt.Fprintf(os.Stderr, "ociruntime: error: %v\n", err)
	os.Exit(1)
}

// become strips the files that args name and becomes runc. It returns only with an error.
func become(args, env []string) error {
	missing, err := missingHere()
	if err != nil {
		return err
	}
	bundle, process := namedFiles(args)
	if bundle != "" {
		if err := rewrite(filepath.Join(bundle, "config.json"), missing, stripConfig); err != nil {
			return err
		}
	}
	if process != "" {
		if err := rewrite(process, missing, stripProcess); err != nil {
			return err
		}
	}
	runc, err := exec.LookPath("runc")
	if err != nil {
		return fmt.Errorf("finding runc: %w", err)
	}
	return fmt.Errorf("becoming %s: %w", runc, syscall.Exec(runc, append([]string{"runc"}, args...), env))
}

func missingHere() ([]string, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil, fmt.Errorf("reading the own capabilities: %w", err)
	}
	last, err := os.ReadFile("/proc/sys/kernel/cap_last_cap")
	if err != nil {
		return nil, fmt.Errorf("reading the kernel's last capability: %w", err)
	}
	return capability.Missing(string(status), string(last))
}

// namedFiles finds the bundle folder of `create` and `run`, and the process file of `exec`. What follows the
// container's own command begins is not looked at: the engine writes that into the process file.
func namedFiles(args []string) (bundle, process string) {
	creates := slices.Contains(args, "create") || slices.Contains(args, "run") || slices.Contains(args, "restore")
	for i, arg := range args {
		name, value, joined := strings.Cut(arg, "=")
		if !joined && i+1 < len(args) {
			value = args[i+1]
		}
		switch name {
		case "--bundle", "-b":
			bundle = value
		case "--process", "-p":
			process = value
		}
	}
	if creates && bundle == "" {
		bundle = "." // runc's own default
	}
	return bundle, process
}

// rewrite replaces a file by what strip makes of it, keeping its mode.
func rewrite(path string, missing []string, strip func([]byte, []string) ([]byte, error)) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("finding the container's configuration: %w", err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading the container's configuration: %w", err)
	}
	after, err := strip(before, missing)
	if err != nil {
		return fmt.Errorf("stripping %s: %w", path, err)
	}
	if err := os.WriteFile(path, after, info.Mode().Perm()); err != nil {
		return fmt.Errorf("writing the container's configuration: %w", err)
	}
	return nil
}

// object is a JSON object of which only some members are looked into. The rest keeps its bytes, large numbers included.
type object = map[string]json.RawMessage

// stripConfig takes the missing capabilities out of a bundle's config.json.
func stripConfig(text []byte, missing []string) ([]byte, error) {
	return within(text, "process", func(process []byte) ([]byte, error) { return stripProcess(process, missing) })
}

// stripProcess takes the missing capabilities out of a process, as `runc exec --process` reads it.
func stripProcess(text []byte, missing []string) ([]byte, error) {
	return within(text, "capabilities", func(sets []byte) ([]byte, error) { return stripSets(sets, missing) })
}

// stripSets goes through the five sets: bounding, effective, inheritable, permitted, ambient.
func stripSets(text []byte, missing []string) ([]byte, error) {
	var sets map[string][]string
	if err := json.Unmarshal(text, &sets); err != nil {
		return nil, fmt.Errorf("reading the capabilities: %w", err)
	}
	for name, set := range sets {
		sets[name] = slices.DeleteFunc(set, func(c string) bool { return slices.Contains(missing, c) })
	}
	return json.Marshal(sets)
}

// within replaces one member of an object by what change makes of it. An object without the member stays as it is.
func within(text []byte, member string, change func([]byte) ([]byte, error)) ([]byte, error) {
	var all object
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("looking for %q: %w", member, err)
	}
	if len(all[member]) == 0 || string(all[member]) == "null" {
		return text, nil
	}
	changed, err := change(all[member])
	if err != nil {
		return nil, err
	}
	all[member] = changed
	return json.Marshal(all)
}
