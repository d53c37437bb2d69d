package plan

import (
	"io/fs"
	"slices"
	"strconv"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
)

// ResultFiles are files that the results are written to in the end; empty: none.
type ResultFiles struct {
	Summary string `json:"summary,omitempty"`
	Report  string `json:"report,omitempty"`
	JUnit   string `json:"junit,omitempty"`
	Dotenv  string `json:"dotenv,omitempty"`
	Links   string `json:"links,omitempty"`
	// IIDFile and MetadataFile are for programs that read them of docker buildx build.
	IIDFile      string `json:"iidFile,omitempty"`
	MetadataFile string `json:"metadataFile,omitempty"`
}

// Plan is everything that a run will do, in values that cannot be wrong: after New there is no raw text for a platform
// or a reference. Its JSON form is what --dry-run --json prints.
type Plan struct {
	// Context is an absolute folder, a URL, or Stdin, as ContextKind says.
	Context     string      `json:"context"`
	ContextKind ContextKind `json:"contextKind"`
	// Dockerfile is an absolute file; a path within a context that is elsewhere; or Stdin.
	Dockerfile     string              `json:"dockerfile"`
	DockerfileText []byte              `json:"-"` // what standard input holds
	Target         string              `json:"target,omitempty"`
	Call           Call                `json:"call,omitzero"`
	Platforms      []Platform          `json:"platforms"`
	ByDefault      bool                `json:"-"`                           // no platform was named, and it is this machine's
	Overrides      map[string]Override `json:"platformOverrides,omitempty"` // by platform
	BuildArgs      []BuildArg          `json:"buildArgs,omitempty"`
	Labels         []Label             `json:"labels,omitempty"`
	Contexts       []NamedContext      `json:"buildContexts,omitempty"`
	Secrets        []Secret            `json:"secrets,omitempty"`
	SSH            []SSHAgent          `json:"ssh,omitempty"`
	Steps          Steps               `json:"steps,omitzero"`
	CacheFrom      []Cache             `json:"cacheFrom,omitempty"`
	CacheTo        []Cache             `json:"cacheTo,omitempty"`

	Tags     []Tag    `json:"tags,omitempty"` // most specific first: the order in which they move
	Metadata Metadata `json:"metadata,omitzero"`
	Push     bool     `json:"push"`
	// ByDigest leaves the tags where they are: what is pushed has a digest and no name.
	ByDigest bool      `json:"byDigest,omitempty"`
	Form     ImageForm `json:"form,omitzero"` // of what is pushed
	Load     bool      `json:"load"`
	// LoadNames are what the engine calls the image; none: as the tags say.
	LoadNames []Tag `json:"loadNames,omitempty"`
	// Outputs are written when every platform has been verified.
	Outputs     []Output     `json:"outputs,omitempty"`
	Annotations []Annotation `json:"annotations,omitempty"`
	Attest      Attestations `json:"attest,omitzero"`
	Verify      Level        `json:"verify"`
	Policy      Policy       `json:"policy,omitzero"`
	Tests       Tests        `json:"tests,omitzero"`
	// Staged says that the platforms are handed to another run, which will publish them: no tag moves. nil: they are not.
	Staged  *Staging `json:"staged,omitempty"`
	Builder Builder  `json:"builder"`
	Logins  []Login  `json:"logins,omitempty"`

	// RegistryRetry is how long the run may wait, all in all, for registries that fail (nanoseconds).
	RegistryRetry time.Duration `json:"registryRetry"`
	ForceTag      bool          `json:"forceTag,omitempty"`

	KeepHandlers bool   `json:"keepHandlers"`
	Binfmt       Binfmt `json:"binfmt"`
	// BinfmtImage is the image that emulators are taken from which this machine does not have; empty: none.
	BinfmtImage string `json:"binfmtImage,omitempty"`
	// SourceDateEpoch is the time, in seconds since 1970, that the image and its files get (https://reproducible-builds.org/specs/source-date-epoch/).
	SourceDateEpoch *int64 `json:"sourceDateEpoch,omitempty"`

	Course Course `json:"course"`

	ResultFiles
	// MetadataProvenance says how much of the provenance is in MetadataFile.
	MetadataProvenance MetadataProvenance `json:"metadataProvenance,omitempty"`
	Progress           Progress           `json:"progress"`
	Notes              []string           `json:"notes,omitempty"` // what was decided without being asked, for the log
}

// BuildArg is a build argument. Only its name is ever printed: values have carried secrets in too many incidents.
type BuildArg struct {
	Name  string `json:"name"`
	Value string `json:"-"`
}

// Tag is an image reference with a tag. Its text is as short as the user may have written it.
type Tag struct{ name.Tag }

// MarshalText writes the whole reference.
func (t Tag) MarshalText() ([]byte, error) { return []byte(t.Name()), nil }

// Level says how much of an image is checked before it is pushed.
type Level string

// The levels of verification.
const (
	VerifyOff      Level = "off"
	VerifyManifest Level = "manifest" // index and configs
	VerifyStatic   Level = "static"   // also what each platform's image starts
	VerifyFull     Level = "full"     // also every file of it
)

// MetadataProvenance says how much provenance a metadata file holds.
type MetadataProvenance string

// How much that is.
const (
	MetadataProvenanceMin MetadataProvenance = ""
	MetadataProvenanceMax MetadataProvenance = "max"
	MetadataProvenanceOff MetadataProvenance = "disabled"
)

// metadataProvenance reads what docker buildx reads from BUILDX_METADATA_PROVENANCE, as it does: what is neither is the least.
func metadataProvenance(text string) MetadataProvenance {
	on, err := strconv.ParseBool(text)
	switch {
	case text == string(MetadataProvenanceMax):
		return MetadataProvenanceMax
	case text == string(MetadataProvenanceOff), err == nil && !on:
		return MetadataProvenanceOff
	}
	return MetadataProvenanceMin
}

// Progress says how the build is shown.
type Progress string

// The ways to show progress.
const (
	ProgressAuto    Progress = "auto"
	ProgressPlain   Progress = "plain"
	ProgressTTY     Progress = "tty"
	ProgressQuiet   Progress = "quiet" // nothing but the image's ID, on standard output
	ProgressNone    Progress = "none"  // not even that
	ProgressRawJSON Progress = "rawjson"
)

// Silent reports whether people are told of nothing but failure.
func (p Progress) Silent() bool { return p == ProgressQuiet || p == ProgressNone }

// Builder says which builder to start, or which to use.
type Builder struct {
	// Use is the name of a running builder that an earlier run kept. Image, Config and Keep do not concern it, as they do not
	// concern a remote one.
	Use string `json:"use,omitempty"`
	// Remote is a BuildKit that somebody else runs; it is never removed. nil: none.
	Remote *Endpoint `json:"remote,omitempty"`
	Local  bool      `json:"local,omitempty"` // start buildkitd as a process of this run instead of a container
	None   bool      `json:"none,omitempty"`  // the nodes do everything
	Nodes  []Node    `json:"nodes,omitempty"`
	// RequireNative forbids platforms that no node runs natively.
	RequireNative bool `json:"requireNative,omitempty"`

	Image  string        `json:"image"`
	Config BuilderConfig `json:"config"`
	// Files are copies of the certificates that the configuration names, by their path below /etc/buildkit in the container.
	Files map[string][]byte `json:"-"`
	// Authorities are certificates, in PEM, that registries of the configuration are to be trusted by.
	Authorities [][]byte      `json:"-"`
	Options     DriverOptions `json:"options,omitzero"`
	Flags       []string      `json:"flags,omitempty"` // of buildkitd
	HostNetwork bool          `json:"hostNetwork"`     // asked for, or because a registry is on a loopback address
	Keep        bool          `json:"keep"`
}

// HoldsImage reports whether the run stores an image anywhere, and not only files.
func (p *Plan) HoldsImage() bool {
	return p.Push || p.Load || slices.ContainsFunc(p.Outputs, Output.HoldsImage)
}

// Index reports whether the result is an index: of several platforms, with attestations, or with annotations that only an index has.
// Else it is the manifest of the only platform.
func (p *Plan) Index() bool {
	return len(p.Platforms) > 1 || p.MultiPlatform() || p.Attest.Any() || slices.ContainsFunc(p.Annotations, func(a Annotation) bool {
		return a.Target == AnnotateIndex || a.Target == AnnotateManifestDescriptor
	})
}

// MultiPlatform reports whether a single platform is to have the form that several have: an index, and a folder for its files. It is asked
// for by BuildKit's own build argument (frontend/dockerui/config.go).
func (p *Plan) MultiPlatform() bool {
	on := false
	for _, arg := range p.BuildArgs {
		if arg.Name == multiPlatformArg {
			on, _ = strconv.ParseBool(arg.Value) // checked when it was read
		}
	}
	return on
}

const multiPlatformArg = "BUILDKIT_MULTI_PLATFORM"

// Loaded returns what the engine is to call the image.
func (p *Plan) Loaded() []Tag {
	if len(p.LoadNames) > 0 {
		return p.LoadNames
	}
	return p.Tags
}

// NamesOf returns what the image is called in an output.
func (p *Plan) NamesOf(o Output) []Tag {
	if len(o.Names) > 0 {
		return o.Names
	}
	return p.Tags
}

// Names returns every name that the image gets, the tags first.
func (p *Plan) Names() []Tag {
	out := append(slices.Clone(p.Tags), p.LoadNames...)
	for _, o := range p.Outputs {
		out = append(out, o.Names...)
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(out, func(t Tag) bool {
		twice := seen[t.Name()]
		seen[t.Name()] = true
		return twice
	})
}

// Repositories returns the repositories of the plan's tags, each once, in the order of the tags.
func (p *Plan) Repositories() []name.Repository { return Repositories(p.Tags) }

// Repositories returns the repositories of tags, each once, in the order of the tags.
func Repositories(tags []Tag) []name.Repository {
	var out []name.Repository
	seen := map[string]bool{}
	for _, tag := range tags {
		if repo := tag.Context(); !seen[repo.Name()] {
			seen[repo.Name()] = true
			out = append(out, repo)
		}
	}
	return out
}

// World is what New may ask of the machine: whether files exist, what they hold, and the environment. Everything in it only reads.
type World struct {
	Dir      string // the working directory, absolute
	Stat     func(path string) (fs.FileInfo, error)
	ReadFile func(path string) ([]byte, error)
	ReadDir  func(path string) ([]fs.DirEntry, error)
	// EvalSymlinks returns the path of what is at a path, without symbolic links.
	EvalSymlinks func(path string) (string, error)
	Getenv       func(name string) string
	Machine      Platform              // what is built if no platform is named
	Checks       []string              // ids of all checks, for what is said about them
	Event        func() (Event, error) // asked where tags are made by rules; nil: nothing has happened
	// Source is the event for the sources at paths, absolute and a folder first; what the run writes is no change of them. nil: unknown.
	Source func(paths, written []string) (Event, error)
	Now    time.Time // for dates in tags, unless SOURCE_DATE_EPOCH says another time
	Run    Run       // of the CI host; zero: there is none
	// ReadStdin returns what standard input holds: the text of a Dockerfile, or that it is an archive.
	ReadStdin func() (text []byte, archive bool, err error)
	// DefaultContext is the Git URL of the commit that the CI host is about; GitServer the host of the server that its token is for.
	DefaultContext, GitServer string
	CacheService              CacheService
}
