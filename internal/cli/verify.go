package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/org/multiarch-action/internal/layers"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/report"
	"github.com/org/multiarch-action/internal/source"
)

// errBad ends a verification whose report says what was found.
var errBad = errors.New("verification found errors")

// verifyInputs are what the verify command is asked, as text.
type verifyInputs struct {
	images    []string
	platforms []string
	require   []string
	against   string
	ignore    []string
	severity  []string
	policy    string
	junit     string
	sarif     string
	markdown  string
	asJSON    bool

	registries plan.Inputs // only those about registries
}

func (a *app) verifyCommand() *cobra.Command {
	var in verifyInputs
	cmd := &cobra.Command{
		Use:   "verify [flags] IMAGE…",
		Short: "Prove of images that exist that each platform holds programs for it",
		Long: `Read images from a registry, a folder with the OCI layout or an archive, and check for every platform
that what it starts is a program of that architecture, that nothing it needs is missing, and that all
documents and layers are those that they are named as. Nothing is run, and nothing is written to disk.

IMAGE is a name as in ghcr.io/owner/app:1.4, oci-layout://PATH with :TAG or @DIGEST behind it, or a path
that begins with / or ./ or ends with .tar. Registries are asked without a login first; flags of logins and registries can also be given in the
environment, by the names in docs/release-inputs.md.

Exit status: 0 all are good; 3 verification found errors; 1 an image could not be read, whatever was
found in others; 2 the request was wrong; 130 cancelled. The names of good images are printed with
their digests on standard output.`,
		Example: `  multiarch-action verify ghcr.io/owner/app:1.4
  multiarch-action verify --platform linux/arm64 --json busybox alpine
  multiarch-action verify --require-platforms linux/amd64,linux/arm64 --junit verify.xml ./out
  multiarch-action verify --against ghcr.io/owner/app:1.3 ghcr.io/owner/app:1.4`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return &usageError{command: cmd.CommandPath(), err: errors.New("no image is named")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			in.images = args
			if err := a.fromEnvironment(cmd.Flags(), plan.RegistryInputs(), &in.registries); err != nil {
				return err
			}
			if err := a.verifyFromEnvironment(cmd.Flags()); err != nil {
				return err
			}
			v, err := a.newVerification(cmd.Context(), in)
			if err != nil {
				return err
			}
			return v.execute(cmd.Context(), in)
		},
	}
	verifyFlags(cmd, &in)
	return cmd
}

func verifyFlags(cmd *cobra.Command, in *verifyInputs) {
	flags := cmd.Flags()
	flags.StringSliceVar(&in.platforms, "platform", nil, "look only into these platforms, for example linux/arm64")
	flags.StringSliceVar(&in.require, "require-platforms", nil, "platforms that every image must have; others may be there too")
	flags.StringVar(&in.against, "against", "", "an earlier image to compare with: platforms that are gone, sizes, checks that got worse")
	flags.StringArrayVar(&in.ignore, "ignore", nil, "findings that do not count, as CHECK[:platform][:glob]; they are shown all the same")
	flags.StringArrayVar(&in.severity, "severity", nil, "how severe a check is, as CHECK=warning")
	flags.StringVar(&in.policy, "policy", "", "file with findings that do not count and why, severities, and required platforms")
	flags.BoolVar(&in.asJSON, "json", false, "print everything as JSON on standard output")
	flags.StringVar(&in.junit, "junit", "", "file to write test results to, for GitLab and Jenkins")
	flags.StringVar(&in.sarif, "sarif", "", "file to write findings to, for GitHub's code scanning")
	flags.StringVar(&in.markdown, "markdown", "", "file to write a Markdown page to (default: the CI host's summary)")
	inputFlags(cmd, plan.RegistryInputs(), &in.registries)
	flags.SortFlags = false
}

// verifyNames are the names under which flags of the verify command are set in the environment (MULTIARCH_<NAME>), where it is not that of
// the flag: those of the build command.
var verifyNames = map[string]string{
	"platform": "platforms", "ignore": "verify-ignore", "severity": "verify-severity", "policy": "verify-policy", "markdown": "summary",
}

// verifyFromEnvironment fills in what no flag has said.
func (a *app) verifyFromEnvironment(flags *pflag.FlagSet) error {
	var problems plan.InputErrors
	flags.VisitAll(func(flag *pflag.Flag) {
		name := cmp.Or(verifyNames[flag.Name], flag.Name)
		text := a.host.Input(name, "")
		if _, row := flag.Value.(*inputFlag); row {
			return // it is of the table
		}
		if flag.Changed || text == "" || flag.Name == "help" {
			return
		}
		if list, ok := flag.Value.(pflag.SliceValue); ok {
			values, _ := plan.KindList.Split(text) // only secrets can be wrong
			_ = list.Replace(values)               // lists of texts take any
		} else if err := flag.Value.Set(text); err != nil { // only --json is no text
			problems = append(problems, &plan.InputError{Input: "--" + flag.Name, Value: text, Rule: "it is neither true nor false", Hint: "write true or false"})
		}
	})
	if len(problems) > 0 {
		return problems
	}
	return nil
}

// imageVerifier is one run of the verify command.
type imageVerifier struct {
	*app
	references []source.Reference
	platforms  []plan.Platform // to look into; empty: all
	require    []plan.Platform
	against    *source.Reference
	policy     plan.Policy
	level      plan.Level

	opener  source.Opener
	reader  *layers.Reader
	display *counter
}

// newVerification reads what is asked. All problems are reported at once.
func (a *app) newVerification(ctx context.Context, in verifyInputs) (*imageVerifier, error) {
	v := &imageVerifier{app: a, level: plan.VerifyFull, display: &counter{}}
	v.reader = layers.NewReader(layers.Limits{}, v.display.read)
	var problems plan.InputErrors
	reference := func(input, text string) source.Reference {
		ref, err := source.Parse(text)
		problems = append(problems, named(input, err)...)
		return ref
	}
	for _, text := range in.images {
		v.references = append(v.references, reference("", text))
	}
	platforms := func(input string, texts []string) []plan.Platform {
		var out []plan.Platform
		for _, text := range texts {
			p, err := plan.ParsePlatform(strings.TrimSpace(text))
			problems = append(problems, named(input, err)...)
			out = append(out, p)
		}
		return out
	}
	v.platforms, v.require = platforms("--platform", in.platforms), platforms("--require-platforms", in.require)
	if in.against != "" {
		ref := reference("--against", in.against)
		v.against = &ref
		if len(in.images) > 1 {
			problems = append(problems, &plan.InputError{Input: "--against", Value: in.against, Rule: fmt.Sprintf("one image can be compared with it, and %d are named", len(in.images)), Hint: "name one image"})
		}
	}
	world, err := a.planWorld(ctx)
	if err != nil {
		return nil, err
	}
	registries, wrong := plan.NewRegistries(in.registries, world)
	problems = append(problems, wrong...)
	policy, wrong := plan.NewPolicy(in.ignore, in.severity, checkIDs())
	problems = append(problems, wrong...)
	if in.policy != "" {
		file, wrong := plan.ReadPolicyFile(in.policy, world)
		problems, policy = append(problems, wrong...), file.Join(policy)
		for _, required := range file.Platforms {
			v.require = append(v.require, required.Platform)
		}
	}
	v.policy = policy
	if len(problems) > 0 {
		return nil, problems
	}
	for _, text := range policy.Expired() {
		a.say("policy", "%s", text)
	}
	v.opener, err = a.opener(registries)
	return v, err
}

// named says of which input a problem is.
func named(input string, err error) plan.InputErrors {
	var problem *plan.InputError
	if !errors.As(err, &problem) {
		return nil
	}
	problem.Input = input
	return plan.InputErrors{problem}
}

// execute verifies all images and reports whatever came of it.
func (v *imageVerifier) execute(ctx context.Context, in verifyInputs) error {
	saveMemory()
	started := time.Now()
	stop := v.progress()
	result, problems := v.all(ctx)
	stop()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	result.Seconds = time.Since(started).Seconds()
	if err := v.write(result, in); err != nil {
		return err
	}
	switch {
	case len(problems) > 0:
		last := len(problems) - 1
		for _, problem := range problems[:last] {
			v.explain(problem)
		}
		return problems[last]
	case result.Verdict != report.VerdictGood:
		return errBad
	}
	return nil
}

// memoryForLayers is how much memory the runtime of Go should keep to while layers are read. What the program itself is in memory comes
// on top, about 25 MiB. Tables of very many files need more, and get it.
const memoryForLayers = 56 << 20

// saveMemory lets garbage be collected sooner than usual: unpacking makes little of it, so that this costs no time. A limit that somebody
// has set with GOMEMLIMIT stays.
func saveMemory() {
	debug.SetGCPercent(50)
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(memoryForLayers)
	}
}

// write writes the result everywhere that it is wanted.
func (v *imageVerifier) write(result *report.Verification, in verifyInputs) error {
	v.annotate(result.Annotations(), sameFile)
	foreign := v.host.Foreign() // it quotes what images hold
	problems := []error{result.Terminal(v.coloured(foreign)), foreign.Close()}
	file := func(path string, mode int, write writerTo) {
		if path != "" {
			problems = append(problems, writeFile(path, mode, write))
		}
	}
	file(in.junit, os.O_TRUNC, result.JUnit)
	file(in.sarif, os.O_TRUNC, result.SARIF)
	if in.markdown != "" {
		file(in.markdown, os.O_TRUNC, result.Markdown)
	} else {
		problems = append(problems, v.summarise("", result.MarkdownWithin))
	}
	if in.asJSON {
		return errors.Join(append(problems, result.JSON(v.results()))...)
	}
	for i, image := range result.Images {
		if image.Verdict == report.VerdictGood {
			_, err := fmt.Fprintln(v.Stdout, v.references[i].WithDigest(image.Digest))
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}
