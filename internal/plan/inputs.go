package plan

import (
	"slices"
	"strings"
)

// Inputs are what the user wrote, as text, before anything is believed of it. New turns them into a Plan.
type Inputs struct {
	Context   string
	File      string
	Target    string
	Platforms []string
	Call      string

	BuildArgs         []string
	Labels            []string
	PlatformOverrides string
	BuildContexts     []string

	Secrets     []string // in the form of flags
	SecretTexts []string // in the form of the environment: NAME=VALUE
	SecretEnvs  []string
	SecretFiles []string
	SSH         []string
	GitHubToken string

	NoCache        string
	NoCacheFilters []string
	Pull           string
	Network        string
	AddHosts       []string
	ShmSize        string
	Ulimit         []string
	CgroupParent   string
	Allow          []string

	CacheFrom []string
	CacheTo   []string

	Tags []string
	Push string
	Load string

	SmokeTest        string
	SmokeTestTimeout string
	QEMUCPU          []string
	Verify           string
	VerifyIgnore     []string
	VerifySeverity   []string

	Builder               string
	Nodes                 []string
	RequireNative         string
	BuildkitImage         string
	BuildkitdConfig       string
	BuildkitdConfigInline string
	BuildkitdFlags        string
	DriverOpts            []string
	RegistryMirrors       []string
	InsecureRegistries    []string
	RegistryCAs           []string
	RegistryRetry         string
	ForceTag              string
	KeepBuilder           string
	KeepHandlers          string
	Binfmt                string
	BinfmtImage           string

	Preflight       string
	Parallel        string
	FailFast        string
	AllowFailure    []string
	PlatformTimeout string

	Summary  string
	Report   string
	JUnit    string
	Progress string

	Staged string
	Record string

	// What follows is of commands that work with images which exist.
	Sources []string
	Append  string
	Wait    string
	FromTag string
	Expect  string
	Rules   []string
}

// Kind says how the text of an input is read.
type Kind string

// The kinds of inputs.
const (
	KindText  Kind = "text"
	KindBool  Kind = "bool"
	KindList  Kind = "list"  // separated by commas or newlines; as a flag also repeated
	KindLines Kind = "lines" // separated by newlines only, because the values may hold commas; as a flag repeated
	KindKey   Kind = "key"   // one value, or true to have it chosen
	// KindOptions are lines whose quotes belong to the values, which are lists of options themselves.
	KindOptions Kind = "options"
	// KindSecrets are lines of which blanks are no less secret than the rest.
	KindSecrets Kind = "secrets"
)

// Input is one row of the table that makes the flags, the environment names and the inputs of action.yml.
type Input struct {
	Name    string // as in action.yml; MULTIARCH_<NAME> in the environment
	Flag    string // the long flag, without dashes; empty: the positional argument, or an input that must not be in a list of processes
	Short   string // the one-letter flag, if there is one
	Kind    Kind
	Default string
	// ActionDefault is the default in action.yml where that is an expression of GitHub's, which means nothing elsewhere.
	ActionDefault string
	Help          string // one line

	text func(*Inputs) *string
	list func(*Inputs) *[]string
	// environment is where the values from the environment are kept, if they have another form there than as flags.
	environment func(*Inputs) *[]string
	whole       bool // as a flag it is one value, whatever commas it holds
}

// Text returns where the value of an input of kind KindText or KindBool is kept.
func (i Input) Text(in *Inputs) *string { return i.text(in) }

// List returns where the values of an input of kind KindList or KindLines are kept.
func (i Input) List(in *Inputs) *[]string { return i.list(in) }

// Environment returns where the values are kept that the environment gives.
func (i Input) Environment(in *Inputs) *[]string {
	if i.environment != nil {
		return i.environment(in)
	}
	return i.list(in)
}

// FlagValues reads the text of one flag of an input that holds several values. Of the forms of Split a list in brackets is understood
// for every kind, and commas for a KindList.
func (i Input) FlagValues(text string) ([]string, error) {
	if values, ok := i.Kind.bracketed(strings.TrimSpace(text)); ok {
		return i.Kind.clean(values), nil
	}
	if i.Kind == KindList && !i.whole {
		return i.Kind.Split(text)
	}
	return []string{text}, nil
}

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
func BuildInputs() []Input {
	return slices.Concat(imageInputs(), callInputs(), argumentInputs(), contextInputs(), secretInputs(), stepInputs(), cacheInputs(), proofInputs(), builderInputs(), registryInputs(), emulationInputs(), courseInputs(), stagingInputs(), outputInputs())
}

// imageInputs are what is built, and where it goes.
func imageInputs() []Input {
	return []Input{
		{
			Name: "context", Kind: KindText, Default: ".", Help: "folder that is sent to the builder, Git URL with #ref:folder, URL of an archive, or - for standard input",
			text: func(in *Inputs) *string { return &in.Context },
		},
		{
			Name: "file", Flag: "file", Short: "f", Kind: KindText, Help: "Dockerfile, or - for standard input (default: Dockerfile in the context)",
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
	}
}

// proofInputs are what every platform must pass.
func proofInputs() []Input {
	return []Input{
		{
			Name: "smoke-test", Flag: "test", Kind: KindText, Help: "command to run in each platform's image before it is pushed; exit status 0 passes",
			text: func(in *Inputs) *string { return &in.SmokeTest },
		},
		{
			Name: "smoke-test-timeout", Flag: "test-timeout", Kind: KindText, Default: "2m", Help: "how long the smoke test may take on one platform",
			text: func(in *Inputs) *string { return &in.SmokeTestTimeout },
		},
		{
			Name: "qemu-cpu", Flag: "qemu-cpu", Kind: KindLines, Help: "processor for smoke tests under QEMU, for all platforms or for one: linux/arm/v6=arm1176",
			list: func(in *Inputs) *[]string { return &in.QEMUCPU },
		},
		{
			Name: "verify", Flag: "verify", Kind: KindText, Default: "full", Help: "off: believe the labels; manifest: check index and configs; static: also what each image starts; full: also every file",
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
	}
}

// builderInputs are which builder is used, and how one is started.
func builderInputs() []Input {
	return []Input{
		{
			Name: "builder", Flag: "builder", Kind: KindText,
			Help: "name of a builder that an earlier run kept, address of a running BuildKit, local or none (default: start a container)",
			text: func(in *Inputs) *string { return &in.Builder },
		},
		{
			Name: "nodes", Flag: "node", Kind: KindLines,
			Help: "a further builder, for example linux/arm64=tcp://arm:1234,cacert=ca.pem,cert=cert.pem,key=key.pem",
			list: func(in *Inputs) *[]string { return &in.Nodes },
		},
		{
			Name: "require-native", Flag: "require-native", Kind: KindBool, Default: "false", Help: "build nothing unless every platform has a node that runs it natively",
			text: func(in *Inputs) *string { return &in.RequireNative },
		},
		{
			Name: "buildkit-image", Flag: "buildkit-image", Kind: KindText, Default: BuildkitImage, Help: "image of the builder",
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
			Name: "buildkitd-flags", Flag: "buildkitd-flags", Kind: KindText, Help: "flags for buildkitd, for example --debug",
			text: func(in *Inputs) *string { return &in.BuildkitdFlags },
		},
		{
			Name: "driver-opts", Flag: "driver-opt", Kind: KindOptions, Help: "option NAME=VALUE of the builder's container, for example memory=2g or network=host",
			list: func(in *Inputs) *[]string { return &in.DriverOpts },
		},
	}
}

// registryInputs are how registries are reached, and what stays.
func registryInputs() []Input {
	return []Input{
		{
			Name: "registry-mirrors", Flag: "registry-mirror", Kind: KindLines, Help: "mirror of a registry, for example docker.io=mirror.example.org",
			list: func(in *Inputs) *[]string { return &in.RegistryMirrors },
		},
		{
			Name: "insecure-registries", Flag: "insecure-registry", Kind: KindList, Help: "registries that speak plain HTTP, for example registry.example.org:5000",
			list: func(in *Inputs) *[]string { return &in.InsecureRegistries },
		},
		{
			Name: "registry-cas", Flag: "registry-ca", Kind: KindLines, Help: "certificate to trust a registry by, for example registry.example.org=ca.pem",
			list: func(in *Inputs) *[]string { return &in.RegistryCAs },
		},
		{
			Name: "registry-retry", Flag: "registry-retry", Kind: KindText, Default: "10m", Help: "how long to wait, all in all, for registries that are in trouble or limit requests; 0: not at all",
			text: func(in *Inputs) *string { return &in.RegistryRetry },
		},
		{
			Name: "force-tag", Flag: "force-tag", Kind: KindBool, Default: "false", Help: "move tags also if they lose platforms by it, or go back to an older commit or version",
			text: func(in *Inputs) *string { return &in.ForceTag },
		},
		{
			Name: "keep-builder", Flag: "keep-builder", Kind: KindBool, Default: "false", Help: "leave the builder container running at the end",
			text: func(in *Inputs) *string { return &in.KeepBuilder },
		},
		{
			Name: "keep-handlers", Flag: "keep-handlers", Kind: KindBool, Default: "false", Help: "leave the emulators registered at the end",
			text: func(in *Inputs) *string { return &in.KeepHandlers },
		},
	}
}

// emulationInputs are how foreign programs run.
func emulationInputs() []Input {
	return []Input{
		{
			Name: "binfmt", Flag: "binfmt", Kind: KindText, Default: "auto", Help: "auto: register emulators that are needed; always: of all platforms that do not run natively; never: none",
			text: func(in *Inputs) *string { return &in.Binfmt },
		},
		{
			Name: "binfmt-image", Flag: "binfmt-image", Kind: KindText, Default: DefaultBinfmtImage, Help: "image that emulators are taken from if this machine has none; none: no image",
			text: func(in *Inputs) *string { return &in.BinfmtImage },
		},
	}
}

// outputInputs are how the run is shown.
func outputInputs() []Input {
	return []Input{
		{
			Name: "summary", Flag: "summary", Kind: KindText, Help: "file to append the Markdown summary to (default: the CI host's)",
			text: func(in *Inputs) *string { return &in.Summary },
		},
		{
			Name: "report", Flag: "report", Kind: KindText, Help: "file to write the JSON report to",
			text: func(in *Inputs) *string { return &in.Report },
		},
		{
			Name: "junit", Flag: "junit", Kind: KindText, Help: "file to write the report to as JUnit XML, for GitLab and Jenkins",
			text: func(in *Inputs) *string { return &in.JUnit },
		},
		{
			Name: "progress", Flag: "progress", Kind: KindText, Default: "auto",
			Help: "auto; plain: lines that begin with the platform; tty: a line for each platform; quiet; rawjson: BuildKit's messages as JSON",
			text: func(in *Inputs) *string { return &in.Progress },
		},
	}
}
