package verify

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/org/multiarch-action/internal/plan"
)

// options are the words that a program takes for itself, in front of the program that it starts.
type options struct {
	flags     string   // short options
	values    string   // short options with a value, attached or in the next word
	long      []string // long options
	longValue []string // long options with a value, after = or in the next word
	words     int      // other words of its own behind the options
}

// wrappers are programs that start the program in their arguments. Options are those in their --help and manual
// pages: krallin/tini, openSUSE/catatonit, Yelp/dumb-init, tianon/gosu, ncopa/su-exec, coreutils, util-linux, busybox.
var wrappers = map[string]options{
	"tini":         {flags: "svwghl", values: "ep", long: []string{"version", "licence"}},
	"dumb-init":    {flags: "cvhV", values: "r", long: []string{"single-child", "verbose", "help", "version"}, longValue: []string{"rewrite"}},
	"catatonit":    {flags: "ghLPV", long: []string{"help", "license", "version"}},
	"gosu":         {words: 1},
	"su-exec":      {words: 1},
	"s6-setuidgid": {words: 1},
	"nice":         {flags: "0123456789", values: "n", longValue: []string{"adjustment"}},
	"ionice":       {flags: "t", values: "cn", long: []string{"ignore"}, longValue: []string{"class", "classdata"}},
	"stdbuf":       {values: "ioe", longValue: []string{"input", "output", "error"}},
	"timeout":      {flags: "vfp", values: "ks", long: []string{"foreground", "preserve-status", "verbose"}, longValue: []string{"kill-after", "signal"}, words: 1},
	"nohup":        {},
	"setsid":       {flags: "cfw", long: []string{"ctty", "fork", "wait"}},
	"setpriv": {
		flags: "", long: []string{"clear-groups", "keep-groups", "init-groups", "no-new-privs", "nnp", "reset-env"},
		longValue: []string{
			"ambient-caps", "inh-caps", "bounding-set", "ruid", "euid", "rgid", "egid", "reuid", "regid", "groups",
			"securebits", "pdeathsig", "selinux-label", "apparmor-profile",
		},
	},
}

// otherNames are names under which the same programs are found.
var otherNames = map[string]string{
	"tini-static": "tini", "docker-init": "tini", "tini-amd64": "tini", "tini-arm64": "tini",
}

// changesUser reports whether a program starts others as another user.
func changesUser(name string) bool {
	return slices.Contains([]string{"gosu", "su-exec", "s6-setuidgid", "setpriv", "su", "sudo", "doas", "runuser", "chpst", "setuidgid"}, name)
}

// rest returns the arguments that are not the program's own. ok is false if there is an option that is not known,
// so that nobody can say which words belong to it.
func (o options) rest(args []string) (rest []string, ok bool) {
	for len(args) > 0 {
		word := args[0]
		switch {
		case word == "--":
			return o.skipWords(args[1:]), true
		case len(word) < 2 || word[0] != '-':
			return o.skipWords(args), true
		}
		own, known := o.take(word)
		if !known {
			return nil, false
		}
		args = args[min(own, len(args)):]
	}
	return nil, true
}

func (o options) skipWords(args []string) []string { return args[min(o.words, len(args)):] }

// take returns how many words an option is: itself, and its value if that is the next word.
func (o options) take(word string) (words int, known bool) {
	if name, isLong := strings.CutPrefix(word, "--"); isLong {
		name, _, attached := strings.Cut(name, "=")
		switch {
		case slices.Contains(o.long, name), slices.Contains(o.longValue, name) && attached:
			return 1, true
		}
		return 2, slices.Contains(o.longValue, name)
	}
	for i, letter := range word[1:] {
		switch {
		case strings.ContainsRune(o.flags, letter):
			continue
		case !strings.ContainsRune(o.values, letter):
			return 0, false
		case i+2 < len(word):
			return 1, true // the value is attached
		}
		return 2, true
	}
	return 1, true
}

// follow goes on to the program that this one starts, if it is known to start one. names are those under which it
// could decide what it is: the one it was called by, and those of the links behind it.
func (r *run) follow(ctx context.Context, c command, names []string) error {
	if len(names) > 0 && (names[0] == "busybox" || names[0] == "toybox") && len(c.argv) > 1 {
		c.argv = c.argv[1:]
		names = c.argv[:1]
	}
	for _, name := range names {
		if known, ok := otherNames[name]; ok {
			name = known
		}
		if isShell(name) {
			c.applets = slices.Contains(names, "busybox") || slices.Contains(names, "toybox")
			return r.shell(ctx, c)
		}
		if arch, ok := emulated(name); ok {
			return r.emulator(ctx, c, name, arch)
		}
		if name == "env" {
			return r.env(ctx, c)
		}
		if name == "chroot" && len(c.argv) > 1 {
			r.unfollowed(c, "chroot starts a program below another root")
			return nil
		}
		if known, ok := wrappers[name]; ok {
			return r.wrapper(ctx, c, known)
		}
	}
	return nil
}

func (r *run) wrapper(ctx context.Context, c command, known options) error {
	rest, ok := known.rest(c.argv[1:])
	if !ok {
		r.unfollowed(c, fmt.Sprintf("options of %s that are not known here", shown(c.argv[0])))
		return nil
	}
	return r.startNext(ctx, c, rest)
}

// startNext starts what a wrapper was given; nothing is fine, unless words are missing that cannot be known.
func (r *run) startNext(ctx context.Context, c command, argv []string) error {
	if len(argv) == 0 && c.cut {
		r.unfollowed(c, "arguments that are known only when the image runs")
		return nil
	}
	return r.start(ctx, c.next(argv))
}

// env reads the arguments of env(1), -S included, which is how a #! line passes more than one argument.
func (r *run) env(ctx context.Context, c command) error {
	next := c
	next.env = maps.Clone(c.env)
	args := c.argv[1:]
	for split := 0; len(args) > 0; {
		word := args[0]
		if text, rest, ok := splitString(args); ok && split < maxScripts {
			words, plain := splitWords(text)
			if !plain {
				r.unfollowed(c, "quotes, escapes or variables in the text of env -S")
				return nil
			}
			args, split = append(words, rest...), split+1
			continue
		}
		if word == "--" {
			args = args[1:]
			break
		}
		if !strings.HasPrefix(word, "-") {
			break
		}
		used, ok := next.envOption(args)
		if !ok {
			r.unfollowed(c, "options of env that are not known here")
			return nil
		}
		args = args[min(used, len(args)):]
	}
	for len(args) > 0 && strings.Contains(args[0], "=") {
		name, value, _ := strings.Cut(args[0], "=")
		next.env[name] = value
		args = args[1:]
	}
	return r.startNext(ctx, next, args)
}

// envOption applies one option of env to the command and returns how many words it took.
func (c *command) envOption(args []string) (words int, ok bool) {
	own := options{flags: "i0v", values: "uC", long: []string{"ignore-environment", "null", "debug"}, longValue: []string{"unset", "chdir"}}
	word := args[0]
	if word == "-" {
		word = "-i"
	}
	words, ok = own.take(word)
	if !ok {
		return 0, false
	}
	value := ""
	if words == 2 && len(args) > 1 {
		value = args[1]
	} else if _, after, found := strings.Cut(word, "="); found {
		value = after
	}
	switch {
	case strings.HasPrefix(word, "--ignore-e"), strings.HasPrefix(word, "-i"):
		c.env = map[string]string{}
	case strings.HasPrefix(word, "--unset"), word == "-u":
		delete(c.env, value)
	case strings.HasPrefix(word, "--chdir"), word == "-C":
		c.dir = below(c.dir, value)
	case words == 1 && strings.ContainsAny(word, "uC") && !strings.HasPrefix(word, "--"):
		return 0, false // attached values are too rare to be read
	}
	return words, true
}

// splitString takes -S and its text from the arguments of env.
func splitString(args []string) (text string, rest []string, ok bool) {
	word := args[0]
	if text, ok = strings.CutPrefix(word, "--split-string="); ok {
		return text, args[1:], true
	}
	if (word == "-S" || word == "-vS" || word == "-iS" || word == "--split-string") && len(args) > 1 {
		return args[1], args[2:], word != "-iS"
	}
	text, ok = strings.CutPrefix(word, "-S")
	return text, args[1:], ok && text != ""
}

// splitWords splits the text of env -S; plain is false if it has anything but words and blanks.
func splitWords(text string) (words []string, plain bool) {
	return strings.Fields(text), !strings.ContainsAny(text, "'\"\\$#")
}

// emulated returns the GOARCH name of what a user-mode QEMU of that name runs.
func emulated(name string) (arch string, ok bool) {
	name, isQEMU := strings.CutPrefix(strings.TrimSuffix(name, "-static"), "qemu-")
	if !isQEMU {
		return "", false
	}
	names := map[string]string{
		"aarch64": "arm64", "x86_64": "amd64", "i386": "386", "mipsel": "mipsle", "mips64el": "mips64le", "loongarch64": "loong64",
	}
	if known, ok := names[name]; ok {
		return known, true
	}
	_, ok = platformMachines[name]
	return name, ok
}

// emulator looks at an image that starts its program through QEMU: what it contains is then not what its label says,
// unless the emulator is for the platform itself.
func (r *run) emulator(ctx context.Context, c command, name, arch string) error {
	own := options{flags: "h", values: "gLscEU0rBRdDpn", longValue: nil}
	args := slices.Clone(c.argv[1:])
	for i := 0; i < len(args) && strings.HasPrefix(args[i], "-"); i++ {
		if args[i] == "-cpu" {
			args[i] = "-c" // the one long option in common use; the value is in the next word
		}
		if words, _ := own.take(args[i]); words == 2 {
			i++
		}
	}
	rest, ok := own.rest(args)
	switch {
	case !ok:
		rest = args[len(args)-1:] // an option that is not known here changes nothing about what is run
	case len(rest) == 0:
		return nil // an image of the emulator itself
	}
	if arch == r.platform.Architecture() {
		return r.startNext(ctx, c, rest)
	}
	r.report(c, plan.Finding{
		Check: checkProgramArch, Path: c.where(rest[0]),
		Expected: r.wantedProgram(),
		Found:    fmt.Sprintf("a program for %s that is started through the emulator %s", arch, shown(name)),
		Why:      fmt.Sprintf("the image is labelled %s but what it runs is for %s", shortName(r.platform), arch),
		Fix:      "remove the emulator from the image: it belongs on the machine that builds; then build the program for the target platform",
	})
	return nil
}
