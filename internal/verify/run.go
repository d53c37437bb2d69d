package verify

import (
	"slices"
	"strconv"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/org/multiarch-action/internal/plan"
)

// maxCommands bounds how many program starts are followed in one image. Real images need fewer than ten; a script
// that starts itself would need more than any number.
const maxCommands = 64

// run is the verification of one image. It collects findings as it follows the programs.
type run struct {
	platform     plan.Platform
	config       ocispec.ImageConfig
	tree         *tree
	contents     map[string]content
	known        map[string]details
	bodies       map[string]bool   // shell scripts that were read
	started      map[string]bool   // files that were found as programs, without links
	prints       map[string]uint64 // fingerprints of those
	user         *user             // nil if it is not known
	loaderConfig *[]string         // folders of /etc/ld.so.conf, once it was read
	linked       map[string]bool   // programs whose libraries were looked for
	reported     map[plan.Finding]bool
	findings     []plan.Finding
	commands     int
}

func newRun(p plan.Platform, config ocispec.ImageConfig, files Files) *run {
	return &run{
		platform: p,
		config:   config,
		tree:     newTree(files),
		contents: map[string]content{},
		known:    map[string]details{},
		linked:   map[string]bool{},
		bodies:   map[string]bool{},
		started:  map[string]bool{},
		prints:   map[string]uint64{},
		reported: map[plan.Finding]bool{},
	}
}

// certainty is how sure it is that a command is started as it was understood.
type certainty int

const (
	certain certainty = iota // by the image's config, or by a program whose rules are known
	likely                   // by a script or behind another command: if the file is there, it is what is started
	guessed                  // perhaps only an argument that happens to name a file
)

// starter is who starts a command; the rules of the lookup and the words of the findings differ.
type starter int

const (
	byRuntime starter = iota // the container runtime
	byKernel                 // the kernel, for a #! line
	byProgram                // a wrapper or a shell
)

// command is one program start: what execve is given, and how it came to that.
type command struct {
	argv      []string
	cut       bool // there are more arguments, but they cannot be known before the image runs
	env       map[string]string
	dir       string   // the working directory; empty if it cannot be known
	via       []string // paths of the files that led here
	sure      certainty
	by        starter
	optional  bool // the image starts without it, too
	applets   bool // the shell is one of many programs in one file
	otherUser bool // a program that changes the user came before
	scripts   int  // how many #! lines led here without a program in between
}

// next returns the start of another program by this one.
func (c command) next(argv []string) command {
	c.argv = argv
	c.by = byProgram
	c.scripts = 0
	return c
}

// through returns the command with one more file on the way.
func (c command) through(name string) command {
	c.via = append(slices.Clip(c.via), name)
	return c
}

// where writes how a file was reached: "/entrypoint.sh → /bin/sh → /bin/busybox".
func (c command) where(names ...string) string {
	way := slices.Compact(append(slices.Clip(c.via), names...))
	for i, name := range way {
		way[i] = shown(name)
	}
	return strings.Join(way, " → ")
}

// shown makes a name from an image safe to print: control characters and the like are escaped, long names are cut.
func shown(name string) string {
	const longest = 300
	if len(name) > longest {
		name = name[:longest] + "…"
	}
	quoted := strconv.Quote(name)
	if quoted == `"`+name+`"` && name != "" {
		return name
	}
	return quoted
}

// report adds a finding about a command, as severe as the command is certain.
func (r *run) report(c command, f plan.Finding) {
	f.Platform = r.platform.String()
	f.Severity = severityOf(f.Check)
	switch {
	case c.sure == guessed && !tellsOfGuess(f.Check):
		return
	case c.sure != certain && f.Check == checkProgramUnfollowed:
		return
	case c.sure == guessed && f.Severity == plan.SeverityError:
		f.Severity = plan.SeverityWarning
	case f.Check == checkProgramNoFormat && c.by == byProgram:
		// Shells and execvp run such a file as a shell script after the kernel has refused it.
		f.Severity = plan.SeverityWarning
	}
	if !r.reported[f] {
		r.reported[f] = true
		r.findings = append(r.findings, f)
	}
}

// tellsOfGuess reports whether a check says something even if the file may not be started at all: what was made for
// another machine is worth a warning, but data that looks like no program is data.
func tellsOfGuess(check string) bool {
	switch check {
	case checkProgramFormat, checkProgramNoFormat, checkProgramOSABI, checkProgramUnfollowed, checkProgramTruncated:
		return false
	}
	return true
}

// unfollowed notes that the way ends here, and why.
func (r *run) unfollowed(c command, reason string) {
	r.report(c, plan.Finding{
		Check: checkProgramUnfollowed,
		Path:  c.where(),
		Found: reason,
		Why:   "what is started next was not checked",
		Fix:   `write ENTRYPOINT or CMD as a JSON array that names the program, as in ["/app", "--flag"], if it should be checked`,
	})
}
