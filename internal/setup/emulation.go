package setup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
)

// EmulationConfig says where emulators are looked for and under which name handlers are registered.
type EmulationConfig struct {
	Run        string   // id of this run: letters, digits, ".", "_" and "-", at most 100; in the names of its handlers
	SearchPath []string // folders with emulators, the best first; empty: /usr/local/bin and /usr/bin. Relative ones are ignored
	Root       string   // where binfmt_misc is, or is mounted if it is not; empty: /proc/sys/fs/binfmt_misc
	TempDirs   []string // folders for the probes, tried until one lets programs run; empty: the system's, /var/tmp, /dev/shm

	Never  bool           // nothing is registered: it is only looked what runs
	Image  *EmulatorImage // where emulators come from that this machine does not have; nil: nowhere
	Helper *Helper        // registers what this process may not; nil: nobody

	origins map[string]string // by architecture, the images that emulators in SearchPath are from
}

// KeptRun is the id under which handlers are registered that stay when their run ends. Other runs rely on them as on
// handlers that were there before.
const KeptRun = "kept"

// Way says how programs of an architecture run on this machine.
type Way string

// The ways, the cheapest first.
const (
	WayNative     Way = "native"     // the processor runs them
	WayPresent    Way = "present"    // a handler runs them that is not this run's and is left alone
	WayRegistered Way = "registered" // a handler that this run registered; Unregister removes it
	WayBuiltin    Way = "builtin"    // nothing on this machine runs them, but the builder brings an emulator for its build steps
	WayMissing    Way = "missing"    // they do not run
)

// Emulation is how programs of one architecture run on this machine. Every way but WayMissing and WayBuiltin was proved by
// executing a program of the architecture, in a folder that holds nothing else, as in a container.
type Emulation struct {
	OS           string          `json:"os"`           // operating system of the programs; only those for linux can run
	Architecture string          `json:"architecture"` // GOARCH
	Platforms    []plan.Platform `json:"platforms"`    // those asked for that need it, for example linux/arm/v6 and linux/arm/v7
	Way          Way             `json:"way"`
	Handler      string          `json:"handler,omitempty"`   // name in binfmt_misc; empty if native, missing, or one of several
	Emulator     string          `json:"emulator,omitempty"`  // path of the emulator when it was registered; it may be gone since, or be a path in a container
	Version      string          `json:"version,omitempty"`   // of the file at that path, for example "7.2.22"; empty if it does not say
	Origin       string          `json:"origin,omitempty"`    // if registered: the image that the emulator was taken from; empty: this machine's own
	Container    bool            `json:"container,omitempty"` // if registered: by a privileged container, because this process may not
	Problem      string          `json:"problem,omitempty"`   // if missing: why. Otherwise: what may go wrong, mostly empty
	Hint         string          `json:"hint,omitempty"`      // what to do about the problem
	NoEmulator   bool            `json:"-"`                   // if missing: only because no emulator is known to be had, and nothing is broken
}

// Emulate makes programs of the platforms run on this machine and proves it. What runs already is left alone; for the
// rest it registers QEMU, one handler for each architecture, named after the run. There is one result for each
// architecture, in the order of the platforms. That an architecture cannot be made to run is a result (WayMissing), not an
// error. Errors are a wrong configuration, cancellation and faults of the machine; handlers may be registered even then, so
// call Unregister in any case.
//
// Emulators are looked for on this machine, then taken from the image. What this process may not register, the helper does
// in the same way, and is proved by this process again.
//
// Emulate may run at the same time in any number of processes. It relies on handlers of others but not on those of other
// runs of this program, which may be removed at any moment. It mounts binfmt_misc if nobody has, and never unmounts it:
// since Linux 6.7 that would delete all handlers.
func Emulate(ctx context.Context, config EmulationConfig, platforms []plan.Platform) ([]Emulation, error) {
	config, err := config.complete()
	if err != nil {
		return nil, err
	}
	wanted := wantedArchitectures(platforms)
	if len(wanted) == 0 {
		return nil, nil
	}
	return emulateAll(ctx, config, wanted)
}

// Unregister removes the handlers of the run, and no others, and returns the names of those that are gone. It goes on
// after an error and joins the errors.
func Unregister(config EmulationConfig) ([]string, error) {
	config, err := config.complete()
	if err != nil {
		return nil, err
	}
	return removeHandlers(config.Root, config.Run)
}

// removeHandlers is Unregister; an empty run means all runs.
func removeHandlers(root, run string) (removed []string, err error) {
	leftovers, err := Leftovers(EmulationConfig{Root: root})
	for _, left := range leftovers {
		if run != "" && left.Run != run {
			continue
		}
		if problem := removeEntry(root, left.Handler); problem != nil {
			err = errors.Join(err, problem)
			continue
		}
		removed = append(removed, left.Handler)
	}
	return removed, err
}

// Leftover is a handler that a run of this program registered. The run may still be going on.
type Leftover struct {
	Handler      string // name in binfmt_misc
	Run          string // id of the run
	Architecture string // GOARCH
}

// Leftovers lists the handlers of all runs of this program, by name. Of config only Root counts. Where binfmt_misc is not
// mounted there are none.
func Leftovers(config EmulationConfig) ([]Leftover, error) {
	root := cmp.Or(config.Root, binfmtRoot)
	files, err := os.ReadDir(root)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // not mounted, not Linux
	}
	if err != nil {
		return nil, fmt.Errorf("%s: listing handlers: %w", root, pathCause(err))
	}
	var leftovers []Leftover
	for _, file := range files {
		if run, architecture, ok := parseHandlerName(file.Name()); ok {
			leftovers = append(leftovers, Leftover{Handler: file.Name(), Run: run, Architecture: architecture})
		}
	}
	return leftovers, nil
}

// runID keeps out what the kernel refuses in names and what would end a field of the line that registers a handler.
var runID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,100}$`)

// complete fills in defaults.
func (c EmulationConfig) complete() (EmulationConfig, error) {
	if !runID.MatchString(c.Run) {
		return EmulationConfig{}, fmt.Errorf("emulation: naming handlers after run %q: use 1 to 100 letters, digits, dots, dashes and underscores", c.Run)
	}
	c.Root = cmp.Or(c.Root, binfmtRoot)
	c.SearchPath = absolute(c.SearchPath)
	if len(c.SearchPath) == 0 {
		c.SearchPath = []string{"/usr/local/bin", "/usr/bin"}
	}
	if len(c.TempDirs) == 0 {
		c.TempDirs = []string{os.TempDir(), "/var/tmp", "/dev/shm"}
	}
	return c, nil
}

// absolute keeps the absolute folders, each once. A relative entry of PATH depends on the working directory: not for something
// that root gives the kernel.
func absolute(folders []string) []string {
	var kept []string
	for _, folder := range folders {
		if folder = filepath.Clean(folder); filepath.IsAbs(folder) && !slices.Contains(kept, folder) {
			kept = append(kept, folder)
		}
	}
	return kept
}

// wantedArchitectures makes one result, still empty, for each operating system and architecture.
func wantedArchitectures(platforms []plan.Platform) []Emulation {
	var wanted []Emulation
	for _, p := range platforms {
		i := slices.IndexFunc(wanted, func(e Emulation) bool { return e.OS == p.OS() && e.Architecture == p.Architecture() })
		if i < 0 {
			wanted = append(wanted, Emulation{OS: p.OS(), Architecture: p.Architecture()})
			i = len(wanted) - 1
		}
		if !slices.ContainsFunc(wanted[i].Platforms, p.Equal) {
			wanted[i].Platforms = append(wanted[i].Platforms, p)
		}
	}
	return wanted
}

// obstacle is why something cannot be done on this machine, and the cure.
type obstacle struct{ problem, hint string }

// joined is one obstacle made of all that were met.
func joined(obstacles []*obstacle) *obstacle {
	all := &obstacle{}
	for _, o := range obstacles {
		all = all.and(o)
	}
	return all
}

// and joins a further obstacle: both problems are there, and to overcome either is enough.
func (o *obstacle) and(other *obstacle) *obstacle {
	return &obstacle{
		problem: strings.Trim(o.problem+"; "+other.problem, "; "),
		hint:    strings.TrimSuffix(strings.TrimPrefix(o.hint+"; or "+other.hint, "; or "), "; or "),
	}
}

// missing is the result for an architecture that does not run.
func (e Emulation) missing(o *obstacle) Emulation {
	e.Way, e.Problem, e.Hint = WayMissing, o.problem, o.hint
	return e
}

// Programs lists a platform for each architecture of the table, and for arm one for each version of its instructions: what
// may be made to run.
func Programs() []plan.Platform {
	var all []plan.Platform
	for _, a := range architectures {
		variants := []string{""}
		if a.name == "arm" {
			variants = []string{"v7", "v6", "v5"}
		}
		for _, variant := range variants {
			all = append(all, plan.PlatformOf(ocispec.Platform{OS: "linux", Architecture: a.name, Variant: variant}))
		}
	}
	return all
}
