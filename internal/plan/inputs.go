package plan

import "strings"

// Inputs are what the user wrote, as text, before anything is believed of it. New turns them into a Plan.
type Inputs struct {
	Context   string
	File      string
	Target    string
	Platforms []string
	BuildArgs []string

	Tags []string
	Push string
	Load string

	SmokeTest        string
	SmokeTestTimeout string
	Verify           string
	VerifyIgnore     []string
	VerifySeverity   []string

	Builder               string
	BuildkitImage         string
	BuildkitdConfig       string
	BuildkitdConfigInline string
	KeepBuilder           string
	KeepHandlers          string

	Summary  string
	Report   string
	Progress string
}

// Kind says how the text of an input is read.
type Kind string

// The kinds of inputs.
const (
	KindText  Kind = "text"
	KindBool  Kind = "bool"
	KindList  Kind = "list"  // separated by commas or newlines; as a flag also repeated
	KindLines Kind = "lines" // separated by newlines only, because the values may hold commas; as a flag repeated
)

// Input is one row of the table that makes the flags, the environment names and the inputs of action.yml.
type Input struct {
	Name    string // as in action.yml; MULTIARCH_<NAME> in the environment
	Flag    string // the long flag, without dashes; empty: the input is the positional argument
	Short   string // the one-letter flag, if there is one
	Kind    Kind
	Default string
	Help    string // one line

	text func(*Inputs) *string
	list func(*Inputs) *[]string
}

// Text returns where the value of an input of kind KindText or KindBool is kept.
func (i Input) Text(in *Inputs) *string { return i.text(in) }

// List returns where the values of an input of kind KindList or KindLines are kept.
func (i Input) List(in *Inputs) *[]string { return i.list(in) }

// IsList reports whether the input holds several values.
func (i Input) IsList() bool { return i.list != nil }

// Label is the input's name as the user of a command line knows it.
func (i Input) Label() string {
	if i.Flag == "" {
		return i.Name
	}
	return "--" + i.Flag
}

// BuildInputs returns the table of the build command's inputs, in the order in which they are documented. Names are those
// of docker/build-push-action and docker/setup-buildx-action, flags those of docker buildx build, where these have one.
func BuildInputs() []Input { //nolint:funlen // a table
	return []Input{
		{
			Name: "context", Kind: KindText, Default: ".", Help: "folder that is sent to the builder",
			text: func(in *Inputs) *string { return &in.Context },
		},
		{
			Name: "file", Flag: "file", Short: "f", Kind: KindText, Help: "Dockerfile (default: Dockerfile in the context)",
			text: func(in *Inputs) *string { return &in.File },
		},
		{
			Name: "platforms", Flag: "platform", Kind: KindList, Help: "platforms to build, for example linux/amd64,linux/arm64",
			list: func(in *Inputs) *[]string { return &in.Platforms },
		},
		{
			Name: "tags", Flag: "tag", Short: "t", Kind: KindList, Help: "image references to move to the result, for example ghcr.io/owner/app:1.4",
			list: func(in *Inputs) *[]string { return &in.Tags },
		},
		{
			Name: "push", Flag: "push", Kind: KindBool, Default: "false", Help: "push the platforms by digest, then the index, then move the tags",
			text: func(in *Inputs) *string { return &in.Push },
		},
		{
			Name: "load", Flag: "load", Kind: KindBool, Default: "false", Help: "load the image into the local Docker engine (one platform)",
			text: func(in *Inputs) *string { return &in.Load },
		},
		{
			Name: "target", Flag: "target", Kind: KindText, Help: "stage of the Dockerfile to build (default: the last)",
			text: func(in *Inputs) *string { return &in.Target },
		},
		{
			Name: "build-args", Flag: "build-arg", Kind: KindLines, Help: "build argument NAME=VALUE, or NAME to take the value from the environment",
			list: func(in *Inputs) *[]string { return &in.BuildArgs },
		},
		{
			Name: "smoke-test", Flag: "test", Kind: KindText, Help: "command to run in each platform's image before it is pushed; exit status 0 passes",
			text: func(in *Inputs) *string { return &in.SmokeTest },
		},
		{
			Name: "smoke-test-timeout", Flag: "test-timeout", Kind: KindText, Default: "2m", Help: "how long the smoke test may take on one platform",
			text: func(in *Inputs) *string { return &in.SmokeTestTimeout },
		},
		{
			Name: "verify", Flag: "verify", Kind: KindText, Default: "static", Help: "off: believe the labels; manifest: check index and configs; static: also what each image starts; full: also every file",
			text: func(in *Inputs) *string { return &in.Verify },
		},
		{
			Name: "verify-ignore", Flag: "ignore", Kind: KindList, Help: "finding that does not count, as CHECK[:platform][:path], for example files/foreign:/opt/**",
			list: func(in *Inputs) *[]string { return &in.VerifyIgnore },
		},
		{
			Name: "verify-severity", Flag: "severity", Kind: KindList, Help: "how bad a check's findings are, as CHECK=error, CHECK=warning or CHECK=note",
			list: func(in *Inputs) *[]string { return &in.VerifySeverity },
		},
		{
			Name: "builder", Flag: "builder", Kind: KindText, Help: "name of a running builder that an earlier run kept (default: start one)",
			text: func(in *Inputs) *string { return &in.Builder },
		},
		{
			Name: "buildkit-image", Flag: "buildkit-image", Kind: KindText, Default: "moby/buildkit:buildx-stable-1", Help: "image of the builder",
			text: func(in *Inputs) *string { return &in.BuildkitImage },
		},
		{
			Name: "buildkitd-config", Flag: "buildkitd-config", Kind: KindText, Help: "buildkitd.toml for the builder, for registry mirrors and the like",
			text: func(in *Inputs) *string { return &in.BuildkitdConfig },
		},
		{
			Name: "buildkitd-config-inline", Flag: "buildkitd-config-inline", Kind: KindText, Help: "the same, as text",
			text: func(in *Inputs) *string { return &in.BuildkitdConfigInline },
		},
		{
			Name: "keep-builder", Flag: "keep-builder", Kind: KindBool, Default: "false", Help: "leave the builder container running at the end",
			text: func(in *Inputs) *string { return &in.KeepBuilder },
		},
		{
			Name: "keep-handlers", Flag: "keep-handlers", Kind: KindBool, Default: "false", Help: "leave the emulators registered at the end",
			text: func(in *Inputs) *string { return &in.KeepHandlers },
		},
		{
			Name: "summary", Flag: "summary", Kind: KindText, Help: "file to append the Markdown summary to (default: the CI host's)",
			text: func(in *Inputs) *string { return &in.Summary },
		},
		{
			Name: "report", Flag: "report", Kind: KindText, Help: "file to write the JSON report to",
			text: func(in *Inputs) *string { return &in.Report },
		},
		{
			Name: "progress", Flag: "progress", Kind: KindText, Default: "auto", Help: "auto, plain, tty or quiet",
			text: func(in *Inputs) *string { return &in.Progress },
		},
	}
}

// Split reads the text of an input that holds several values. Blanks around a value and empty values do not count.
func (k Kind) Split(text string) []string {
	separators := "\n\r"
	if k == KindList {
		separators += ","
	}
	var out []string
	for _, value := range strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(separators, c) }) {
		if value = strings.TrimSpace(value); value != "" {
			out = append(out, value)
		}
	}
	return out
}
