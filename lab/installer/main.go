// Command installer is what the lab's image tonistiigi/binfmt starts. The program of that image is in reach through neither the Go
// module proxy nor Debian; this one has its command line, gives its handlers the same flags, prints the same report, and like it
// ends with status 0 whatever happened. The emulators beside it are Debian's, and so are the lines that register them.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/util/archutil"
	"golang.org/x/sys/unix"
)

// qemuNames are QEMU's names of the architectures, by Go's.
var qemuNames = map[string]string{
	"386": "i386", "amd64": "x86_64", "arm": "arm", "arm64": "aarch64", "loong64": "loongarch64", "mips64": "mips64",
	"mips64le": "mips64el", "ppc64le": "ppc64le", "riscv64": "riscv64", "s390x": "s390x",
}

// installer registers the emulators of an image.
type installer struct {
	binfmt  string // where binfmt_misc is mounted
	formats string // folder with a line for each emulator, in the format of binfmt.d(5)
	bin     string // folder of the emulators
	flags   string // of the handlers
	stderr  io.Writer
}

func main() {
	install := flag.String("install", "", "architectures to register, separated by commas")
	uninstall := flag.String("uninstall", "", "architectures or names of handlers to remove, separated by commas; may hold *")
	flag.Parse()
	i := installer{binfmt: "/proc/sys/fs/binfmt_misc", formats: "/usr/share/qemu/binfmt.d", bin: "/usr/bin", flags: "CF", stderr: os.Stderr}
	if os.Getenv("QEMU_PRESERVE_ARGV0") != "" {
		i.flags += "P"
	}
	if err := i.run(list(*install), list(*uninstall), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
	}
}

func list(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
}

func (i installer) run(install, uninstall []string, stdout io.Writer) error {
	unmount, err := i.mount()
	if err != nil {
		return err
	}
	defer unmount()
	for _, what := range uninstall {
		i.say("uninstalling", what, i.uninstall(what))
	}
	for _, architecture := range install {
		i.say("installing", architecture, i.install(strings.TrimPrefix(architecture, "linux/")))
	}
	return i.report(stdout)
}

func (i installer) say(doing, what string, err error) {
	said := "OK"
	if err != nil {
		said = err.Error()
	}
	fmt.Fprintf(i.stderr, "%s: %s %s\n", doing, what, said)
}

// mount mounts binfmt_misc in the container, which does not see the machine's own mount.
func (i installer) mount() (unmount func(), err error) {
	if _, err := os.Stat(filepath.Join(i.binfmt, "status")); err == nil {
		return func() {}, nil
	}
	if err := unix.Mount("binfmt_misc", i.binfmt, "binfmt_misc", 0, ""); err != nil {
		return nil, fmt.Errorf("cannot mount binfmt_misc at %s: %w", i.binfmt, err)
	}
	return func() { _ = unix.Unmount(i.binfmt, 0) }, nil // the container ends anyway
}

// install registers one architecture's emulator.
func (i installer) install(architecture string) error {
	line, err := i.line(architecture)
	if err != nil {
		return err
	}
	register, err := os.OpenFile(filepath.Join(i.binfmt, "register"), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = register.WriteString(line)
	return errors.Join(err, register.Close())
}

// line is Debian's line for an architecture, ":name:M:offset:magic:mask:interpreter:flags", with this image's interpreter and flags.
func (i installer) line(architecture string) (string, error) {
	name, ok := qemuNames[architecture]
	if !ok {
		return "", fmt.Errorf("unsupported architecture %q", architecture)
	}
	text, err := os.ReadFile(filepath.Join(i.formats, "qemu-"+name+".conf"))
	if err != nil {
		return "", err
	}
	fields := strings.Split(strings.TrimSpace(string(text)), ":")
	if len(fields) != 8 {
		return "", fmt.Errorf("%q is no line of a handler", text)
	}
	fields[6], fields[7] = filepath.Join(i.bin, "qemu-"+name), i.flags
	return strings.Join(fields, ":"), nil
}

// uninstall removes the handlers of an architecture, or those whose name matches.
func (i installer) uninstall(what string) error {
	pattern := what
	if name, ok := qemuNames[what]; ok {
		pattern = "qemu-" + name
	}
	found, err := filepath.Glob(filepath.Join(i.binfmt, pattern))
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return errors.New("not found")
	}
	for _, handler := range found {
		if err := os.WriteFile(handler, []byte("-1"), 0); err != nil {
			return err
		}
	}
	return nil
}

// report prints which platforms run here, proved by BuildKit's test programs, and which handlers are on.
func (i installer) report(stdout io.Writer) error {
	handlers, err := i.handlers()
	if err != nil {
		return err
	}
	var supported []string
	for _, p := range archutil.SupportedPlatforms(true) {
		supported = append(supported, platforms.FormatAll(platforms.Normalize(p)))
	}
	out := json.NewEncoder(stdout)
	out.SetIndent("", "  ")
	return out.Encode(map[string][]string{"supported": supported, "emulators": handlers})
}

func (i installer) handlers() ([]string, error) {
	files, err := os.ReadDir(i.binfmt)
	if err != nil {
		return nil, err
	}
	var on []string
	for _, file := range files {
		if file.Name() == "register" || file.Name() == "status" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(i.binfmt, file.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // somebody has just removed it
		}
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(string(text), "enabled") {
			on = append(on, file.Name())
		}
	}
	return on, nil
}
