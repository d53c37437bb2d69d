package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/org/multiarch-action/internal/plan"
)

// limitFlags are flags of docker build that docker buildx build keeps as other words for --resource (commands/build.go).
var limitFlags = []struct{ name, letter string }{
	{"memory", "m"}, {"memory-swap", ""}, {"cpu-shares", "c"}, {"cpu-period", ""}, {"cpu-quota", ""}, {"cpuset-cpus", ""}, {"cpuset-mems", ""},
}

// idleFlags are flags of docker build and docker buildx build that BuildKit has no use for, by what is said of them; those of which
// nothing is said ask for what is done anyway.
var idleFlags = []struct {
	name, letter string
	boolean      bool
	note         string
}{
	{"rm", "", true, ""},
	{"force-rm", "", true, ""},
	{"compress", "", true, ""},
	{"disable-content-trust", "", true, ""},
	{"debug", "D", true, "BuildKit's own debug log is --buildkitd-flags --debug"},
	{"isolation", "", false, "BuildKit isolates every step in the same way"},
	{"security-opt", "", false, "a step that needs more rights says RUN --security=insecure, and --allow security.insecure allows it"},
	{"squash", "", true, "a last stage that copies from the one before it, COPY --from, has one layer"},
}

// peerFlags gives the command the flags that people bring along from docker build, without a word in the help text. What they are told
// about those that were used is in the notes.
func peerFlags(cmd *cobra.Command, notes *[]string) {
	flags := cmd.Flags()
	hide := func(name string) { flags.Lookup(name).Hidden = true }
	for _, flag := range limitFlags {
		flags.VarP(&peerFlag{set: func(text string) error { return flags.Set("resource", flag.name+"="+text) }}, flag.name, flag.letter, "short for --resource "+flag.name+"=")
		hide(flag.name)
	}
	for _, flag := range idleFlags {
		f := flags.VarPF(&peerFlag{set: func(text string) error {
			if flag.boolean {
				if on, err := strconv.ParseBool(text); err != nil || !on {
					return err
				}
			}
			if flag.note != "" {
				*notes = append(*notes, fmt.Sprintf("--%s has no effect: %s", flag.name, flag.note))
			}
			return nil
		}}, flag.name, flag.letter, "has no effect")
		if flag.boolean {
			f.NoOptDefVal = "true"
		}
		hide(flag.name)
	}
	flags.Var(&peerFlag{set: func(text string) error { return flags.Set("call", text) }}, "print", "an older name of --call")
	hide("print")
}

// peerFlag does something with its text.
type peerFlag struct{ set func(string) error }

// Set does it.
func (f *peerFlag) Set(text string) error { return f.set(text) }

// String is the default: there is none.
func (f *peerFlag) String() string { return "" }

// Type is the kind of value.
func (f *peerFlag) Type() string { return "string" }

// quiet is the flag of docker buildx build.
const quietFlag = "quiet"

// beQuiet gives --quiet its meaning: another form of progress cannot be wanted too.
func beQuiet(flags *pflag.FlagSet) error {
	quiet, err := flags.GetBool(quietFlag)
	if err != nil || !quiet {
		return nil // the command has none, or it was not given
	}
	progress := flags.Lookup("progress")
	given := progress.Value.(*inputFlag).text()
	if progress.Changed && given != string(plan.ProgressAuto) && given != string(plan.ProgressQuiet) {
		return plan.InputErrors{{Input: "--progress", Value: given, Rule: "--quiet is given too", Hint: "leave out one of the two"}}
	}
	return flags.Set("progress", string(plan.ProgressQuiet))
}

// oneContext refuses more than one argument. A value that was meant for a flag which may stand alone is taken for one.
func oneContext(cmd *cobra.Command, args []string) error {
	if len(args) <= 1 {
		return nil
	}
	text := fmt.Sprintf("one context at most, and %d are given: %q", len(args), args)
	var alone []string
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if row, ok := f.Value.(*inputFlag); ok && row.input.Kind != plan.KindBool && !row.input.IsList() && f.NoOptDefVal != "" && row.text() == f.NoOptDefVal {
			alone = append(alone, "--"+f.Name+"=VALUE")
		}
	})
	if len(alone) > 0 {
		text += "; a value of a flag that may stand alone is written behind =, as in " + strings.Join(alone, " ")
	}
	return &usageError{command: cmd.CommandPath(), err: fmt.Errorf("%s", text)}
}

// text is what was given, of an input that holds one value.
func (f *inputFlag) text() string { return *f.input.Text(f.inputs) }
