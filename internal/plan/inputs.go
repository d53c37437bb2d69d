package plan

import (
	"slices"
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
	Resources      []string

	CacheFrom []string
	CacheTo   []string

	Images    []string
	Tags      []string
	Flavor    []string
	SepTags   string
	SepLabels string

	Registry     string
	Username     string
	Password     string
	PasswordFile string
	RegistryAuth string

	Push        string
	Load        string
	Outputs     []string
	Annotations []string
	Attests     []string
	Provenance  string
	SBOM        string

	SmokeTest           []string
	SmokeTestExpect     []string
	SmokeTestEntrypoint string
	SmokeTestTimeout    string
	SmokeTestNetwork    string
	QEMUCPU             []string
	Verify              string
	VerifyIgnore        []string
	VerifySeverity      []string
	VerifyPolicy        string

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

	Summary      string
	Report       string
	JUnit        string
	Dotenv       string
	Links        string
	IIDFile      string
	MetadataFile string
	Progress     string

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

// BuildInputs returns the table of the build command's inputs, in the order in which they are documented. Names are those
// of docker/build-push-action and docker/setup-buildx-action, flags those of docker buildx build, where these have one.
func BuildInputs() []Input {
	return slices.Concat(imageInputs(), callInputs(), ruleInputs(), argumentInputs(), contextInputs(), secretInputs(), stepInputs(), cacheInputs(), destinationInputs(), proofInputs(), builderInputs(), registryInputs(), loginInputs(), emulationInputs(), courseInputs(), stagingInputs(), outputInputs())
}

// imageInputs are what is built.
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
			Name: "platforms", Flag: "platform", Kind: KindList, Help: "platforms to build, for example linux/amd64,linux/arm64 (default: that of the builder)",
			list: func(in *Inputs) *[]string { return &in.Platforms },
		},
		{
			Name: "tags", Flag: "tag", Short: "t", Kind: KindOptions, Help: "image references to move to the result, for example ghcr.io/owner/app:1.4; or rules for them (docs/tagging.md)",
			list: func(in *Inputs) *[]string { return &in.Tags },
		},
		{
			Name: "target", Flag: "target", Kind: KindText, Help: "stage of the Dockerfile to build (default: the last)",
			text: func(in *Inputs) *string { return &in.Target },
		},
	}
}

// destinationInputs are where the image goes, and what goes with it.
func destinationInputs() []Input {
	return []Input{
		{
			Name: "push", Flag: "push", Kind: KindBool, Default: "false", Help: "push the platforms by digest, then the index, then move the tags",
			text: func(in *Inputs) *string { return &in.Push },
		},
		{
			Name: "load", Flag: "load", Kind: KindBool, Default: "false", Help: "load the image into the local Docker engine",
			text: func(in *Inputs) *string { return &in.Load },
		},
		{
			Name: "outputs", Flag: "output", Short: "o", Kind: KindOptions, Help: "where the result goes, for example type=oci,dest=app.tar or type=local,dest=out",
			list: func(in *Inputs) *[]string { return &in.Outputs },
		},
		{
			Name: "annotations", Flag: "annotation", Kind: KindLines, Help: "annotation KEY=VALUE of the manifests, or of the documents before a colon: index,manifest[linux/arm64]:KEY=VALUE; none: only those that are given",
			list: func(in *Inputs) *[]string { return &in.Annotations },
		},
		{
			Name: "attests", Flag: "attest", Kind: KindOptions, Help: "attestation of each platform, for example type=provenance,mode=max or type=sbom",
			list: func(in *Inputs) *[]string { return &in.Attests },
		},
		{
			Name: "provenance", Flag: "provenance", Kind: KindText, Help: "how each platform was built: min, max, attributes as mode=max,builder-id=URL, or false (default: min for several platforms)",
			text: func(in *Inputs) *string { return &in.Provenance },
		},
		{
			Name: "sbom", Flag: "sbom", Kind: KindText, Help: "what each platform's image holds: true, or attributes as generator=IMAGE",
			text: func(in *Inputs) *string { return &in.SBOM },
		},
	}
}

// ruleInputs are how tags and labels are made, and how they are written as outputs.
func ruleInputs() []Input {
	return []Input{
		{
			Name: "images", Flag: "image", Kind: KindOptions, Help: "image that the rules in tags are for, for example ghcr.io/owner/app or name=ghcr.io/owner/app,enable=true",
			list: func(in *Inputs) *[]string { return &in.Images },
		},
		{
			Name: "flavor", Flag: "flavor", Kind: KindOptions, Help: "what goes for all rules: latest=auto|true|false, prefix=TEXT[,onlatest=true], suffix=TEXT[,onlatest=true]",
			list: func(in *Inputs) *[]string { return &in.Flavor },
		},
		{
			Name: "sep-tags", Flag: "sep-tags", Kind: KindText, Help: "what separates tags in the output (default: a line end)",
			text: func(in *Inputs) *string { return &in.SepTags },
		},
		{
			Name: "sep-labels", Flag: "sep-labels", Kind: KindText, Help: "what separates labels in the output (default: a line end)",
			text: func(in *Inputs) *string { return &in.SepLabels },
		},
	}
}

// proofInputs are what every platform must pass.
func proofInputs() []Input {
	return []Input{
		{
			Name: "smoke-test", Flag: "test", Kind: KindCommands,
			Help: "command to run in each platform's image before it is pushed, for all platforms or for one: linux/arm64=COMMAND; exit status 0 passes",
			list: func(in *Inputs) *[]string { return &in.SmokeTest },
		},
		{
			Name: "smoke-test-expect", Flag: "test-expect", Kind: KindCommands, Help: "text that the command's output must hold, for all platforms or for one: linux/arm64=TEXT",
			list: func(in *Inputs) *[]string { return &in.SmokeTestExpect },
		},
		{
			Name: "smoke-test-entrypoint", Flag: "test-entrypoint", Kind: KindText, Alone: "true", Default: "false",
			Help: "start each platform's image as it is; it must end with exit status 0, or its HEALTHCHECK succeed, or, without one, live for 10s or the time that is given",
			text: func(in *Inputs) *string { return &in.SmokeTestEntrypoint },
		},
		{
			Name: "smoke-test-timeout", Flag: "test-timeout", Kind: KindText, Default: "2m", Help: "how long a test may take on one platform",
			text: func(in *Inputs) *string { return &in.SmokeTestTimeout },
		},
		{
			Name: "smoke-test-network", Flag: "test-network", Kind: KindText, Default: "none", Help: "none: tests have a loopback device only; default: the network of build steps",
			text: func(in *Inputs) *string { return &in.SmokeTestNetwork },
		},
		{
			Name: "qemu-cpu", Flag: "qemu-cpu", Kind: KindLines,
			Help: "processor for tests under QEMU, for all platforms or for one: linux/arm64=cortex-a53 (default: the oldest of its variant for linux/arm)",
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
		{
			Name: "verify-policy", Flag: "policy", Kind: KindText, Help: "file with findings that do not count and why, severities, the least level, and required platforms",
			text: func(in *Inputs) *string { return &in.VerifyPolicy },
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
			Name: "iidfile", Flag: "iidfile", Kind: KindText, Help: "file to write the image's digest to: of the index, or of the config if there is one platform",
			text: func(in *Inputs) *string { return &in.IIDFile },
		},
		{
			Name: "metadata-file", Flag: "metadata-file", Kind: KindText, Help: "file to write digests and names to, as JSON under the keys of docker buildx build",
			text: func(in *Inputs) *string { return &in.MetadataFile },
		},
		{
			Name: "junit", Flag: "junit", Kind: KindText, Help: "file to write the report to as JUnit XML, for GitLab and Jenkins",
			text: func(in *Inputs) *string { return &in.JUnit },
		},
		{
			Name: "dotenv", Flag: "dotenv", Kind: KindText, Help: "file to write IMAGE, IMAGE_DIGEST and more to, for artifacts:reports:dotenv of GitLab",
			text: func(in *Inputs) *string { return &in.Dotenv },
		},
		{
			Name: "links", Flag: "links", Kind: KindText, Help: "file to write links to the image and the commit to, for artifacts:reports:annotations of GitLab",
			text: func(in *Inputs) *string { return &in.Links },
		},
		{
			Name: "progress", Flag: "progress", Kind: KindText, Default: "auto",
			Help: "auto; plain: lines that begin with the platform; tty: a line for each platform; quiet: the image's ID alone; none; rawjson: BuildKit's messages as JSON",
			text: func(in *Inputs) *string { return &in.Progress },
		},
	}
}
